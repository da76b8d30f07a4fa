"""Redundant feeds: two lines of one producer, or two producers; each side is cut in turn."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.simulator.venues import markets
from exchanges import BOOK_SNAPSHOT
from tests.doubles.market_bench import MarketBench, market_bench

UNSCOPED = (
    "binance.usdm", "binance.spot", "bybit.spot", "bybit.linear", "okx.spot", "okx.swap", "okx.futures",
)  # fmt: skip
SCOPED = ("kraken.spot", "kraken.futures", "coinbase.spot", "coinbase.exchange")
SETTLE_S = 1.0
RESTART_ID = 1
ROWS_MIN = 10


def check_trades(bench: MarketBench) -> None:
    """Hold the trades to their ids: none twice, none missing where they are contiguous."""
    parser = bench.exchange.markets[bench.market].parsers["trades"]
    by_symbol: dict[str, list[str]] = {}
    for row in bench.rows["md.trades"]:
        by_symbol.setdefault(row["native_symbol"], []).append(row[parser.id_column])
    for symbol, ids in by_symbol.items():
        assert len(ids) > ROWS_MIN, symbol
        assert len(set(ids)) == len(ids), symbol
        if parser.contiguous:
            numbers = sorted(map(int, ids))
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), symbol


def check_books(bench: MarketBench) -> None:
    """Hold the updates of books to their ids: each once, each after the one before, until a restart counts anew."""
    for symbol in {row["native_symbol"] for row in bench.rows["md.book"]}:
        rows = [row for row in bench.rows["md.book"] if row["native_symbol"] == symbol]
        frames = dict.fromkeys(
            (row["raw_offset"], row["kind"], row["last_update_id"], row["exchange_ns"]) for row in rows
        )
        restarts = [frame[2:] for frame in frames if frame[1] == "book_snapshots" and frame[2] == RESTART_ID]
        assert len(set(restarts)) == len(restarts), symbol
        lasts = [
            last for _, kind, last, _ in frames if last is not None and (kind == "book_deltas" or last == RESTART_ID)
        ]
        assert all(before < after or after == RESTART_ID for before, after in pairwise(lasts)), symbol


def gaps_of(bench: MarketBench) -> list[tuple[Any, ...]]:
    """Return what the gap rows say."""
    return [(gap["native_symbol"], gap["stream"], gap["cause"], gap["revision"]) for gap in bench.gaps()]


async def cut_in_turn(bench: MarketBench, sides: list[dict[str, int]]) -> None:
    """Cut each side twice, one after the other; the other side serves meanwhile."""
    for side in sides:
        await bench.streaming(**side)
    await asyncio.sleep(SETTLE_S)
    for side in sides * 2:
        await bench.cut(**side)
        await asyncio.sleep(SETTLE_S)


@pytest.mark.parametrize("market", UNSCOPED)
async def test_cutting_each_line_in_turn_is_no_gap(market: str, tmp_path: Path) -> None:
    """Two connections of one producer carry the same streams: no gap row, no id missing, every row once."""
    async with market_bench(tmp_path, market) as (bench, stack):
        run = await bench.record(stack, connections_per_stream={market: 2})
        await cut_in_turn(bench, [{"line": 1}, {"line": 2}])
        assert run.facts()["connections"] == 2 * len(bench.sessions())
        assert run.streaming
    assert gaps_of(bench) == []
    check_trades(bench)
    check_books(bench)


async def test_cutting_each_of_two_producers_in_turn_is_no_gap(tmp_path: Path) -> None:
    """The second producer has a feed of its own: what one of them lost is no gap."""
    async with market_bench(tmp_path, "binance.usdm") as (bench, stack):
        await bench.record(stack)
        await bench.record(stack, feed="b")
        await cut_in_turn(bench, [{"producer": 0}, {"producer": 1}])
    assert gaps_of(bench) == []
    check_trades(bench)
    check_books(bench)


async def test_losing_both_lines_is_a_gap(tmp_path: Path) -> None:
    """From the later loss to the first return, one per symbol and stream."""
    async with market_bench(tmp_path, "binance.usdm") as (bench, stack):
        await bench.record(stack, connections_per_stream={"binance": 2})
        for line in (1, 2):
            await bench.streaming(line=line)
        await asyncio.sleep(SETTLE_S)
        bench.asks_trades = False
        await asyncio.gather(bench.cut(line=1), bench.cut(line=2))
        await asyncio.sleep(SETTLE_S)
    opened = Counter((symbol, stream) for symbol, stream, _, revision in gaps_of(bench) if revision == 0)
    assert set(opened.values()) == {1}
    assert {stream for _, stream in opened} >= {"trades", "quotes", "book", "funding"}


@pytest.mark.parametrize("market", SCOPED)
async def test_where_ids_do_not_hold_the_spare_takes_over_by_a_switch(market: str, tmp_path: Path) -> None:
    """Only what rests on the elected connection has a gap, closed by the spare; trades have none."""
    async with market_bench(tmp_path, market) as (bench, stack):
        await bench.record(stack, connections_per_stream={market: 2})
        for line in (1, 2):
            await bench.streaming(line=line)
        await asyncio.sleep(SETTLE_S)
        await bench.cut(line=2)
        await asyncio.sleep(SETTLE_S)
        before = gaps_of(bench)
        await bench.cut(line=1)
        await asyncio.sleep(2 * SETTLE_S)
    scoped = bench.exchange.markets[bench.market].scoped_kinds - {BOOK_SNAPSHOT}
    assert before == []
    found = gaps_of(bench)
    assert {stream for _, stream, _, _ in found} <= scoped
    assert {(symbol, stream) for symbol, stream, _, revision in found if revision == 1} == {
        (symbol, stream) for symbol, stream, _, revision in found if revision == 0
    }
    check_trades(bench)


def test_every_simulated_market_is_one_of_the_two() -> None:
    """A market with kinds that do not hold across connections is tested as such."""
    from schemas._registry import load

    exchanges = load("exchanges", "EXCHANGE")
    for name in markets():
        exchange, _, market = name.partition(".")
        if name in UNSCOPED + SCOPED:
            assert bool(exchanges[exchange].markets[market].scoped_kinds) == (name in SCOPED), name
