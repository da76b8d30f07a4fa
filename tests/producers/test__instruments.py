"""Definitions are fetched, written for our symbols, and written again when they change."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from cryptoflow.errors import UnreachableError
from exchanges.binance import USDM
from producers import _instruments
from producers._instruments import Changes, Instruments
from producers._rest import Rest
from tests.doubles.memory_log import MemoryLog
from tests.doubles.rest_venue import RestVenue, rest_venue
from tests.doubles.venue_run import until


def listing(**status: str) -> bytes:
    """Invent an exchangeInfo body."""
    symbols: list[dict[str, Any]] = [
        {
            "symbol": name, "pair": name, "contractType": "PERPETUAL", "deliveryDate": 4133404800000, "status": one,
            "baseAsset": name[:3], "quoteAsset": "USDT", "marginAsset": "USDT", "filters": [],
        }
        for name, one in status.items()
    ]  # fmt: skip
    return msgspec.json.encode({"symbols": symbols})


async def ignore(_changes: Changes) -> None:
    """Follow no change."""


def rest(venue: RestVenue) -> Rest:
    """Make a client."""
    return Rest(venue.base, USDM.rest, 1000, timeout_s=5, local_address="")


async def test_definitions_of_our_symbols_are_written_once_and_on_change(memory_log: MemoryLog) -> None:
    """Each symbol has its own JSON, byte for byte; what did not change is not written again."""
    async with rest_venue() as venue, rest(venue) as client:
        first = listing(AAAUSDT="TRADING", BBBUSDT="TRADING")
        venue.script = [(200, {}, first), (200, {}, first), (200, {}, listing(AAAUSDT="SETTLING", BBBUSDT="TRADING"))]
        one = Instruments(USDM, client)
        await one.start()
        assert [definition.native_symbol for definition in one.definitions] == ["AAAUSDT", "BBBUSDT"]
        memory_log.lane("AAAUSDT")
        one.write(memory_log.lanes, memory_log.intake)
        task = asyncio.create_task(one.run(memory_log.lanes, memory_log.intake, 0.02, ignore))
        await until(lambda: len(memory_log.frames("AAAUSDT")) == 2, 5, "the change")
        task.cancel()
        frames = memory_log.frames("AAAUSDT")
        assert [USDM.instrument(frame.payload()).status for frame in frames] == ["TRADING", "SETTLING"]
        assert {frame.k for frame in frames} == {"instrument"}
        assert memory_log.frames("BBBUSDT") == []
        one.forget("AAAUSDT")
        one.write(memory_log.lanes, memory_log.intake)
        assert len(memory_log.frames("AAAUSDT")) == 3


async def test_a_failed_look_keeps_what_is_known(memory_log: MemoryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal or an unreadable answer is told and tried again."""
    monkeypatch.setattr(_instruments, "_RETRY_S", 0.01)
    async with rest_venue() as venue, rest(venue) as client:
        venue.script = [(200, {}, listing(AAAUSDT="TRADING"))]
        one = Instruments(USDM, client)
        await one.start()
        venue.script = [(200, {}, b"no json"), (200, {}, listing(AAAUSDT="SETTLING"))]
        memory_log.lane("AAAUSDT")
        monkeypatch.setattr(_instruments.RestError, "wait_s", 0.0, raising=False)
        with pytest.raises(_instruments.RestError, match="reading /fapi/v1/exchangeInfo"):
            await one.refresh()
        assert [definition.status for definition in one.definitions] == ["TRADING"]


async def test_a_venue_that_does_not_answer_at_start_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the limit it is tried again, then one line says what to check."""
    monkeypatch.setattr(_instruments, "START_LIMIT_S", 0.5)
    async with rest_venue() as venue, rest(venue) as client:
        venue.script = [(500, {}, b"no")]
        with pytest.raises(UnreachableError, match="status 500"):
            await Instruments(USDM, client).start()
