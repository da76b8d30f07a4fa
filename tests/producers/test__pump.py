"""The pump tells a process that keeps up from one that does not, and lets envelopes wait accordingly."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cryptoflow import clock
from producers._envelope import NS_PER_MS, Envelopes
from producers._intake import Intake
from producers._pump import MEASURE_S, PUMP_S, Pump
from tests.doubles.memory_log import MemoryLog

TARGET = 1000.0
SYMBOLS = [f"S{number}" for number in range(50)]


class Bench:
    """Hold a pump over a log in memory whose clock the test moves."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand still at the beginning."""
        self.now_s, self.worked_s = 1000.0, 5.0
        monkeypatch.setattr(clock, "worked_s", lambda: self.worked_s)
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now_s)
        monkeypatch.setattr(clock, "now_ns", lambda: int(self.now_s * 1e9))
        self.log = MemoryLog(path)
        self.envelopes = Envelopes(500, 100_000, 4.0, 40.0, 200.0)
        self.intake = Intake(self.envelopes, self.log.publisher, self.log.balance)
        self.pump = Pump(self.intake, self.envelopes, TARGET)

    def run(self, seconds: float, *, every_s: float, symbols: int, stalled_s: float = 0.0) -> None:
        """Tick as often as the loop comes round, a frame of each symbol each time.

        A round is the pump's pause, `stalled_s` in which others have the machine, and work.
        """
        until_s = self.now_s + seconds
        while self.now_s < until_s:
            for symbol in SYMBOLS[:symbols]:
                self.intake.take(self.log.lane(symbol), "trades", b"{}", clock.now_ns())
            self.now_s += every_s
            self.worked_s += every_s - stalled_s - PUMP_S
            self.pump.tick()

    @property
    def linger_ms(self) -> float:
        """Return how long envelopes wait."""
        return self.envelopes.linger_ns / NS_PER_MS


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """Make a bench."""
    made = Bench(tmp_path, monkeypatch)
    yield made
    made.log.close()


def test_a_process_with_time_to_spare_keeps_to_the_largest_wait(bench: Bench) -> None:
    """Many records alone do not make anybody wait beyond `linger_max_ms`."""
    bench.run(20.0, every_s=PUMP_S * 1.2, symbols=50)
    assert not bench.pump.is_busy
    assert bench.linger_ms == 40.0


def test_a_process_without_time_to_spare_fills_its_records(bench: Bench) -> None:
    """The wait grows to `linger_busy_ms` as long as too many records leave, and is short again afterwards."""
    bench.run(20.0, every_s=PUMP_S * 8, symbols=50)
    assert bench.pump.is_busy
    assert bench.linger_ms > 40.0
    assert bench.pump.records < TARGET * 2 * MEASURE_S
    bench.run(20.0, every_s=PUMP_S * 1.2, symbols=50)
    assert bench.linger_ms <= 40.0
    bench.run(20.0, every_s=PUMP_S * 1.2, symbols=0)
    assert bench.linger_ms == 4.0


def test_a_machine_that_others_use_is_no_reason_to_wait(bench: Bench) -> None:
    """A loop that comes round seldom, but works little each time, keeps to the largest wait."""
    bench.run(20.0, every_s=PUMP_S * 8, stalled_s=PUMP_S * 6.5, symbols=50)
    assert not bench.pump.is_busy
    assert bench.linger_ms == 40.0


def test_a_busy_process_with_few_records_does_not_make_them_wait(bench: Bench) -> None:
    """What fills its envelopes anyway leaves as soon as usual."""
    bench.run(20.0, every_s=PUMP_S * 8, symbols=1)
    assert bench.pump.is_busy
    assert bench.linger_ms == 4.0


def test_what_waits_is_sent_at_every_tick(bench: Bench) -> None:
    """A measurement is due four times a second, deliveries each time."""
    bench.run(0.1, every_s=PUMP_S, symbols=1)
    assert bench.log.balance.facts()["published"] != 0
    assert bench.pump.records == 0
    bench.run(0.2, every_s=PUMP_S, symbols=1)
    assert bench.pump.records > 0
