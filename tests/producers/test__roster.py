"""Symbols come and go while a market runs: their order is kept, and what went ends with a gap frame."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec
import pytest

from cryptoflow import clock
from exchanges import Per, Stream, StreamKind
from exchanges.binance import USDM
from producers._declare import Declare
from producers._envelope import Lane
from producers._fleet import Fleet
from producers._instruments import Instruments
from producers._intake import Intake
from producers._roster import Roster
from schemas import GapEvidence, InstrumentDefinition
from tests.doubles.memory_log import MemoryLog
from tests.doubles.venue_run import until

STREAMS = (
    Stream(StreamKind.TRADES, "t", "public"),
    Stream(StreamKind.BOOK, "b", "public"),
    Stream(StreamKind.FUNDING, "i", "public", per=Per.INDEX),
    Stream(StreamKind.LIQUIDATIONS, "l", "public", per=Per.MARKET),
)
OF_SYMBOL = ("book", "liquidations", "trades")


class FakeInstruments:
    """Know that A and B follow one index and C none, and write definitions down."""

    def __init__(self) -> None:
        """Write nothing yet."""
        self.by_name = {
            name: InstrumentDefinition(name, name, name, "USD", "USD", "perpetual", "on", index=index)
            for name, index in (("A", "IX"), ("B", "IX"), ("C", None), ("D", "IY"))
        }
        self.written: list[str] = []

    def write(self, lanes: Mapping[str, Lane], intake: Intake) -> None:
        """Note whose definitions are written."""
        del intake
        self.written += lanes


class FakeFleet:
    """Note what is to be carried; `settled` waits for a word."""

    def __init__(self) -> None:
        """Carry nothing."""
        self.wanted: list[tuple[list[str], dict[str, str]]] = []
        self.silent = asyncio.Event()
        self.is_asked = False

    def fit(self, symbols: Sequence[str], indexes: Mapping[str, str]) -> None:
        """Note it."""
        self.wanted.append((list(symbols), dict(indexes)))

    async def settled(self, limit_s: float) -> bool:
        """Wait until the venue has stopped sending."""
        self.is_asked = True
        await asyncio.wait_for(self.silent.wait(), limit_s)
        return True


class Bench:
    """Hold a roster whose fleet and definitions are doubles."""

    def __init__(self, log: MemoryLog) -> None:
        """Write nothing down yet."""
        self.log = log
        self.fleet, self.instruments = FakeFleet(), FakeInstruments()
        self.lost: list[str] = []
        self.roster = Roster("binance", USDM, "test", STREAMS, cast("Instruments", self.instruments))
        self.declare = Declare(log.intake, self.roster.lane_of, self.roster.lanes.keys, self.lost.append)

    def begin(self, *symbols: str) -> None:
        """Record these from the start."""
        self.roster.apply(symbols, self.log.intake)
        self.roster.begin(cast("Fleet", self.fleet), self.declare)

    def apply(self, *symbols: str, handed_over: Sequence[str] = ()) -> tuple[int, int]:
        """Record these from now on."""
        return self.roster.apply(symbols, self.log.intake, handed_over)

    def gaps(self, symbol: str) -> list[GapEvidence]:
        """Return a symbol's gap frames."""
        frames = self.log.frames(symbol)
        return [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in frames if frame.k == "gap"]


@pytest.fixture
def one(memory_log: MemoryLog) -> Bench:
    """Return a bench."""
    return Bench(memory_log)


@asynccontextmanager
async def running(one: Bench) -> AsyncIterator[None]:
    """See symbols off."""
    task = asyncio.create_task(one.roster.run())
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_what_is_recorded_is_told_per_symbol_and_per_index(one: Bench) -> None:
    """A stream of the whole market counts for each symbol; an index is recorded once for all that follow it."""
    one.begin("A", "B", "C")
    assert one.roster.kinds() == set(OF_SYMBOL)
    of_symbol, of_index = frozenset(OF_SYMBOL), frozenset({"funding"})
    assert one.roster.wanted() == {
        ("usdm", "A"): of_symbol,
        ("usdm", "B"): of_symbol,
        ("usdm", "C"): of_symbol,
        ("usdm", "IX"): of_index,
    }
    assert one.fleet.wanted == [(["A", "B", "C"], {"A": "IX", "B": "IX"})]


def test_definitions_of_what_came_are_written_before_its_streams(one: Bench) -> None:
    """Not again those of what stays; nothing before the market runs."""
    one.begin("A")
    assert one.instruments.written == []
    assert one.apply("A", "C", "C") == (1, 0)
    assert one.instruments.written == ["C"]
    assert one.fleet.wanted[-1][0] == ["A", "C"]


async def test_a_lane_is_recorded_until_its_last_gap_frame(one: Bench) -> None:
    """What another replica took over is recorded on; what went is, until the venue has stopped sending it."""
    one.begin("A", "B", "C")
    lanes = dict(one.roster.lanes)
    one.apply("A", "B", handed_over=["C"])
    one.apply("A")
    assert {symbol: one.roster.recorded(symbol) for symbol in ("A", "B", "C", "Z")} == {**lanes, "Z": None}
    async with running(one):
        one.fleet.silent.set()
        await until(lambda: one.roster.recorded("B") is None, 5, "the last gap frame")
    one.apply("A", "B")
    assert one.roster.recorded("B") is lanes["B"]


async def test_what_went_ends_with_a_gap_once_the_venue_has_stopped(one: Bench) -> None:
    """The gap runs from the order, names every kind, and stands behind the last frame."""
    one.begin("A", "C")
    before_ns = clock.now_ns()
    async with running(one):
        assert one.apply("A") == (0, 1)
        assert one.roster.is_leaving(["C"])
        assert one.fleet.wanted[-1][0] == ["A"]
        assert one.gaps("C") == []
        one.fleet.silent.set()
        await until(lambda: not one.roster.is_leaving(["C"]), 5, "seeing it off")
    (gap,) = one.gaps("C")
    assert (gap.cause, gap.streams, gap.to_ns) == ("removed", OF_SYMBOL, 0)
    assert before_ns <= gap.from_ns <= clock.now_ns()
    assert one.gaps("A") == []
    assert one.lost == ["C"]


async def test_an_index_ends_with_the_last_symbol_that_follows_it(one: Bench) -> None:
    """Until then it is recorded on."""
    one.begin("A", "B", "C")
    one.fleet.silent.set()
    async with running(one):
        one.apply("B", "C")
        await until(lambda: not one.roster.is_leaving(["A"]), 5, "seeing A off")
        assert one.gaps("IX") == []
        one.apply("C")
        await until(lambda: not one.roster.is_leaving(["B", "IX"]), 5, "seeing B off")
    assert [gap.streams for gap in one.gaps("IX")] == [("funding",)]


async def test_what_another_replica_records_on_has_no_gap(one: Bench) -> None:
    """Neither the symbol nor its index."""
    one.begin("A", "C", "D")
    one.fleet.silent.set()
    async with running(one):
        assert one.apply("D", handed_over=["A"]) == (0, 2)
        assert not one.roster.is_leaving(["A", "IX"])
        await until(lambda: not one.roster.is_leaving(["C"]), 5, "seeing C off")
    assert one.gaps("A") == one.gaps("IX") == []
    assert len(one.gaps("C")) == 1


async def test_an_index_that_another_replica_follows_goes_without_a_gap(one: Bench) -> None:
    """The symbol alone is recorded no more."""
    one.begin("A", "C")
    one.fleet.silent.set()
    async with running(one):
        assert one.apply("C", handed_over=["IX"]) == (0, 1)
        await until(lambda: not one.roster.is_leaving(["A", "IX"]), 5, "seeing A off")
    assert one.gaps("IX") == []
    assert len(one.gaps("A")) == 1


async def test_one_that_comes_back_meanwhile_is_not_ended(one: Bench) -> None:
    """It was recorded all the time, in the same lane: its frames on their way keep their order."""
    one.begin("A", "C", "D")
    lane = one.roster.lane_of("C")
    async with running(one):
        one.apply("A")
        await until(lambda: one.fleet.is_asked, 5, "waiting for the venue")
        assert one.roster.lane_of("C") is lane
        one.apply("A", "C")
        assert one.roster.lanes["C"] is lane
        one.fleet.silent.set()
        await until(lambda: not one.roster.is_leaving(["D"]), 5, "seeing D off")
    assert len(one.gaps("D")) == 1
    assert one.gaps("C") == []


async def test_a_stop_does_not_wait_for_the_venue(one: Bench) -> None:
    """The next run does not know the symbol: without a gap its rows would end without a word."""
    one.begin("A", "C")
    async with running(one):
        one.apply("A")
        await until(lambda: one.fleet.is_asked, 5, "waiting for the venue")
    assert one.gaps("C") == []
    one.roster.end()
    one.roster.end()
    assert [gap.cause for gap in one.gaps("C")] == ["removed"]


def test_before_the_market_runs_symbols_are_only_written_down(one: Bench) -> None:
    """One dropped from the choice at start was never recorded and has no gap."""
    assert one.apply("A", "C") == (2, 0)
    assert one.apply("A") == (0, 1)
    assert not one.roster.is_leaving(["C"])
    assert one.fleet.wanted == []
