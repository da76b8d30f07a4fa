"""Trades missed while a connection was away are fetched by id, and their gap is closed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from cryptoflow.simulator.venues import markets
from exchanges import BACKFILL
from schemas import RawFrame, decode_raw
from schemas._registry import load
from tests.doubles.market_bench import MarketBench, abort, market_bench
from tests.doubles.venue_run import until

MARKETS = ("binance.usdm", "binance.spot", "coinbase.exchange", "kraken.spot")
AWAY_S = 1.0


def holes(bench: MarketBench) -> dict[str, set[str | None]]:
    """Return, per gap of trades that misses ids, what resolved it so far."""
    found: dict[str, set[str | None]] = {}
    for gap in bench.gaps():
        if gap["stream"] == "trades" and gap["from_id"] is not None and gap["revision"]:
            found.setdefault(gap["gap_id"], set()).add(gap["resolved_by"] if gap["revision"] > 1 else None)
    return found


def filled(bench: MarketBench) -> bool:
    """Tell whether ids were missed, every such gap is closed, and no symbol misses any."""
    found = holes(bench)
    is_closed = bool(found) and all(how & {"backfill", "absent", "late"} for how in found.values())
    return is_closed and not any(missing(bench).values())


def fetched(bench: MarketBench) -> list[RawFrame]:
    """Return the frames of trades that were fetched."""
    records = [decode_raw(value) for _, _, value in bench.log.client.delivered]
    return [frame for record in records for frame in record.frames if frame.k == BACKFILL]


def missing(bench: MarketBench) -> dict[str, set[int]]:
    """Return, by symbol, the ids between the first and the last that neither came nor never existed."""
    absent = {
        one
        for frame in fetched(bench)
        if frame.m
        for one in range(int(frame.m["absent_from"]), int(frame.m["absent_to"]) + 1)
    }
    by_symbol: dict[str, set[int]] = {}
    for row in bench.rows["md.trades"]:
        by_symbol.setdefault(row["native_symbol"], set()).add(int(row["trade_id"]))
    return {symbol: set(range(min(ids), max(ids) + 1)) - ids - absent for symbol, ids in by_symbol.items()}


@pytest.mark.parametrize("market", MARKETS)
async def test_what_a_cut_missed_is_fetched_and_the_gap_is_closed(market: str, tmp_path: Path) -> None:
    """Every id between the first and the last is there once or never existed; fetched rows say so."""
    async with market_bench(tmp_path, market) as (bench, stack):
        run = await bench.record(stack, reconnect_min_s=2 * AWAY_S, reconnect_max_s=2 * AWAY_S)
        await bench.streaming()
        await until(lambda: len(bench.rows.get("md.trades", [])) > 20, 20, "trades")
        for session in run.sessions:
            assert session.link is not None
            abort(session.link)
        await until(lambda: filled(bench), 30, "filling the gap")
    assert fetched(bench)
    assert not any(missing(bench).values())
    ids = [(row["native_symbol"], row["trade_id"]) for row in bench.rows["md.trades"]]
    assert len(set(ids)) == len(ids)
    sources = {row["source"] for row in bench.rows["md.trades"]}
    assert sources == {"test", "backfill"}


async def test_switched_off_the_gap_stays(tmp_path: Path) -> None:
    """Nothing is fetched; the row says how many ids are missing."""
    async with market_bench(tmp_path, "binance.usdm") as (bench, stack):
        run = await bench.record(stack, trade_fill_max_trades=0, reconnect_min_s=1.0, reconnect_max_s=1.0)
        await bench.streaming()
        for session in run.sessions:
            assert session.link is not None
            abort(session.link)
        await until(lambda: holes(bench), 30, "the gap")
        await asyncio.sleep(0.5)
    assert not filled(bench)
    assert {row["source"] for row in bench.rows["md.trades"]} == {"test"}


def test_every_simulated_market_that_gives_trades_by_contiguous_id_is_tested() -> None:
    """Where ids have holes of their own nothing shows that one is missing."""
    exchanges = load("exchanges", "EXCHANGE")
    able = set()
    for name in markets():
        exchange, _, market = name.partition(".")
        found = exchanges[exchange].markets[market]
        if found.trade_fill is not None and found.parsers["trades"].contiguous:
            able.add(name)
    assert able == set(MARKETS)
