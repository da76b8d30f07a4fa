"""Members run whatever ends them, and each end is counted as what it was."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.chaos import fleet as module
from cryptoflow.chaos.fleet import Fleet, Member, last_line

POINT = "worker.before_barrier:2"


@pytest.fixture
def fleet(stack: Any) -> Fleet:
    """Return a fleet whose members all run."""
    made = Fleet(stack, Path("chaos.yaml"))
    made.tend()
    return made


def worker(fleet: Fleet) -> tuple[Member, Any]:
    """Return the first worker and its child."""
    member = fleet.of("worker")[0]
    return member, member.child


def test_every_role_runs_with_its_own_port_and_share(fleet: Fleet, stack: Any) -> None:
    """One producer, two workers, two sinks that halve the partitions; all read the campaign's settings."""
    assert [child.name for child in stack.started] == ["producer-0", "worker-0", "worker-1", "sink-0", "sink-1"]
    assert len({child.env["CRYPTOFLOW_HEALTH_PORT"] for child in stack.started}) == 5
    assert {child.env["CRYPTOFLOW_CONFIG"] for child in stack.started} == {"chaos.yaml"}
    assert {child.env["CRYPTOFLOW_ENVIRONMENT"] for child in stack.started} == {"test"}
    sinks = [member.env for member in fleet.of("sink")]
    assert [env["CRYPTOFLOW_SINKS__SINK_INDEX"] for env in sinks] == ["0", "1"]
    assert {env["CRYPTOFLOW_SINKS__SINK_COUNT"] for env in sinks} == {"2"}
    fleet.tend()
    assert len(stack.started) == 5


def test_a_kill_arms_the_next_start_once(fleet: Fleet) -> None:
    """The fail point is in the environment of the start after the kill, and of no later one."""
    member, child = worker(fleet)
    assert "CRYPTOFLOW_FAILPOINT" not in child.env
    fleet.kill(member, POINT)
    assert child.signals == [signal.SIGKILL]
    assert fleet.kills == {"worker": 1}
    fleet.tend()
    armed: Any = member.child
    assert armed.env["CRYPTOFLOW_FAILPOINT"] == POINT
    armed.end(-signal.SIGKILL)
    fleet.tend()
    later: Any = member.child
    assert "CRYPTOFLOW_FAILPOINT" not in later.env


def test_a_death_at_a_fail_point_is_a_kill(fleet: Fleet) -> None:
    """It counts for its role and its point, and is nothing to worry about."""
    member, _ = worker(fleet)
    fleet.kill(member, POINT)
    fleet.tend()
    armed: Any = member.child
    armed.end(-signal.SIGKILL)
    fleet.tend()
    assert fleet.kills == {"worker": 2}
    assert fleet.points == {POINT: 1}
    assert fleet.unexpected == []
    assert member.child is not armed


@pytest.mark.parametrize(
    ("armed", "code"), [(False, -signal.SIGKILL), (False, -signal.SIGABRT), (True, -signal.SIGSEGV)]
)
def test_a_death_by_any_other_signal_is_unexpected(fleet: Fleet, armed: bool, code: int) -> None:
    """Nobody killed it and no fail point did: the campaign is not clean; the member runs again all the same."""
    member, child = worker(fleet)
    if armed:
        fleet.kill(member, POINT)
        fleet.tend()
        child = member.child
    kills = fleet.kills.total()
    child.logged = "first\nlast words\n"
    child.end(code)
    fleet.tend()
    assert fleet.unexpected == [f"worker-0 ended with {code}: last words"]
    assert fleet.kills.total() == kills
    assert not fleet.points
    assert member.child is not None


@pytest.mark.parametrize("armed", [False, True])
def test_a_member_may_end_rather_than_hide_data(fleet: Fleet, armed: bool) -> None:
    """Ending with an exit code, to be started again, is told apart from kills and crashes; armed or not."""
    member, child = worker(fleet)
    if armed:
        fleet.kill(member, POINT)
        fleet.tend()
        child = member.child
    kills = fleet.kills.total()
    child.end(70)
    fleet.tend()
    assert fleet.own_ends == ["worker-0 ended with 70: "]
    assert (fleet.unexpected, fleet.kills.total()) == ([], kills)
    assert not fleet.points
    assert member.child is not None


def test_who_is_found_dead_is_not_killed(fleet: Fleet) -> None:
    """A member that had ended by itself when its kill came is counted as how it ended, not as a kill."""
    member, child = worker(fleet)
    child.end(70)
    fleet.kill(member)
    assert not fleet.kills
    assert len(fleet.own_ends) == 1
    fleet.kill(member)
    assert not fleet.kills


def test_a_restart_is_a_stop_and_no_kill(fleet: Fleet) -> None:
    """Partitions move as they do in a deployment: SIGTERM, then a new process."""
    member, child = worker(fleet)
    fleet.restart(member)
    assert child.signals == [signal.SIGTERM]
    fleet.tend()
    assert member.child is not child
    assert not fleet.kills
    assert fleet.unexpected == []


def test_the_fleet_stops_in_the_direction_of_the_data(
    fleet: Fleet, stack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The producer ends first, the sinks last."""
    order: list[str] = []
    for child in stack.started:
        monkeypatch.setattr(child, "stop", lambda name=child.name: order.append(name))
    fleet.stop()
    assert order == ["producer-0", "worker-0", "worker-1", "sink-0", "sink-1"]
    assert all(member.child is None for member in fleet.members)


def test_positions_are_those_of_all_workers(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker tells its own partitions; one that is down tells none."""
    first, second = fleet.of("worker")
    answers: dict[str, Any] = {
        f"http://127.0.0.1:{first.port}/ready": {"next": {"x.raw.binance/0": 5}},
        f"http://127.0.0.1:{second.port}/ready": {"next": {"x.raw.binance/1": 6}},
        f"http://127.0.0.1:{fleet.of('producer')[0].port}/ready": {"frames": {"received": 4, "note": "text"}},
        "http://sim/_sim/status": {"state": "done"},
    }
    monkeypatch.setattr(module, "fetch_json", answers.get)
    fleet.control = "http://sim"
    assert fleet.worker_positions() == {("x.raw.binance", 0): 5, ("x.raw.binance", 1): 6}
    assert fleet.frames() == {"received": 4}
    assert fleet.simulator() == {"state": "done"}
    fleet.kill(second)
    assert fleet.worker_positions() == {("x.raw.binance", 0): 5}


def test_the_last_words_are_short(fleet: Fleet) -> None:
    """A log line of any length fits a report; a silent child has none."""
    _, child = worker(fleet)
    assert last_line(child) == ""
    child.logged = "a\n" + "b" * 5000
    assert last_line(child) == "b" * 300


def test_a_crash_is_unexpected(fleet: Fleet) -> None:
    """An exit code that nothing promises is a defect, as is a signal that is not ours."""
    member, child = worker(fleet)
    child.end(3)
    fleet.tend()
    assert fleet.unexpected == ["worker-0 ended with 3: "]
    assert member.child is not None


def test_producers_are_added_and_retired_while_the_rest_runs(
    stack: Any, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more starts with its own environment; one retired is stopped for good, and what it received still counts."""
    more = fleet.add_producer({"CRYPTOFLOW_PRODUCER__REPLICA_INDEX": "1"})
    fleet.tend()
    assert stack.started[-1].name == "producer-1"
    assert stack.started[-1].env["CRYPTOFLOW_PRODUCER__REPLICA_INDEX"] == "1"
    answer = {"frames": {"received": 5, "published": 4, "note": "text"}}
    monkeypatch.setattr(module, "fetch_json", lambda _url: answer)
    assert fleet.frames() == {"received": 10, "published": 8}
    fleet.retire(more)
    assert stack.started[-1].signals == [signal.SIGTERM]
    assert fleet.frames() == {"received": 10, "published": 8}
    fleet.tend()
    assert [member.name for member in fleet.of("producer")] == ["producer-0"]
