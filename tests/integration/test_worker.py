"""Real workers under Faust's command line on a real broker: kills, pauses, stops."""

from __future__ import annotations

import random
import signal
import threading
from collections.abc import Iterator

import pytest
from worker_stack import Deployment, barriers, judge, processed, wait_for

from cryptoflow import clock
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.supervise import Child, Supervisor

pytestmark = pytest.mark.stack

SYMBOLS = 60


@pytest.fixture
def deployment(broker: KafkaBroker, supervisor: Supervisor) -> Deployment:
    """Have topics of its own."""
    made = Deployment(broker.bootstrap_servers, supervisor, settings={"book_checkpoint_interval_s": 2})
    made.create_topics()
    return made


class Feed:
    """Write raw records from a thread until told to stop."""

    def __init__(self, deployment: Deployment, records_per_s: int) -> None:
        """Start writing."""
        self._producer = deployment.producer()
        self._topic = deployment.raw_topic
        self._pause_s = 0.02
        self._each = int(records_per_s * self._pause_s)
        self._stop = threading.Event()
        self.written = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            write(self._producer, self._topic, self._each, self.written)
            self.written += self._each

    def stop(self) -> None:
        """Stop and wait until everything is in the log."""
        self._stop.set()
        self._thread.join()
        self._producer.flush()


def write(producer: object, topic: str, count: int, begin: int = 0) -> None:
    """Write records of all symbols in turn."""
    for number in range(begin, begin + count):
        producer.produce(topic, key=f"binance.usdm.S{number % SYMBOLS}".encode(), value=b"%d" % number)  # type: ignore[attr-defined]
    producer.poll(0)  # type: ignore[attr-defined]


@pytest.fixture
def feed(deployment: Deployment) -> Iterator[Feed]:
    """Have a steady flow of raw records."""
    made = Feed(deployment, 1500)
    yield made
    made.stop()


def moving(deployment: Deployment) -> bool:
    """Say whether a barrier stands anywhere beyond the begin."""
    return any(barriers(deployment).values())


def test_every_row_is_right_after_kills_and_a_pause(deployment: Deployment, feed: Feed) -> None:
    """Two workers, SIGKILL again and again and one SIGSTOP beyond the session: no row lost, repeated or changed."""
    dice = random.Random(7)
    workers: list[Child] = [deployment.worker("a"), deployment.worker("b")]
    wait_for(lambda: moving(deployment), 30, "no worker has begun")
    pause = threading.Event()
    for turn in range(5):
        pause.wait(dice.uniform(0.5, 2.0))
        workers.pop(0).kill()
        workers.append(deployment.worker(f"c{turn}"))
        if turn == 2:
            asleep = workers[0]
            asleep.signal(signal.SIGSTOP)
            pause.wait(5)
            asleep.signal(signal.SIGCONT)
    feed.stop()
    wait_for(lambda: processed(deployment), 60, "the workers do not reach the end")
    for worker in workers:
        assert worker.stop() == 0, worker.log_tail()
    found = judge(deployment)
    assert (found.missing, found.wrong, found.holes) == (0, 0, 0), found


POINTS = (
    "worker.recovery:1",
    "worker.before_outputs:3",
    "worker.after_outputs:2",
    "worker.before_state:2",
    "worker.after_state:2",
    "worker.before_barrier:2",
    "worker.after_barrier:2",
)


def test_a_kill_at_any_named_point_changes_no_row(deployment: Deployment, feed: Feed) -> None:
    """One worker after the other dies at one of the points, the last one finishes: the rows are those of one run."""
    first = deployment.worker("first")
    wait_for(lambda: moving(deployment), 30, "no worker has begun")
    first.kill()
    for point in POINTS:
        worker = deployment.worker(point.replace(":", "-"), CRYPTOFLOW_FAILPOINT=point)
        wait_for(lambda worker=worker: not worker.alive(), 30, f"{point} is not reached")  # type: ignore[misc]
        assert worker.process.returncode == -signal.SIGKILL, worker.log_tail()
    feed.stop()
    last = deployment.worker("last")
    wait_for(lambda: processed(deployment), 40, "the last worker does not reach the end")
    last.stop()
    found = judge(deployment)
    assert (found.missing, found.wrong, found.holes) == (0, 0, 0), found


def test_sigterm_ends_the_worker_in_time_with_nothing_to_redo(deployment: Deployment, feed: Feed) -> None:
    """SIGTERM while records arrive: exit code 0 within 20 s, and the next worker repeats no row."""
    worker = deployment.worker("one")
    wait_for(lambda: moving(deployment), 30, worker.log_tail())
    began_s = clock.monotonic_s()
    assert worker.stop() == 0, worker.log_tail()
    assert clock.monotonic_s() - began_s < 20
    feed.stop()
    second = deployment.worker("two")
    wait_for(lambda: processed(deployment), 30, second.log_tail())
    second.stop()
    found = judge(deployment)
    assert (found.missing, found.wrong, found.holes, found.repeated_rows) == (0, 0, 0, 0), found


def test_a_worker_without_topics_says_so_in_one_line(broker: KafkaBroker, supervisor: Supervisor) -> None:
    """Missing topics end the start with exit code 1 and the remedy."""
    empty = Deployment(broker.bootstrap_servers, supervisor, settings={"topic_wait_s": 0})
    worker = empty.worker("one", app="cryptoflow")
    assert worker.process.wait(30) == 1
    assert worker.log_tail().strip().splitlines()[-1].startswith("Error: topics are missing")
    assert "Traceback" not in worker.log_tail()
