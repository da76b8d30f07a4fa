"""A scenario changes producers one after the other, and is clean only if all its changes happened."""

from __future__ import annotations

import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from cryptoflow.chaos import replicas as module
from cryptoflow.chaos.fleet import Fleet
from cryptoflow.chaos.replicas import AWAY_S, CHANGES_S, SCENARIOS, Replicas
from cryptoflow.config import Settings
from cryptoflow.demo.options import DemoOptions
from cryptoflow.errors import StopError
from cryptoflow.verify import Report
from producers import _controls as controls
from producers._orders import CountOrder, ReplicaOrders


class ScriptedTable:
    """Be the control topic of replicas: what is written can be read; replicas settle when the test says."""

    values: dict[str, bytes]

    def __init__(self, *_: Any) -> None:
        """Be there."""

    def load(self) -> dict[str, bytes]:
        """Return the table."""
        return dict(self.values)

    def close(self) -> None:
        """Leave."""


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> type[ScriptedTable]:
    """Return the control topic, empty."""
    monkeypatch.setattr(ScriptedTable, "values", {}, raising=False)
    monkeypatch.setattr(controls, "ControlTable", ScriptedTable)
    monkeypatch.setattr(controls, "write", lambda _settings, _name, changes: ScriptedTable.values.update(changes))
    return ScriptedTable


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what every part says of itself."""
    found: dict[str, Any] = {"ready": True, "frames": {"received": 3}, "state": "running"}
    monkeypatch.setattr("cryptoflow.chaos.fleet.fetch_json", lambda _url: found)
    return found


def made(
    scenario: str, stack: Any, now: list[float], monkeypatch: pytest.MonkeyPatch, folder: Path
) -> tuple[Replicas, Fleet]:
    """Return a scenario and its running fleet, which wait without time passing."""
    run = Replicas(folder, scenario, DemoOptions(markets=("binance.usdm", "okx.spot")))
    run.settings = Settings()

    def wait(timeout_s: float) -> None:
        now[0] += timeout_s

    monkeypatch.setattr(run.work, "_pause", SimpleNamespace(wait=wait))
    fleet = Fleet(stack, Path("chaos.yaml"), producers=run.producers)
    fleet.tend()
    return run, fleet


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("scenario", ["replace", "redundant"])
def test_each_producer_is_killed_in_turn_and_comes_back(
    scenario: str, stack: Any, now: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Never both at a time; whoever was killed stays away for a while and is waited for."""
    run, fleet = made(scenario, stack, now, monkeypatch, tmp_path)
    first, second = fleet.of("producer")
    killed_s = []
    for wait_s in run._steps(run, fleet):
        if first.child is None or second.child is None:
            killed_s.append(now[0])
            assert first.child is not second.child
        run.work.tend(fleet, wait_s)
    assert run.done == ["producer-0 killed", "producer-1 killed"]
    assert fleet.kills == {"producer": 2}
    assert killed_s[1] - killed_s[0] > AWAY_S
    dead = [child for child in stack.started if signal.SIGKILL in child.signals]
    assert [child.name for child in dead] == ["producer-0", "producer-1"]
    assert first.child is not None
    assert second.child is not None


def settle_all(table: type[ScriptedTable]) -> None:
    """Let each of three replicas of every market say that it settled under the last order."""
    orders = ReplicaOrders()
    for key, value in table.values.items():
        orders.take(key, value)
    for key in list(orders.counts):
        for index in range(3):
            name, settled = orders.settlement(key, str(index), 1) or pytest.fail(f"{key} {index} has settled")
            table.values[name] = msgspec.json.encode(settled)


@pytest.mark.usefixtures("answers")
@pytest.mark.parametrize("scenario", ["scale", "early"])
def test_replicas_change_only_when_all_have_settled(
    scenario: str,
    stack: Any,
    now: list[float],
    table: type[ScriptedTable],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """2 to 3: the third is started; 3 to 2: it is stopped once every replica said that it holds what it owns."""
    run, fleet = made(scenario, stack, now, monkeypatch, tmp_path)
    looks = []

    def settle() -> bool:
        looks.append(len(fleet.of("producer")))
        if len(looks) % 3 == 0:
            settle_all(table)
        return Replicas.settled(run)

    monkeypatch.setattr(run, "settled", settle)
    for wait_s in run._steps(run, fleet):
        run.work.tend(fleet, wait_s)
        if not run.done and scenario == "scale":
            assert len(fleet.of("producer")) == 2
    assert run.done == ["2 replicas to 3", "3 replicas to 2"]
    assert looks == [3] * 6
    assert [member.name for member in fleet.of("producer")] == ["producer-0", "producer-1"]
    orders = [msgspec.json.decode(value, type=CountOrder) for key, value in table.values.items() if "#" not in key]
    assert [(one.key, one.count, one.previous) for one in orders] == [("binance.usdm", 2, 3), ("okx.spot", 2, 3)]


def test_settled_means_every_replica_of_every_market(
    stack: Any, now: list[float], table: type[ScriptedTable], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also the one that gives everything up; a settlement of an earlier order does not count."""
    run, _ = made("scale", stack, now, monkeypatch, tmp_path)
    run.order(3, 2)
    orders = ReplicaOrders()
    for key, value in table.values.items():
        orders.take(key, value)
    pending = [(key, index) for key in orders.counts for index in range(3)]
    for key, index in pending:
        assert not run.settled()
        found = orders.settlement(key, str(index), 1)
        assert found is not None
        table.values[found[0]] = msgspec.json.encode(found[1])
    assert run.settled()
    last = list(table.values)[-1]
    table.values[last] = table.values[last].replace(b'"order_at_ns":', b'"order_at_ns":1')
    assert not run.settled()


@pytest.mark.usefixtures("answers")
def test_waiting_has_an_end(stack: Any, now: list[float], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What never comes is said in one line."""
    run, fleet = made("scale", stack, now, monkeypatch, tmp_path)
    with pytest.raises(StopError, match="three replicas"):
        run.wait_until(fleet, lambda: False, "three replicas")


class ScriptedLocalStack:
    """Be the stack of a whole run."""

    def __init__(self, data_dir: Path, **_: Any) -> None:
        """Be up."""
        self.data_dir = data_dir
        self.settings = Settings()

    def __enter__(self) -> Any:
        """Be up."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be down."""


@pytest.mark.parametrize("early", [True, False])
def test_data_must_last_longer_than_the_changes(
    early: bool,
    stack: Any,
    now: list[float],
    answers: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A change after the last frame proves nothing, so such a run is not clean."""
    run, fleet = made("replace", stack, now, monkeypatch, tmp_path)
    answers["state"] = "done" if early else "running"
    monkeypatch.setattr(module, "LocalStack", ScriptedLocalStack)
    monkeypatch.setattr(run.work, "start", lambda _stack, _producers: fleet)
    monkeypatch.setattr(run.work, "drain", lambda _stack, _fleet: None)
    monkeypatch.setattr("cryptoflow.verify.verify", lambda _folder, _settings: Report())
    report = run.run()
    assert report["clean"] is not early
    assert report["changes"] == ["producer-0 killed", "producer-1 killed"]
    assert set(SCENARIOS) == {"replace", "scale", "early", "redundant"} == set(CHANGES_S)
