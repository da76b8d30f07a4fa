"""Every setting, with its unit, bound and default; unknown keys are refused.

Settings come from a YAML file (`--config` or CRYPTOFLOW_CONFIG), overridden by environment
variables such as `CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS`. Limits have their unit last in the name.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from typing_extensions import override

from cryptoflow import clock
from cryptoflow.errors import ConfigError

CONFIG_ENV = "CRYPTOFLOW_CONFIG"


class Section(BaseModel):
    """Be the base of a configuration section: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Kafka(Section):
    """Reach the broker and name the topics."""

    bootstrap_servers: str = Field("", description="host:port list of the broker; empty means not configured")
    prefix: str = Field("", description="prefix of every topic and consumer group, e.g. 'prod.'", pattern=r"^[\w.-]*$")
    output_prefix: str = Field("", description="further prefix of md and state topics, for a second run over one log")
    partitions: int = Field(8, ge=1, le=4096, description="partitions of every raw and md topic; fixed at creation")
    replication_factor: int = Field(1, ge=1, le=9, description="replicas of every topic; 3 in production")
    raw_retention_hours: int = Field(168, ge=1, description="retention of raw topics [h]")
    md_retention_hours: int = Field(72, ge=1, description="retention of md topics [h]")
    message_max_bytes: int = Field(8_388_608, ge=65_536, description="largest record [bytes]")
    compression: Literal["lz4", "zstd"] = Field("lz4", description="compression of produced batches")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field("PLAINTEXT", description="transport security")
    sasl_mechanism: str = Field("", description="e.g. SCRAM-SHA-512")
    sasl_username: str = Field("", description="SASL user")
    sasl_password: SecretStr = Field(SecretStr(""), description="SASL password")
    session_timeout_s: float = Field(45.0, ge=1, le=300, description="group session timeout [s]")

    def client(self) -> dict[str, str | int | float | bool]:
        """Return the librdkafka settings that reach the broker."""
        settings: dict[str, str | int | float | bool] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            # Its own lines would stand between our events; what matters reaches us as an error.
            "log_level": 0,
        }
        if self.sasl_mechanism:
            settings["sasl.mechanism"] = self.sasl_mechanism
            settings["sasl.username"] = self.sasl_username
            settings["sasl.password"] = self.sasl_password.get_secret_value()
        return settings

    def raw_topic(self, exchange: str) -> str:
        """Name the raw topic of an exchange."""
        return f"{self.prefix}raw.{exchange}"

    def md_topic(self, name: str) -> str:
        """Name an md topic given its name without prefix, `md.trades`."""
        return f"{self.prefix}{self.output_prefix}{name}"

    def state_topic(self, role: str) -> str:
        """Name the compacted checkpoint topic of an agent role."""
        return f"{self.prefix}{self.output_prefix}state.{role}"

    def control_topic(self, name: str) -> str:
        """Name a control topic, `reseed`."""
        return f"{self.prefix}control.{name}"


class Catalog(Section):
    """Reach the Iceberg catalog: S3 Tables, any REST catalog or a SQL catalog."""

    kind: Literal["s3tables", "rest", "sql"] = Field("s3tables", description="which catalog protocol")
    uri: str = Field("", description="REST endpoint or SQL URL; empty means the S3 Tables endpoint of the region")
    warehouse: str = Field("", description="table bucket ARN for s3tables, else a warehouse location")
    region: str = Field("us-east-1", description="AWS region, also the signing region")
    namespace: str = Field("market_data", pattern=r"^[a-z0-9_]+$", description="namespace of the tables")
    endpoint: str = Field("", description="S3 and S3 Tables endpoint of a stand-in; empty means AWS")
    access_key: SecretStr = Field(SecretStr(""), description="S3 key; empty means the AWS credential chain")
    secret_key: SecretStr = Field(SecretStr(""), description="S3 secret; empty means the AWS credential chain")
    http_timeout_s: float = Field(30.0, gt=0, description="limit of one catalog request [s]")


class Local(Section):
    """Run the local stack of `up`, `demo` and the tests; production never reads it."""

    data_dir: str = Field("var/local", description="folder of the stack's data, logs and state")
    broker: Literal["auto", "kafka", "mock"] = Field(
        "auto", description="kafka: Kafka's own jars; mock: librdkafka's mock, demo only; auto: the first that can run"
    )
    broker_heap_mib: int = Field(512, ge=128, le=16_384, description="Java heap of the broker [MiB]")
    start_timeout_s: float = Field(60.0, gt=0, le=600, description="limit for a part of the stack to come up [s]")


class Flush(Section):
    """Say when a table's buffered rows are written and committed: whichever limit is reached first."""

    flush_bytes: int | None = Field(None, ge=65_536, description="encoded Parquet bytes [bytes]")
    flush_age_s: float | None = Field(None, gt=0, description="age of the oldest buffered row [s]")
    flush_rows: int | None = Field(None, ge=1, description="buffered rows [rows]")


class Sinks(Section):
    """Write md topics to stores. A limit left out of `kinds` takes the value of the profile."""

    enabled: tuple[str, ...] = Field(("iceberg",), description="names of the sinks switched on")
    sink_count: int = Field(1, ge=1, le=1024, description="replicas; partition p belongs to replica p % sink_count")
    sink_index: int = Field(0, ge=0, le=1023, description="which replica this process is")
    tables: tuple[str, ...] = Field((), description="record kinds to write; empty means all")
    profile: Literal["standard", "low_latency"] = Field("standard", description="low_latency: flush_age_s 5")
    flush_bytes: int = Field(134_217_728, ge=65_536, description="flush a table at this size encoded [bytes]")
    flush_age_s: float | None = Field(None, gt=0, description="flush at this age [s]; empty: 60, low_latency 5")
    flush_rows: int = Field(20_000_000, ge=1, description="flush a table at this many rows [rows]")
    kinds: dict[str, Flush] = Field(default_factory=dict, description="limits of single record kinds")
    snapshot_flush_interval_s: float | None = Field(None, gt=0, description="flush_age_s of book_snapshots [s]")
    delta_flush_interval_s: float | None = Field(None, gt=0, description="flush_age_s of book_deltas [s]")
    quiet_commit_s: float = Field(240.0, gt=0, description="move a table without new rows on this often [s]")
    buffer_max_bytes: int = Field(100_663_296, ge=1_048_576, description="bytes held by all tables together [bytes]")
    fetch_max_bytes: int = Field(16_777_216, ge=1_048_576, description="bytes fetched ahead from the broker [bytes]")
    row_group_rows: int = Field(131_072, ge=1_024, le=4_194_304, description="rows encoded and sorted together [rows]")
    open_files_max: int = Field(64, ge=1, le=1024, description="files of one table open at once [files]")
    compression_level: int = Field(3, ge=1, le=19, description="zstd level of Parquet pages")
    manifest_merge_commits: int = Field(100, ge=2, le=10_000, description="small manifests that are merged [manifests]")
    snapshot_keep_min: int = Field(
        100, ge=1, le=100_000, description="table snapshots kept whatever their age [snapshots]"
    )
    snapshot_max_age_h: float = Field(
        24.0,
        ge=0,
        description="age at which a commit drops older table snapshots [h]; 0: never; s3tables: the service does",
    )
    commit_retry_min_s: float = Field(0.1, ge=0, description="first wait before a commit is tried again [s]")
    commit_retry_max_s: float = Field(30.0, gt=0, description="longest wait before a commit is tried again [s]")
    topic_wait_s: float = Field(120.0, ge=0, description="wait for the broker and for topics at start [s]")
    shutdown_limit_s: float = Field(15.0, gt=0, le=25, description="time for the last flush after a stop [s]")
    create_tables: bool = Field(True, description="create missing tables and add declared columns at start")
    new_table_start: Literal["beginning", "log_start"] = Field(
        "beginning", description="where a table without positions begins; beginning demands that offset 0 is still held"
    )

    def flush_of(self, kind: str) -> Flush:
        """Resolve the limits of one record kind; every field of the answer has a value."""
        own = self.kinds.get(kind, Flush())
        age = self.flush_age_s or (5.0 if self.profile == "low_latency" else 60.0)
        named = {"book_snapshots": self.snapshot_flush_interval_s, "book_deltas": self.delta_flush_interval_s}.get(kind)
        return Flush(
            flush_bytes=own.flush_bytes or self.flush_bytes,
            flush_age_s=own.flush_age_s or named or age,
            flush_rows=own.flush_rows or self.flush_rows,
        )


class Agents(Section):
    """Run the worker that turns raw topics into md topics."""

    role: str = Field("all", pattern=r"^[a-z0-9_]+$", description="which outputs; names the group and the state topic")
    exchanges: tuple[str, ...] = Field((), description="exchanges to read; empty means all whose raw topic exists")
    checkpoint_interval_s: float = Field(1.0, gt=0, le=60, description="time between two checkpoints [s]")
    book_checkpoint_interval_s: float = Field(
        30.0, ge=0, le=600, description="time between two checkpoints of a state that holds a book [s]"
    )
    checkpoint_max_states: int = Field(
        2000, ge=1, description="states written in one checkpoint, oldest first [states]"
    )
    clear_interval_s: float = Field(60.0, gt=0, description="clear barriers of earlier epochs again this often [s]")
    take_max_records: int = Field(1000, ge=1, le=100_000, description="raw records processed at once [records]")
    buffer_max_takes: int = Field(
        8, ge=2, le=10_000, description="fetches waiting inside Faust, all partitions [takes]"
    )
    buffer_max_bytes: int = Field(
        33_554_432, ge=1_048_576, description="raw values waiting for the core, all partitions [bytes]"
    )
    md_record_max_bytes: int = Field(4_194_304, ge=65_536, description="md record size before compression [bytes]")
    restore_timeout_s: float = Field(60.0, gt=0, le=600, description="limit for reading states at assignment [s]")
    progress_timeout_s: float = Field(120.0, ge=1, description="lag without progress that ends the process [s]")
    rebalance_timeout_s: float = Field(90.0, ge=1, description="longest rebalance before the process ends [s]")
    stop_timeout_s: float = Field(30.0, ge=1, le=300, description="time from SIGTERM to the hard exit [s]")
    topic_wait_s: float = Field(30.0, ge=0, description="wait for the broker and for topics at start [s]")
    accept_lost_log: bool = Field(
        False, description="go on, with a gap, where retention removed raw records that were still needed"
    )


class Producer(Section):
    """Carry frames from sockets and REST to the raw topics without losing any silently."""

    channels: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="channels per `<exchange>.<market>`, one of trades, quotes, books each; others have defaults",
    )
    endpoints: dict[str, str] = Field(
        default_factory=dict,
        description="other URLs per `<exchange>.<market>.<endpoint>` (`….rest` for REST); refused in production",
    )
    local_address: str = Field("", description="local address connections leave from; empty means any")
    replica_count: int = Field(1, ge=1, le=1024, description="producers that share the symbols")
    replica_index: int = Field(0, ge=0, le=1023, description="which of them this one is")
    replica_from: Literal["setting", "ordinal"] = Field(
        "setting", description="ordinal: the index is the number a StatefulSet puts at the end of the hostname"
    )
    handover_limit_s: float = Field(
        60.0, gt=0, le=3600, description="wait of a handover for proof of the other owner, per stream [s]"
    )
    symbols: tuple[str, ...] = Field(
        (),
        description="what to record: names, or an expression such as `binance.usdm: quote=USDT top=50`; empty: all",
    )
    streams: tuple[Literal["trades", "quotes", "book", "funding", "liquidations"], ...] = Field(
        (), description="stream kinds this process records; empty means all"
    )
    ip_shards_file: str = Field("", description="file of the local address each symbol leaves from; empty means none")
    address_cool_down_s: float = Field(
        60.0, ge=1, le=86_400, description="least rest of a local address the venue limited [s]"
    )
    frame_max_bytes: int = Field(
        16_777_216,
        ge=1024,
        description="largest frame; a larger one ends its connection [bytes]; Coinbase sends books of 5 MB as one",
    )
    receive_queue_max_frames: int = Field(1024, ge=1, description="frames read ahead of a connection's reader")
    open_timeout_s: float = Field(10.0, gt=0, description="limit of opening a connection [s]")
    close_timeout_s: float = Field(2.0, gt=0, description="limit of closing a connection [s]")
    ping_interval_s: float = Field(20.0, gt=0, description="our pings, and the limit of their answers [s]")
    reconnect_min_s: float = Field(0.5, gt=0, description="first back-off between connects, with full jitter [s]")
    reconnect_max_s: float = Field(30.0, gt=0, description="largest back-off between connects [s]")
    lifetime_share: float = Field(
        0.95, gt=0, le=1, description="share of an endpoint's lifetime after which to replace"
    )
    overlap_grace_s: float = Field(1.0, ge=0, description="overlap after a replacement is acknowledged [s]")
    overlap_max_s: float = Field(10.0, gt=0, le=10, description="limit of a replacement to become ready [s]")
    overlap_max_frames: int = Field(50_000, ge=1, description="frames of a replacement held back during the overlap")
    linger_min_ms: float = Field(4.0, ge=0, description="least wait of an envelope for more frames [ms]")
    linger_max_ms: float = Field(40.0, ge=0, description="largest wait, reached under load [ms]")
    linger_busy_ms: float = Field(200.0, ge=0, description="largest wait while the process has no time to spare [ms]")
    records_target_per_s: int = Field(3000, ge=1, description="raw records a second above which envelopes wait longer")
    envelope_max_frames: int = Field(500, ge=1, description="frames of one raw record")
    envelope_max_bytes: int = Field(262_144, ge=1024, description="bytes of one raw record, but for one large frame")
    in_flight_max_bytes: int = Field(33_554_432, ge=65_536, description="bytes unacknowledged before the spool [bytes]")
    in_flight_max_records: int = Field(20_000, ge=1, description="records unacknowledged before the spool")
    spool_after_s: float = Field(2.0, gt=0, description="age of an unacknowledged record that starts the spool [s]")
    spool_dir: str = Field("data/spool", description="directory of the spool; each replica has its own folder in it")
    spool_max_bytes: int = Field(8_589_934_592, ge=0, description="size limit of the spool [bytes]; 0 switches it off")
    spool_segment_bytes: int = Field(16_777_216, ge=4096, description="size of one spool file [bytes]")
    spool_fsync: Literal["segment", "interval", "off"] = Field(
        "interval", description="when the spool reaches the disk: each file's end, also every second, when the OS likes"
    )
    policies: dict[str, Literal["wait", "drop_oldest", "sample", "spill"]] = Field(
        default_factory=dict,
        description="per frame kind (a stream kind, or book_snapshot), what happens while the broker is behind; "
        "default spill",
    )
    sample_every_frames: int = Field(10, ge=2, description="policy sample keeps one frame of this many")
    snapshot_interval_s: float = Field(900.0, ge=0, description="periodic book snapshots [s]; 0 switches them off")
    snapshot_parallel_requests: int = Field(4, ge=1, le=64, description="book snapshots fetched at the same time")
    rest_timeout_s: float = Field(10.0, gt=0, description="limit of one REST request [s]")
    rest_weight_per_minute: int = Field(
        0, ge=0, description="REST weight to spend a minute; 0 means 90 % of the venue's"
    )
    trade_fill_max_trades: int = Field(
        50_000, ge=0, description="missing trades fetched over REST for one gap; a longer one stays; 0 switches it off"
    )
    instruments_interval_s: float = Field(3600.0, gt=0, description="time between looks at instrument definitions [s]")
    alive_interval_s: float = Field(5.0, gt=0, description="time between `alive` frames of an idle stream [s]")
    connection_silence_s: float = Field(30.0, gt=0, description="longest silence of a connection [s]")
    silence_min_s: float = Field(30.0, gt=0, description="least silence of one stream that counts as failure [s]")
    silence_factor: float = Field(30.0, gt=1, description="silence over usual interval that counts as failure")
    silence_period_factor: float = Field(5.0, gt=1, description="silence over documented period that counts as failure")
    unheard_limit_s: float = Field(
        120.0, gt=0, description="longest silence of a stream whose rate is not known yet [s]"
    )
    pause_limit_s: float = Field(
        5.0, gt=0, description="pause of this process after which connections are not trusted [s]"
    )
    feed: str = Field(
        "", pattern=r"^[a-z0-9]*$", max_length=16, description="label of a redundant feed of the same symbols"
    )
    connections_per_stream: dict[str, Literal[1, 2]] = Field(
        default_factory=dict,
        description="connections that carry the same streams, per `<exchange>` or `<exchange>.<market>`: "
        "2 keeps a spare beside each; default 1",
    )
    restart_scan_max_records: int = Field(
        200_000, ge=1, description="records per partition read to find the last frames"
    )
    stop_timeout_s: float = Field(12.0, gt=0, le=18, description="wait for the broker at the end before spooling [s]")

    @pydantic.field_validator("policies")
    @classmethod
    def _policies_are_of_frame_kinds(cls, value: dict[str, str]) -> dict[str, str]:
        """Refuse a kind that no frame has: its policy would never apply."""
        known = ("trades", "quotes", "book", "book_snapshot", "funding", "liquidations")
        unknown = [kind for kind in value if kind not in known]
        if unknown:
            raise ValueError(f"{unknown[0]} is no frame kind, one of {', '.join(known)}")
        return value

    def connections_of(self, exchange: str, market: str) -> int:
        """Return how many connections carry the same streams of a market."""
        asked = self.connections_per_stream
        return asked.get(f"{exchange}.{market}", asked.get(exchange, 1))


class Settings(BaseSettings):
    """Hold all settings of a deployment."""

    model_config = SettingsConfigDict(env_prefix="CRYPTOFLOW_", env_nested_delimiter="__", frozen=True, extra="forbid")

    environment: Literal["production", "test", "local"] = Field(
        "production", description="production refuses test sources; local is what demo and up use"
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level logged")
    health_bind: str = Field("127.0.0.1", description="address of the metrics and health endpoint")
    health_port: int = Field(0, ge=0, le=65535, description="its port; 0 switches it off")
    kafka: Kafka = Field(default_factory=Kafka)
    catalog: Catalog = Field(default_factory=Catalog)
    producer: Producer = Field(default_factory=Producer)
    local: Local = Field(default_factory=Local)
    sinks: Sinks = Field(default_factory=Sinks)
    agents: Agents = Field(default_factory=Agents)
    dialects: dict[str, str] = Field(
        default_factory=dict,
        description="UTC time per exchange as of which its frames are read, to replay old recordings, "
        "e.g. `{okx: 2022-05-13}`; refused in production",
    )

    @pydantic.field_validator("dialects", mode="before")
    @classmethod
    def _dialects_are_times(cls, value: Any, info: ValidationInfo) -> Any:
        """Write every time alike; YAML reads what looks like one as a time already."""
        if value and info.data.get("environment") == "production":
            raise ValueError("refused in production, which reads what exchanges send today; remove it")
        if not isinstance(value, Mapping):
            return value
        return {name: clock.iso(clock.from_iso(str(at))) for name, at in value.items()}

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let environment variables win over the file."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def load(path: str | None = None) -> Settings:
    """Load settings from a file (or CRYPTOFLOW_CONFIG, or none) and the environment.

    Raises ConfigError in one line: which key, what is wrong, how to mend it.
    """
    chosen = path or os.environ.get(CONFIG_ENV) or ""
    try:
        values = yaml.safe_load(Path(chosen).read_text("utf-8")) or {} if chosen else {}
        if not isinstance(values, dict):
            msg = f"reading {chosen}: not a mapping of settings"
            raise ConfigError(msg, fix="start the file with a section such as `kafka:`")
        return Settings(**values)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f"line {mark.line + 1}: "
        text = getattr(error, "problem", None) or str(error).splitlines()[0]
        msg = f"reading configuration {chosen}: {where}{text}"
        raise ConfigError(msg, fix="give an existing YAML file with --config") from error
    except SettingsError as error:
        # It names the section alone; the text that was no JSON leads to the variable.
        text = getattr(error.__cause__, "doc", None)
        name = next((name for name, value in os.environ.items() if text is not None and value == text), str(error))
        msg = f"configuration (environment): {name} is no JSON"
        raise ConfigError(msg, fix='write a list as ["a", "b"], a mapping as {"a": "b"}') from error
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        msg = f"configuration {chosen or '(environment)'}: {key}: {first['msg']}"
        raise ConfigError(msg, fix="`cryptoflow config show` lists every setting") from error
