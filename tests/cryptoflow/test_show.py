"""The settings report names every setting, where it comes from, and never a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptoflow import config, show
from cryptoflow.config import Catalog, Kafka, Producer, Settings, Sinks


def test_every_setting_is_shown_with_its_origin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Default, file and environment are told apart; the environment wins."""
    path = tmp_path / "c.yaml"
    path.write_text("kafka: {partitions: 4, prefix: a.}\n", "utf-8")
    monkeypatch.setenv(config.CONFIG_ENV, str(path))
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__PREFIX", "b.")
    rows = {row.name: row for row in show.shown(config.load())}
    assert (rows["kafka.partitions"].value, rows["kafka.partitions"].origin) == ("4", "file")
    assert (rows["kafka.prefix"].value, rows["kafka.prefix"].origin) == ("b.", "environment")
    assert (rows["log_level"].value, rows["log_level"].origin) == ("INFO", "default")
    assert all(row.description for row in rows.values())


def test_secrets_are_masked() -> None:
    """A set secret is stars; an unset one is empty."""
    settings = Settings(kafka=Kafka(sasl_password="hush"))  # type: ignore[arg-type]  # pydantic takes the text
    rows = {row.name: row.value for row in show.shown(settings)}
    assert rows["kafka.sasl_password"] == show.MASK
    assert rows["catalog.secret_key"] == ""
    assert "hush" not in str(rows)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (Settings(), "kafka.bootstrap_servers is not set"),
        (Settings(), "catalog.warehouse is not set"),
        (Settings(catalog=Catalog(kind="rest")), "catalog.uri is not set"),
        (Settings(catalog=Catalog(endpoint="http://x")), "catalog.endpoint is set"),
        (Settings(kafka=Kafka(sasl_mechanism="PLAIN")), "would travel in clear"),
        (Settings(producer=Producer(endpoints={"binance.usdm.rest": "http://x"})), "real venues only"),
        (Settings(producer=Producer(replica_index=3)), "producer.replica_index"),
        (Settings(sinks=Sinks(sink_index=3)), "sinks.sink_index"),
        (Settings(catalog=Catalog(access_key="k")), "go together"),  # type: ignore[arg-type]  # pydantic takes the text
    ],
)
def test_settings_that_do_not_fit_together_are_named(settings: Settings, expected: str) -> None:
    """Each problem is one line with its setting."""
    assert any(expected in problem for problem in show.problems(settings))


@pytest.mark.parametrize("name", ["local", "production", "chaos"])
def test_the_example_files_are_right(name: str) -> None:
    """Every file in configs/ loads and has no problems."""
    path = Path(__file__).resolve().parents[2] / "configs" / f"{name}.yaml"
    assert show.problems(config.load(str(path))) == []
