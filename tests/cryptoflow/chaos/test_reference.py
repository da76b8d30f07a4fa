"""The undisturbed run is complete before it is compared, and a comparison sees every value."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from cryptoflow.chaos import reference
from cryptoflow.chaos.reference import NAMESPACE, PREFIX, TIMEOUT_S, differences, run_reference
from cryptoflow.config import Kafka, Settings
from cryptoflow.demo.progress import TableState
from cryptoflow.errors import StopError
from schemas import records
from sinks.iceberg.catalog import connect

ROW = {"price": Decimal("1.5"), "trade_id": "7", "received_at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC)}
SETTINGS = Settings(kafka=Kafka(bootstrap_servers="127.0.0.1:1", prefix="t."))
RAW = ("t.raw.binance", 0)
MD = (f"t.{PREFIX}md.trades", 0)


def deployment(standin: Any, namespace: str, rows: list[dict[str, Any]]) -> Settings:
    """Return a deployment whose trades are these rows."""
    settings = Settings(catalog=standin.catalog.model_copy(update={"namespace": namespace}))
    catalog = connect(settings)
    catalog.create_namespace(namespace)
    schema = records()["trades"].table_schema
    filled = []
    for field in schema:
        values = [row.get(field.name, _invented(field)) for row in rows]
        filled.append(pa.array(values, field.type))
    # Without partitions: whole files are compared by their rows, and pyiceberg alone writes no hours.
    catalog.create_table((namespace, "trades"), schema).append(pa.Table.from_arrays(filled, schema=schema))
    return settings


def _invented(field: pa.Field) -> Any:
    if field.nullable:
        return None
    if pa.types.is_timestamp(field.type):
        return dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    return "x" if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) else 1


@pytest.mark.stack
def test_a_changed_value_is_found(standin: Any) -> None:
    """The same rows in another order are equal; the last digit of a price, a position or a row twice is not."""
    other = {**ROW, "trade_id": "8"}
    first = deployment(standin, "same_1", [ROW, other])
    assert differences(first, deployment(standin, "same_2", [other, ROW])) == {}
    changed = deployment(standin, "changed", [{**ROW, "price": Decimal("1.500000000000000001")}, other])
    found = differences(first, changed)
    assert found.keys() == {"trades"}
    assert found["trades"][0] != found["trades"][1]
    moved = deployment(standin, "moved", [{**ROW, "raw_offset": 99}, other])
    assert differences(first, moved).keys() == {"trades"}
    assert differences(first, deployment(standin, "twice", [ROW, other, other])).keys() == {"trades"}


class ScriptedRun:
    """Be fleet, log and tables of a reference run; every tending brings worker and sink one record further.

    It cannot imitate a sink that is ahead of its worker.
    """

    exchanges = ("binance",)

    def __init__(self) -> None:
        """Start before the first record."""
        self.members = [SimpleNamespace(name=f"{role}-0", role=role) for role in ("producer", "worker", "sink")]
        self.unexpected: list[str] = []
        self.normalized = self.committed = 0
        self.tended: list[list[str]] = []
        self.calls: list[str] = []

    def tend(self) -> None:
        """Go on by one record."""
        self.tended.append([member.name for member in self.members])
        self.committed, self.normalized = self.normalized, self.normalized + 1

    def worker_positions(self) -> dict[tuple[str, int], int]:
        """Return where the worker is."""
        return {RAW: self.normalized}

    def of(self, names: list[str]) -> dict[tuple[str, int], int]:
        """Return the ends: three raw records, and as many rows as were made of them."""
        return {key: end for key, end in {RAW: 3, MD: self.normalized}.items() if key[0] in names}

    def states(self) -> dict[str, TableState]:
        """Return where the table of trades is."""
        return {"trades": TableState(0, 1, {MD: self.committed})}

    def stop(self) -> None:
        """Note it."""
        self.calls.append("stop")

    def close(self) -> None:
        """Note it."""
        self.calls.append("close")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> ScriptedRun:
    """Return a reference run that needs no stack."""
    made = ScriptedRun()
    for name in ("Fleet", "LogEnds", "Tables"):
        monkeypatch.setattr(reference, name, lambda *_, **__: made)
    monkeypatch.setattr("cryptoflow.topics.apply", lambda settings: made.calls.append(settings.kafka.output_prefix))
    monkeypatch.setattr("cryptoflow.tables.ensure_tables", lambda own: made.calls.append(own.catalog.namespace))
    monkeypatch.setattr(reference, "POLL_INTERVAL_S", 0.0)
    return made


def test_the_reference_has_outputs_of_its_own_over_the_same_log(scripted: ScriptedRun, tmp_path: Any) -> None:
    """Topics and tables are others, the raw log is the same, and no producer lets it grow."""
    stack: Any = SimpleNamespace(data_dir=tmp_path)
    own = run_reference(stack, SETTINGS)
    assert own.kafka.raw_topic("binance") == RAW[0]
    assert own.kafka.md_topic("md.trades") == MD[0]
    assert own.catalog.namespace == NAMESPACE
    assert set(map(tuple, scripted.tended)) == {("reference-worker-0", "reference-sink-0")}
    assert (tmp_path / "reference.yaml").exists()
    assert scripted.calls == [PREFIX, NAMESPACE, "stop", "close"]


def test_the_reference_ends_when_its_tables_have_everything(scripted: ScriptedRun, tmp_path: Any) -> None:
    """Worker at the end of the raw log, tables at the end of what it made of it: not earlier."""
    stack: Any = SimpleNamespace(data_dir=tmp_path)
    run_reference(stack, SETTINGS)
    assert scripted.normalized >= 3
    assert scripted.committed == 3


def test_a_disturbed_reference_proves_nothing(scripted: ScriptedRun, tmp_path: Any) -> None:
    """A death in it is an error with its last words; what runs is stopped."""
    scripted.unexpected.append("worker-0 ended with -6: words")
    stack: Any = SimpleNamespace(data_dir=tmp_path)
    with pytest.raises(StopError, match="worker-0 ended with -6: words"):
        run_reference(stack, SETTINGS)
    assert scripted.calls[-2:] == ["stop", "close"]


def test_a_reference_that_hangs_is_an_error(
    scripted: ScriptedRun, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a limit, and does not compare what is half done."""
    now = [0.0]

    def later() -> float:
        now[0] += TIMEOUT_S / 2
        return now[0]

    monkeypatch.setattr("cryptoflow.clock.monotonic_s", later)
    monkeypatch.setattr(scripted, "worker_positions", dict)
    stack: Any = SimpleNamespace(data_dir=tmp_path)
    with pytest.raises(StopError, match="in time"):
        run_reference(stack, SETTINGS)
