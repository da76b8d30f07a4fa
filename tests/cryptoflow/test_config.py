"""Settings are refused when wrong, in one line that names the key and the remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from cryptoflow import config
from cryptoflow.config import Kafka, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.reference.settings import setting_fields

FIELDS = dict(setting_fields(Settings))
UNITS = (
    *("_s", "_ms", "_ns", "_h", "_hours", "_bytes", "_frames", "_rows", "_records", "_per_minute", "_per_s"),
    *("_ratio", "_share", "_factor"),
)


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of the surrounding shell out."""
    for name in list(config.os.environ):
        if name.startswith("CRYPTOFLOW_"):
            monkeypatch.delenv(name)


def written(folder: Path, text: str) -> str:
    """Write a configuration file."""
    path = folder / "cryptoflow.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_defaults_reach_production() -> None:
    """Without a word of configuration the environment is production and no stand-in is named (P8)."""
    settings = config.load()
    assert settings.environment == "production"
    assert settings.kafka.bootstrap_servers == ""
    assert settings.catalog.kind == "s3tables"
    assert settings.catalog.endpoint == ""


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable overrides one key of the file and leaves its neighbours."""
    path = written(tmp_path, "kafka:\n  bootstrap_servers: a:9092\n  partitions: 16\n")
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__PARTITIONS", "32")
    settings = config.load(path)
    assert (settings.kafka.bootstrap_servers, settings.kafka.partitions) == ("a:9092", 32)


def test_the_file_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CRYPTOFLOW_CONFIG names the file when no argument does."""
    monkeypatch.setenv(config.CONFIG_ENV, written(tmp_path, "log_level: DEBUG\n"))
    assert config.load().log_level == "DEBUG"


def test_an_empty_file_means_defaults(tmp_path: Path) -> None:
    """A file of comments only is no error."""
    assert config.load(written(tmp_path, "# nothing yet\n")) == config.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kafka:\n  partitons: 8\n", "kafka.partitons"),
        ("kafka:\n  partitions: 0\n", "kafka.partitions"),
        ("nonsense: 1\n", "nonsense"),
        ("producer:\n  policies: {trade: wait}\n", "producer.policies: Value error, trade is no frame kind"),
        ("environment: staging\n", "environment"),
        ("- a\n- b\n", "not a mapping"),
        ("kafka:\n  partitions: [1\ntopics: {}\n", "line 3"),
    ],
)
def test_a_wrong_file_is_one_line_that_names_the_key(tmp_path: Path, text: str, said: str) -> None:
    """Unknown keys, values out of bounds and broken YAML all end as one line with a fix."""
    with pytest.raises(ConfigError) as caught:
        config.load(written(tmp_path, text))
    assert said in str(caught.value)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("written_as", ["2022-05-13", "'2022-05-13'", "2022-05-13T00:00:00Z", "2022-05-13 02:00+02:00"])
def test_dialects_are_utc_times_however_written(tmp_path: Path, written_as: str) -> None:
    """YAML may read them as dates or times or leave them texts: all mean the same."""
    path = written(tmp_path, f"environment: test\ndialects:\n  okx: {written_as}\n")
    assert config.load(path).dialects == {"okx": "2022-05-13T00:00:00+00:00"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dialects: {okx: 2022-05-13}\n", "dialects: Value error, refused in production"),
        ("environment: production\ndialects: {okx: 2022-05-13}\n", "refused in production"),
        ("environment: test\ndialects: {okx: lately}\n", "dialects: .*lately"),
        ("environment: test\ndialects: 2022-05-13\n", "dialects: .*dictionary"),
    ],
)
def test_dialects_are_refused_in_production_and_when_they_are_no_times(tmp_path: Path, text: str, said: str) -> None:
    """Production, also by default, reads what exchanges send today; the refusal is one line."""
    with pytest.raises(ConfigError, match=said) as caught:
        config.load(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_no_dialects_are_no_matter_in_production() -> None:
    """An empty mapping is the default."""
    assert Settings(environment="production", dialects={}).dialects == {}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file could not be read."""
    with pytest.raises(ConfigError, match=r"absent\.yaml"):
        config.load(str(tmp_path / "absent.yaml"))


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are a wrong file, not a defect."""
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"kafka: \xff\xfe")
    with pytest.raises(ConfigError, match=r"reading configuration .*binary\.yaml"):
        config.load(str(path))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("CRYPTOFLOW_PRODUCER__STREAMS", "trades,book", "CRYPTOFLOW_PRODUCER__STREAMS"),
        ("CRYPTOFLOW_PRODUCER", "3", "producer"),
        ("CRYPTOFLOW_DIALECTS", "okx=2022", "CRYPTOFLOW_DIALECTS"),
    ],
)
def test_a_list_in_the_environment_that_is_no_json_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, said: str
) -> None:
    """Lists and mappings are JSON in a variable; what is not names the setting and says so."""
    monkeypatch.setenv(name, text)
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert said in str(caught.value)
    assert caught.value.fix
    assert "\n" not in str(caught.value)


def test_settings_are_frozen() -> None:
    """Nothing changes a setting while a process runs."""
    with pytest.raises(ValueError, match="frozen"):
        config.load().kafka.partitions = 9  # type: ignore[misc]  # the refusal is under test


def test_secrets_do_not_print() -> None:
    """A password shows neither in repr nor in a dump, and reaches the client."""
    kafka = Kafka(sasl_mechanism="PLAIN", sasl_username="u", sasl_password=SecretStr("hunter2"))
    assert "hunter2" not in repr(kafka)
    assert "hunter2" not in str(kafka.model_dump())
    assert kafka.client()["sasl.password"] == "hunter2"


def test_topic_names_take_both_prefixes_where_they_should() -> None:
    """The environment's prefix is on every topic, the output prefix only on what workers write."""
    kafka = Kafka(prefix="prod.", output_prefix="b.")
    assert kafka.raw_topic("binance") == "prod.raw.binance"
    assert kafka.md_topic("md.trades") == "prod.b.md.trades"
    assert kafka.state_topic("all") == "prod.b.state.all"
    assert kafka.control_topic("reseed") == "prod.control.reseed"


@pytest.mark.parametrize(("path", "info"), FIELDS.items())
def test_every_setting_is_described(path: str, info: FieldInfo) -> None:
    """The type is the documentation: each setting says what it does and has a default."""
    assert info.description, path
    assert not info.is_required(), path


@pytest.mark.parametrize(("path", "info"), [(path, info) for path, info in FIELDS.items() if info.annotation is float])
def test_every_measured_number_has_its_unit_last(path: str, info: FieldInfo) -> None:
    """A fractional setting ends in its unit or says it has none, and is bounded: nobody guesses seconds."""
    assert path.endswith(UNITS), path
    assert info.metadata, f"{path} has no bound"


@pytest.mark.parametrize(("path", "info"), [(path, info) for path, info in FIELDS.items() if info.annotation is int])
def test_every_whole_number_is_bounded(path: str, info: FieldInfo) -> None:
    """Every count and size has at least one bound."""
    assert info.metadata, f"{path} has no bound"


@pytest.mark.parametrize("path", [path for path in FIELDS if re.search(r"(password|secret|token|_key)$", path)])
def test_every_secret_has_a_secret_type(path: str) -> None:
    """A setting named like a secret is one."""
    assert FIELDS[path].annotation is SecretStr


def test_every_section_refuses_unknown_keys() -> None:
    """No section, however deep, accepts a misspelt key."""
    waiting: list[type[BaseModel]] = [Settings]
    while waiting:
        model = waiting.pop()
        assert model.model_config.get("extra") == "forbid", model
        assert model.model_config.get("frozen"), model
        nested = [one.annotation for one in model.model_fields.values()]
        waiting += [one for one in nested if isinstance(one, type) and issubclass(one, BaseModel)]
