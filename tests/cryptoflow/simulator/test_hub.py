"""Who gets which stream."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise

ONE = {"symbols": 1, "start_wait_s": 0.1, "rate_fps": 2000}
DEADLINE_S = 20.0


async def _next(socket, count=1):
    async with asyncio.timeout(DEADLINE_S):
        return [json.loads(await socket.recv()) for _ in range(count)]


async def test_two_listeners_and_the_ledger(start):
    """Every subscriber gets the same bytes, and the ledger has each frame with who it was sent to."""
    path = "/public/stream?streams=sym0001usdt@bookTicker"
    async with start(**ONE, frames_max=600) as venue, venue.connect(path) as one, venue.connect(path) as two:
        first, second = await _next(one, 100), await _next(two, 100)
        await venue.until(lambda status: status["state"] == "done")
        ids = [frame["data"]["u"] for frame in first]
        assert set(ids) & {frame["data"]["u"] for frame in second}
        assert all(before < after for before, after in pairwise(ids))
        sent = [json.loads(rest)["data"]["u"] for kind, _, _, rest in venue.ledger() if kind == "S"]
        assert [number for number in sent if number in set(ids)] == ids
        assert {label for kind, label, _, _ in venue.ledger() if kind == "S"} <= {"1", "1,2", "2"}
        assert (await venue.status())["frames_sent"] >= 600


async def test_resubscribing_brings_a_stream_back(start, request_of):
    """Frames stop with the unsubscription, are noted as down, and go on with the next subscription."""
    names = ["sym0001usdt@bookTicker"]
    async with start(**ONE) as venue, venue.connect("/public/stream") as socket:
        await request_of(socket, "SUBSCRIBE", names)
        await _next(socket, 5)
        await request_of(socket, "UNSUBSCRIBE", names)
        await venue.until(lambda status: status["frames_withheld"] > 20)
        await request_of(socket, "SUBSCRIBE", names)
        await _next(socket, 5)
        assert "down" in {label for kind, label, _, _ in venue.ledger() if kind == "W"}


async def test_streams_nobody_asked_for_are_not_counted(start, request_of):
    """Frames of a stream never subscribed are neither sent nor in the ledger."""
    async with start(**ONE, frames_max=100) as venue, venue.connect("/public/stream") as socket:
        await request_of(socket, "SUBSCRIBE", ["sym0001usdt@bookTicker"])
        status = await venue.until(lambda found: found["state"] == "done")
        assert set(status["streams"]) == {"binance.usdm sym0001usdt@bookTicker"}
        assert status["frames_withheld"] == 0


async def test_data_waits_for_whoever_comes_late(start):
    """The first subscription may take longer than the ones after it; a replay would be over before."""
    async with start(**ONE, first_wait_s=DEADLINE_S) as venue:
        await asyncio.sleep(0.5)
        assert (await venue.status())["state"] == "waiting"
        async with venue.connect("/public/stream?streams=sym0001usdt@bookTicker") as socket:
            await _next(socket)
            assert (await venue.status())["state"] == "running"


async def test_each_subscription_gives_the_next_one_time(start, request_of):
    """Many subscriptions are paced: the wait begins again with each."""
    names = [f"sym0001usdt@{channel}" for channel in ("aggTrade", "markPrice@1s", "forceOrder")]
    async with start(symbols=1, start_wait_s=0.6, rate_fps=2000) as venue, venue.connect("/market/stream") as socket:
        for number, name in enumerate(names):
            await request_of(socket, "SUBSCRIBE", [name], number)
            assert (await venue.status())["state"] == "waiting"
            await asyncio.sleep(0.4)
        await venue.until(lambda status: status["state"] == "running")
