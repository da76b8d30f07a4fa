"""A run ends when all that was sent is committed: not before, and whatever else is published meanwhile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from cryptoflow import clock
from cryptoflow.config import Kafka, Settings
from cryptoflow.demo.finish import SETTLE_S, Finish, Step
from cryptoflow.demo.progress import TableState
from schemas import records, topics

SETTINGS = Settings(kafka=Kafka(prefix="t."))
RAW = "t.raw.venue"
RAW_0, RAW_1 = (RAW, 0), (RAW, 1)
MD = SETTINGS.kafka.md_topic("md.trades")
MD_0 = (MD, 0)


class ScriptedRun:
    """Be the stages, the log and the tables of a run, all in one; every number is set by the test.

    It cannot imitate parts that answer late or change while they are asked.
    """

    exchanges = ("venue",)

    def __init__(self) -> None:
        """Be a run that has just begun."""
        self.status: dict[str, Any] = {"state": "running", "frames_sent": 0}
        self.balance: dict[str, int] = {}
        self.next: dict[tuple[str, int], int] = {}
        self.log: dict[tuple[str, int], int] = {}
        self.committed: dict[tuple[str, int], int] = {}
        self.asked: list[tuple[str, ...]] = []

    def simulator(self) -> dict[str, Any]:
        """Return the status."""
        return self.status

    def frames(self) -> dict[str, int]:
        """Return the balance."""
        return self.balance

    def worker_positions(self) -> dict[tuple[str, int], int]:
        """Return the positions."""
        return self.next

    def of(self, names: Iterable[str]) -> dict[tuple[str, int], int]:
        """Return the ends of topics that exist."""
        wanted = tuple(names)
        self.asked.append(wanted)
        return {key: end for key, end in self.log.items() if key[0] in wanted}

    def states(self) -> dict[str, TableState]:
        """Return every table with the same positions."""
        return {name: TableState(0, 1, dict(self.committed)) for name in records()}

    def sent(self, frames: int) -> None:
        """Send, receive and publish everything."""
        self.status = {"state": "done", "frames_sent": frames}
        self.balance = {"received": frames, "published": frames, "in_flight": 0}


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock the test sets."""
    at = [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: at[0])
    return at


@pytest.fixture
def run() -> ScriptedRun:
    """Return a run that has just begun."""
    return ScriptedRun()


@pytest.fixture
def finish(run: ScriptedRun, now: list[float]) -> Finish:
    """Return what follows the run."""
    del now
    return Finish(SETTINGS, run, run, run)  # type: ignore[arg-type]  # one double is log and tables too


def published(finish: Finish, run: ScriptedRun) -> None:
    """Bring a run to NORMALIZING with ten raw records on one partition and an empty other one."""
    run.sent(5)
    run.log = {RAW_0: 10, RAW_1: 0}
    finish.advance()
    assert finish.advance() is Step.NORMALIZING


def test_each_step_waits_for_the_ends_the_one_before_has_fixed(finish: Finish, run: ScriptedRun) -> None:
    """Sending, publishing, normalizing and committing follow each other; none is skipped."""
    assert finish.advance() is Step.SENDING
    published(finish, run)
    run.next = {RAW_0: 9}
    run.log[MD_0] = 3
    assert finish.advance() is Step.NORMALIZING
    run.next = {RAW_0: 10}
    assert finish.advance() is Step.COMMITTING
    run.committed = {MD_0: 2}
    assert finish.advance() is Step.COMMITTING
    run.committed = {MD_0: 3}
    assert finish.advance() is Step.DONE
    assert run.asked == [(RAW,), tuple(SETTINGS.kafka.md_topic(name) for name in topics())]


def test_what_comes_later_is_not_waited_for(finish: Finish, run: ScriptedRun) -> None:
    """Alive frames never end, so ends are those of the moment the step before was complete."""
    published(finish, run)
    run.log = {RAW_0: 11, MD_0: 3}
    run.next = {RAW_0: 10}
    assert finish.advance() is Step.COMMITTING
    run.log = {RAW_0: 12, MD_0: 4}
    run.committed = {MD_0: 3}
    assert finish.advance() is Step.DONE


def test_what_came_after_the_ends_can_be_followed_too(finish: Finish, run: ScriptedRun) -> None:
    """Done once, a run is followed again to the ends of now."""
    published(finish, run)
    run.log, run.next, run.committed = {RAW_0: 10, MD_0: 3}, {RAW_0: 10}, {MD_0: 3}
    finish.advance()
    assert finish.advance() is Step.DONE
    run.log = {RAW_0: 12, MD_0: 4}
    finish.again()
    assert finish.advance() is Step.NORMALIZING
    run.next = {RAW_0: 12}
    assert finish.advance() is Step.COMMITTING
    run.committed = {MD_0: 4}
    assert finish.advance() is Step.DONE


def test_a_frame_in_flight_keeps_the_run_open(finish: Finish, run: ScriptedRun, now: list[float]) -> None:
    """What is received and not acknowledged is not published, however long it takes."""
    run.sent(5)
    run.log = {RAW_0: 10}
    run.balance["in_flight"] = 1
    for _ in range(3):
        now[0] += SETTLE_S * 2
        assert finish.advance() is Step.PUBLISHING
    run.balance["in_flight"] = 0
    assert finish.advance() is Step.NORMALIZING


def test_a_silent_producer_keeps_the_run_open(finish: Finish, run: ScriptedRun, now: list[float]) -> None:
    """A producer that does not answer has not said that nothing is in flight."""
    run.sent(5)
    run.log = {RAW_0: 10}
    run.balance = {}
    for _ in range(3):
        now[0] += SETTLE_S * 2
        assert finish.advance() is Step.PUBLISHING


def test_frames_cut_on_a_socket_settle(finish: Finish, run: ScriptedRun, now: list[float]) -> None:
    """Frames that never arrive end the wait once the counts have stood still, and only then."""
    run.sent(5)
    run.log = {RAW_0: 10}
    run.balance = {"received": 3, "published": 3, "in_flight": 0}
    finish.advance()
    now[0] += SETTLE_S / 2
    run.balance = {"received": 4, "published": 4, "in_flight": 0}
    assert finish.advance() is Step.PUBLISHING
    now[0] += SETTLE_S
    assert finish.advance() is Step.PUBLISHING
    now[0] += 0.1
    assert finish.advance() is Step.NORMALIZING


@pytest.mark.parametrize("missing", [RAW, MD])
def test_a_broker_that_does_not_answer_decides_nothing(finish: Finish, run: ScriptedRun, missing: str) -> None:
    """Without ends there is nothing to reach, so the step before goes on."""
    published(finish, run) if missing == MD else run.sent(5)
    run.next = {RAW_0: 10}
    before = finish.advance()
    assert finish.advance() is before
    run.log |= {RAW_0: 10, MD_0: 3}
    assert finish.advance() is not before


def test_every_table_of_a_topic_must_have_passed_it(
    finish: Finish, run: ScriptedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A topic of two record kinds fills two tables; the slower one decides."""
    name, topic = next((name, topic) for name, topic in topics().items() if len(topic.records) > 1)
    key = (SETTINGS.kafka.md_topic(name), 0)
    at = {record.name: 0 for record in topic.records}
    monkeypatch.setattr(run, "states", lambda: {each: TableState(0, 1, {key: end}) for each, end in at.items()})
    published(finish, run)
    run.log[key] = 7
    run.next = {RAW_0: 10}
    for record in topic.records:
        assert finish.advance() is Step.COMMITTING
        at[record.name] = 7
    assert finish.advance() is Step.DONE
