"""Every stream of a market has one connection, within the venue's limits, as symbols come and go."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.binance import USDM
from producers._fleet import Fleet
from producers._link import Surroundings
from producers._plan import Carried
from producers._session import Session
from producers._watchdog import StreamInfo
from tests.doubles.venue_run import until

PER_CONNECTION = 4
PUBLIC = dataclasses.replace(USDM.endpoint("public"), streams_max=PER_CONNECTION)
STREAMS = tuple(stream for stream in USDM.streams if stream.default and stream.endpoint == "public")
MARKET = dataclasses.replace(USDM, endpoints=(PUBLIC,))
PER_SYMBOL = len(STREAMS)


class FakeSession:
    """Hold what it carries and what was asked of it; `run` waits until it is broken."""

    def __init__(self, carried: Carried) -> None:
        """Open with these streams."""
        self.carried = carried
        self.is_leaving = False
        self.runs = 0
        self.ended = False
        self.broken = asyncio.Event()
        self.asked: list[str] = []

    async def run(self) -> None:
        """Serve until cancelled."""
        self.runs += 1
        try:
            await self.broken.wait()
            raise RuntimeError("a defect")
        finally:
            self.ended = True

    def add(self, streams: Sequence[StreamInfo]) -> None:
        """Carry more."""
        self.carried = dataclasses.replace(self.carried, streams=(*self.carried.streams, *streams))

    def drop(self, streams: Iterable[StreamInfo]) -> None:
        """Carry less."""
        gone = list(streams)
        kept = tuple(info for info in self.carried.streams if info not in gone)
        self.carried = dataclasses.replace(self.carried, streams=kept)

    def resubscribe_book(self, symbol: str) -> bool:
        """Tell whether it carries the symbol."""
        self.asked.append(symbol)
        return any(info.symbol == symbol for info in self.carried.streams)


class Bench:
    """Hold a fleet of fake sessions, in the order they were opened."""

    def __init__(self, address_of: Callable[[str], str] = lambda _symbol: "") -> None:
        """Open nothing yet."""
        self.opened: list[FakeSession] = []
        around = cast("Surroundings", SimpleNamespace(market=MARKET))
        self.fleet = Fleet(around, STREAMS, self._open, address_of)

    def _open(self, carried: Carried) -> Session:
        self.opened.append(FakeSession(carried))
        return cast("Session", self.opened[-1])

    def fit(self, *symbols: str) -> None:
        """Carry these symbols."""
        self.fleet.fit(symbols, {})

    @property
    def carried(self) -> list[list[str]]:
        """Return the symbols of each connection that is kept, once per symbol."""
        return [list(dict.fromkeys(info.symbol for info in one.carried.streams)) for one in self.fleet.sessions]

    @property
    def names(self) -> list[str]:
        """Return every stream name carried."""
        return [info.name for one in self.fleet.sessions for info in one.carried.streams]


def test_what_is_new_goes_where_there_is_room_and_then_to_a_further_connection() -> None:
    """Connections that stand are added to, not opened again."""
    one = Bench()
    one.fit("A", "B", "C")
    assert PER_SYMBOL == 2
    assert one.carried == [["A", "B"], ["C"]]
    one.fit("A", "B", "C", "D", "E")
    assert one.carried == [["A", "B"], ["C", "D"], ["E"]]
    assert len(one.opened) == 3


def test_what_went_makes_room_and_an_empty_connection_is_closed() -> None:
    """The streams of a symbol that stays are not touched."""
    one = Bench()
    one.fit("A", "B", "C")
    before = one.opened[0].carried.streams[:PER_SYMBOL]
    one.fit("A", "D")
    assert one.carried == [["A", "D"]]
    assert one.opened[0].carried.streams[:PER_SYMBOL] == before
    one.fit()
    assert one.carried == []


def test_a_connection_holds_the_symbols_of_one_address() -> None:
    """A symbol pinned to another address does not share, though there is room."""
    one = Bench(lambda symbol: "10.0.0.2" if symbol in "BD" else "10.0.0.1")
    one.fit("A", "B")
    one.fit("A", "B", "D")
    assert one.carried == [["A"], ["B", "D"]]
    one.fit("A", "B", "C", "D")
    assert one.carried == [["A", "C"], ["B", "D"]]
    assert [session.carried.address for session in one.opened] == ["10.0.0.1", "10.0.0.2"]


@given(st.lists(st.frozensets(st.sampled_from("ABCDEFGH")), min_size=1, max_size=12))
def test_after_any_changes_each_stream_is_carried_once_and_no_limit_is_broken(wishes: list[frozenset[str]]) -> None:
    """Whatever came and went before."""
    one = Bench()
    for wish in wishes:
        one.fit(*sorted(wish))
        expected = [MARKET.stream_name(stream, symbol) for symbol in wish for stream in STREAMS]
        assert sorted(one.names) == sorted(expected)
        assert all(len(session.carried.streams) <= PER_CONNECTION for session in one.fleet.sessions)
        for session in one.fleet.sessions:
            assert session.carried.streams


def test_every_connection_is_asked_for_a_book() -> None:
    """During a handover two may carry it; False when none does."""
    one = Bench()
    one.fit("A", "B", "C")
    assert one.fleet.resubscribe_book("A")
    assert not one.fleet.resubscribe_book("Z")
    assert [session.asked for session in one.opened] == [["A", "Z"], ["A", "Z"]]


@asynccontextmanager
async def running(one: Bench) -> AsyncIterator[asyncio.Task[None]]:
    """Serve and end."""
    task = asyncio.create_task(one.fleet.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_sessions_are_served_once_and_ended_when_given_up() -> None:
    """One opened later is served too; at the end all are over."""
    one = Bench()
    one.fit("A", "B")
    async with running(one):
        one.fit("A", "B", "C")
        await until(lambda: [session.runs for session in one.opened] == [1, 1], 5, "serving")
        one.fit("A", "B")
        await until(lambda: one.opened[1].ended, 5, "ending")
        assert not one.opened[0].ended
    assert [session.runs for session in one.opened] == [1, 1]
    assert all(session.ended for session in one.opened)


async def test_what_ends_a_session_unexpectedly_comes_out() -> None:
    """A connection whose task died would be a silent hole."""
    one = Bench()
    one.fit("A", "B", "C")
    async with running(one) as task:
        await until(lambda: all(session.runs for session in one.opened), 5, "serving")
        one.opened[0].broken.set()
        with pytest.raises(RuntimeError, match="a defect"):
            await asyncio.wait_for(task, 5)
        assert one.opened[1].ended


async def test_settled_waits_for_answers_and_for_closed_connections() -> None:
    """Until then frames of what was given up may still come; a limit ends the wait."""
    one = Bench()
    one.fit("A", "B", "C")
    async with running(one):
        await until(lambda: all(session.runs for session in one.opened), 5, "serving")
        assert await one.fleet.settled(0)
        one.opened[0].is_leaving = True
        assert not await one.fleet.settled(0)
        one.opened[0].is_leaving = False
        one.fit("A", "B")
        waits: Any = asyncio.create_task(one.fleet.settled(5))
        assert await waits
        assert one.opened[1].ended
