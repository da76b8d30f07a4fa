"""When large states are written."""

from __future__ import annotations

from agents._cadence import Cadence

SYMBOLS = [f"kraken.spot.S{number}" for number in range(300)]


def test_every_symbol_is_due_once_per_interval() -> None:
    """Asked every second, each state is written every 30 s, the first within 30 s of the start."""
    cadence, times = Cadence(30.0, 1000.0), {symbol: list[int]() for symbol in SYMBOLS}
    for second in range(1001, 1121):
        for symbol in SYMBOLS:
            if cadence.is_due(symbol, second):
                cadence.written(symbol, second)
                times[symbol].append(second)
    assert all(len(one) == 4 for one in times.values())
    assert all(one[0] <= 1030 for one in times.values())


def test_turns_are_spread_over_the_interval() -> None:
    """No second writes much more than its share."""
    cadence = Cadence(30.0, 0.0)
    at_once = []
    for second in range(1, 31):
        due = [symbol for symbol in SYMBOLS if cadence.is_due(symbol, second)]
        for symbol in due:
            cadence.written(symbol, second)
        at_once.append(len(due))
    assert sum(at_once) == len(SYMBOLS)
    assert max(at_once) < 3 * len(SYMBOLS) / 30


def test_what_was_not_written_stays_due() -> None:
    """A turn that passed without a write is made up for."""
    cadence = Cadence(30.0, 0.0)
    assert cadence.is_due("a", 31.0)
    assert cadence.is_due("a", 500.0)
    cadence.written("a", 500.0)
    assert not cadence.is_due("a", 500.5)


def test_an_interval_of_zero_makes_everything_due() -> None:
    """Then large states are written like small ones."""
    cadence = Cadence(0.0, 0.0)
    cadence.written("a", 1.0)
    assert cadence.is_due("a", 1.0)
