"""The doctor tells notes from faults, and never fails itself."""

from __future__ import annotations

from typing import Any

import pytest

from cryptoflow import doctor
from cryptoflow.config import Catalog, Kafka, Settings
from cryptoflow.doctor import State
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.ports import free_port


def found(settings: Settings) -> dict[str, doctor.Check]:
    """Return the checks by name; the last of a name counts."""
    return {check.name: check for check in doctor.checks(settings)}


def test_nothing_configured_is_only_noted() -> None:
    """A fresh installation is well: broker and catalog are notes."""
    checks = found(Settings())
    assert checks["broker"].state is State.NOTE
    assert checks["catalog"].state is State.NOTE
    assert doctor.exit_code(list(checks.values())) == 0


@pytest.mark.stack
def test_a_good_deployment_is_well(deployment: Any) -> None:
    """Broker and catalog answer, topics and tables are there."""
    checks = found(deployment.settings)
    assert checks["broker"].state is State.OK
    assert checks["catalog"].state is State.OK


@pytest.mark.stack
def test_missing_topics_and_tables_are_faults(deployment: Any) -> None:
    """Another prefix and namespace have nothing yet; the fix is named."""
    good = deployment.settings
    settings = good.model_copy(
        update={
            "kafka": good.kafka.model_copy(update={"prefix": "none."}),
            "catalog": good.catalog.model_copy(update={"namespace": "none"}),
        }
    )
    checks = found(settings)
    assert (checks["broker"].state, checks["broker"].fix) == (State.WRONG, "run `cryptoflow topics apply`")
    assert (checks["catalog"].state, checks["catalog"].fix) == (State.WRONG, "run `cryptoflow tables apply`")
    assert doctor.exit_code(list(checks.values())) == 2


def test_what_does_not_answer_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A configured broker that is gone makes the exit code 3."""
    monkeypatch.setattr("cryptoflow.topics._TIMEOUT_S", 0.5)
    settings = Settings(environment="test", kafka=Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}"))
    checks = found(settings)
    assert checks["broker"].state is State.AWAY
    assert doctor.exit_code(list(checks.values())) == 3


def test_a_catalog_that_is_away_is_told() -> None:
    """The error of the driver becomes a finding."""
    away = f"http://127.0.0.1:{free_port()}"
    catalog = Catalog(uri=f"{away}/iceberg", endpoint=away, warehouse="w", access_key="k", secret_key="s")  # type: ignore[arg-type]  # pydantic takes the text
    assert doctor._catalog(Settings(catalog=catalog)).state is State.AWAY


def test_settings_that_do_not_fit_are_faults() -> None:
    """What `config check` finds, the doctor finds."""
    checks = found(Settings(kafka=Kafka(sasl_mechanism="PLAIN")))
    assert checks["settings"].state is State.WRONG


def test_no_java_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the mock broker is used, and that is said."""
    monkeypatch.setattr(jars, "java_version", lambda: 0)
    check = doctor._local_broker()
    assert check.state is State.NOTE
    assert "mock only" in check.detail
