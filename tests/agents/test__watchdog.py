"""Progress judged by scripted looks, and the thread around it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import pytest

from agents._watchdog import Partition, Progress, Sight, Watchdog
from cryptoflow.errors import BrokerAwayError, CryptoflowError, IdentityError, StopError

A: Partition = ("raw.x", 0)
B: Partition = ("raw.x", 1)


def look(progress: Progress, now_s: float, at: int, end: int | None, *, rebalancing: bool = False) -> str:
    """Look at partition A; the event loop always answers."""
    stall = progress.look(Sight({A: at}, rebalancing, int(now_s)), None if end is None else {A: end}, now_s)
    return stall.what if stall else ""


def test_lag_without_progress_is_a_stall_after_its_limit() -> None:
    """A partition that has records and does not move is stuck, not before the limit."""
    progress = Progress(10, 90)
    assert [look(progress, now, 5, 8) for now in (0, 5, 9)] == ["", "", ""]
    assert look(progress, 10, 5, 8) == "raw.x/0 lags without progress at 5"
    assert progress.stalled_s == 10


def test_moving_slowly_is_progress() -> None:
    """Any move begins the wait anew, however large the lag."""
    progress = Progress(10, 90)
    assert not any(look(progress, now, now // 8, 10_000) for now in range(0, 100, 4))


def test_no_lag_is_no_stall() -> None:
    """An idle partition may stand still for ever; its wait begins when records come."""
    progress = Progress(10, 90)
    assert not any(look(progress, now, 5, 5) for now in range(0, 100, 5))
    assert look(progress, 101, 5, 6) == ""
    assert look(progress, 112, 5, 6)


def test_one_stuck_partition_among_moving_ones_is_seen() -> None:
    """Every partition is watched for itself."""
    progress = Progress(10, 90)
    stalls = [progress.look(Sight({A: now, B: 3}, False, now), {A: 1000, B: 4}, now) for now in range(0, 12, 2)]
    assert stalls[-1] is not None
    assert "raw.x/1" in stalls[-1].what


def test_a_broker_that_is_away_is_not_held_against_the_worker() -> None:
    """While the broker does not answer the clock stands still."""
    progress = Progress(10, 20)
    assert look(progress, 0, 5, 8) == ""
    assert not any(look(progress, now, 5, None, rebalancing=True) for now in range(5, 200, 5))
    assert look(progress, 201, 5, 8) == ""


def test_a_rebalance_without_end_is_a_stall() -> None:
    """Rebalancing longer than its limit ends the worker, with or without partitions."""
    progress = Progress(1000, 90)
    assert look(progress, 0, 5, 5, rebalancing=True) == ""
    assert look(progress, 89, 5, 5, rebalancing=True) == ""
    assert look(progress, 90, 5, 5, rebalancing=True) == "rebalancing does not end"
    assert look(progress, 91, 5, 5) == ""


def test_an_event_loop_that_does_not_answer_is_a_stall() -> None:
    """A blocked loop is seen even when there is nothing to process."""
    progress = Progress(10, 90)
    assert progress.look(Sight({}, False, 1), {}, 0) is None
    stall = progress.look(Sight({}, False, 1), {}, 10)
    assert stall is not None
    assert stall.what == "the event loop does not answer"


class Scene:
    """Run a watchdog over scripted answers."""

    def __init__(self, ends: Mapping[Partition, int] | Exception) -> None:
        """Position A is always 5."""
        self.ends = ends
        self.told: list[CryptoflowError] = []
        self.happened = threading.Event()
        self.asked = threading.Semaphore(0)
        self.watchdog = Watchdog(Progress(0.05, 90), self.sight, self.answer, self.stall, 0.01)

    def sight(self) -> Sight:
        """Stand at 5."""
        return Sight({A: 5}, False, 0)

    def answer(self, partitions: Sequence[Partition]) -> Mapping[Partition, int]:
        """Answer as scripted."""
        assert partitions == [A]
        self.asked.release()
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends

    def stall(self, error: CryptoflowError) -> None:
        """Keep what would have ended the process."""
        self.told.append(error)
        self.happened.set()


def test_the_thread_ends_a_stuck_worker(capfd: pytest.CaptureFixture[str]) -> None:
    """It dumps the stacks of all threads and says what is stuck."""
    scene = Scene({A: 9})
    scene.watchdog.start()
    assert scene.happened.wait(10)
    scene.watchdog.stop()
    assert "watching progress" in str(scene.told[0])
    assert "most recent call first" in capfd.readouterr().err


def test_a_log_that_ends_before_the_position_ends_the_worker() -> None:
    """A topic recreated under a running worker is noticed."""
    scene = Scene({A: 3})
    scene.watchdog.start()
    assert scene.happened.wait(10)
    scene.watchdog.stop()
    assert isinstance(scene.told[0], IdentityError)


@pytest.mark.parametrize(("error", "ends"), [(BrokerAwayError("away"), False), (StopError("no such topic"), True)])
def test_questions_that_fail(error: Exception, ends: bool) -> None:
    """A broker that is away is waited for; an answer that needs a person ends the worker."""
    scene = Scene(error)
    scene.watchdog.start()
    for _ in range(15):
        assert scene.asked.acquire(timeout=10)
    scene.watchdog.stop()
    assert bool(scene.told) is ends
