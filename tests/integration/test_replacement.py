"""A planned replacement of connections whose quotes have no ids: each quote is a row once, whatever lags."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from schemas import decode_raw
from tests.doubles.market_bench import MarketBench, market_bench
from tests.doubles.venue_run import until

REPLACEMENTS = 2
HEARD = 10
NUMBER = re.compile(rb'"sequence_num":[0-9]+')
"""What a venue of the simulator says to one connection alone."""

PACE = {"rate_fps": 400}


@pytest.mark.parametrize("market", ["coinbase.spot", "coinbase.exchange"])
async def test_every_quote_counts_once(tmp_path: Path, market: str) -> None:
    """Old and new connection are joined at a frame that both brought, by what it says."""
    async with market_bench(tmp_path, market, **PACE) as (bench, stack):
        await bench.record(stack, overlap_grace_s=0.1)
        await bench.streaming()
        for _ in range(REPLACEMENTS):
            await replaced(bench)
    assert bench.gaps() == []
    brought = quotes_brought(bench)
    assert len(brought) > REPLACEMENTS * HEARD
    assert Counter(row["native_symbol"] for row in bench.rows["md.quotes"]) == Counter(symbol for symbol, _ in brought)


async def replaced(bench: MarketBench) -> None:
    """Let every connection be heard, replace it, and hear the new one."""
    await until(lambda: len(bench.rows.get("md.quotes", ())) > HEARD, 20, "hearing the old ones")
    old = [one.link for one in bench.sessions()]
    for one in bench.sessions():
        one.replace("test")

    def done() -> bool:
        links = [one.link for one in bench.sessions()]
        return all(
            link is not None and link is not before and not link.receiver.is_holding
            for link, before in zip(links, old, strict=True)
        )

    await until(done, 20, "replacing")
    before = len(bench.rows["md.quotes"])
    await until(lambda: len(bench.rows["md.quotes"]) > before + HEARD, 20, "hearing the new ones")


def quotes_brought(bench: MarketBench) -> set[tuple[str, bytes]]:
    """Return what the connections brought, by symbol: each quote once, and of the state they begin with the first."""
    frames = [
        (record.symbol, frame.c, NUMBER.sub(b"", frame.payload()))
        for record in (decode_raw(value) for _, _, value in bench.log.client.delivered)
        for frame in record.frames
        if frame.k == "quotes"
    ]
    first = frames[0][1]
    return {(symbol, said) for symbol, conn, said in frames if conn == first or b'"type":"snapshot"' not in said}
