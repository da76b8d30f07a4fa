"""Every setting, with its unit, bound and default; unknown keys are refused.

Settings come from a YAML file (`--config` or CRYPTOFLOW_CONFIG), overridden by environment
variables such as `CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS`. Limits have their unit last in the name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import pydantic
import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

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
    except (OSError, yaml.YAMLError) as error:
        msg = f"reading configuration {chosen}: {str(error).splitlines()[0]}"
        raise ConfigError(msg, fix="give an existing YAML file with --config") from error
    except pydantic.ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        msg = f"configuration {chosen or '(environment)'}: {key}: {first['msg']}"
        raise ConfigError(msg, fix="`cryptoflow config show` lists every setting") from error
