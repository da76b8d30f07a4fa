"""Every trouble of a connection happens at every venue that knows it, and the venue serves again afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
import websockets
from websockets.exceptions import ConnectionClosed

from cryptoflow import registry
from cryptoflow.simulator.troubles import TROUBLES
from cryptoflow.simulator.venues import venue_of
from exchanges import Endpoint, Market, Per

SILENCE_S = 1.0
FRAME_MAX_BYTES = 16 << 20
RUN = {
    "symbols": 2, "rate_fps": 1500, "fault_interval_frames": 150, "recovery_wait_s": 5.0, "start_wait_s": 3.0,
    "limits": {"connects_max": 1000, "messages_max": 100},
}  # fmt: skip
MARKETS = (
    "binance.spot",
    "binance.usdm",
    "bybit.linear",
    "coinbase.spot",
    "coinbase.exchange",
    "kraken.spot",
    "kraken.futures",
    "okx.swap",
)


class Recorder:
    """Keep a connection per endpoint as a producer does: subscribe, listen, leave a silent one, come back."""

    def __init__(self, market: Market, name: str, told: dict[str, Any]) -> None:
        """Keep where the market is; nothing is open yet."""
        self.market, self.name, self.told = market, name, told
        self.ends: Counter[str] = Counter()
        self.refusals = 0

    async def listen(self, endpoint: Endpoint, names: Sequence[str]) -> None:
        """Keep the streams of an endpoint coming."""
        url = self.told["endpoints"][f"{self.name}.{endpoint.name}"]
        while True:
            with contextlib.suppress(OSError):
                async with websockets.connect(
                    url, compression=None, max_size=FRAME_MAX_BYTES, ping_interval=None, close_timeout=0.2
                ) as socket:
                    try:
                        self.ends[await self._served(socket, endpoint, names)] += 1
                    finally:
                        socket.transport.abort()

    async def _served(self, socket: Any, endpoint: Endpoint, names: Sequence[str]) -> str:
        """Return how a connection ended."""
        wanted = [*endpoint.extra_streams, *names]
        try:
            await self._subscribe(socket, wanted, endpoint)
            while True:
                async with asyncio.timeout(SILENCE_S):
                    frame = await socket.recv(decode=False)
                try:
                    ack = self.market.ack(frame)
                except ValueError:
                    continue
                if self.market.is_reconnect_notice(frame):
                    return "notice"
                if ack is not None and ack.error:
                    self.refusals += 1
                    await self._subscribe(socket, wanted, endpoint)
        except TimeoutError:
            return "silence"
        except ConnectionClosed as closed:
            return "close" if closed.rcvd is not None else "refused" if closed.sent is not None else "abort"

    async def _subscribe(self, socket: Any, names: Sequence[str], endpoint: Endpoint) -> None:
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(self.market.request_group(name), []).append(name)
        step = endpoint.streams_per_request_max
        for number, group in enumerate(groups.values(), 1):
            for start in range(0, len(group), step):
                await socket.send(self.market.subscribe(number, group[start : start + step]), text=True)


async def _books(market: Market, base: str, symbols: Sequence[str]) -> None:
    """Ask for every book, again and again."""
    if market.snapshot_request is None:
        return
    async with aiohttp.ClientSession() as http:
        while True:
            for symbol in symbols:
                request = market.snapshot_request(symbol)
                async with http.get(base + request.path, params=dict(request.query)) as answer:
                    await answer.read()
            await asyncio.sleep(0.2)


async def _run(start: Any, name: str, kinds: Sequence[str]) -> tuple[Recorder, list[dict[str, Any]]]:
    """Run until every kind has happened and healed; return the client and the ledger's events."""
    exchange, _, local = name.partition(".")
    market: Market = registry.load("exchanges", "EXCHANGE")[exchange].markets[local]
    symbols = [venue_of(name).listing(local, number, random.Random(1)).symbol for number in (1, 2)]
    async with start(**RUN, markets=(name,), faults=tuple(kinds)) as venue:
        recorder = Recorder(market, name, venue.told)
        tasks = [asyncio.create_task(_books(market, venue.told["endpoints"][f"{name}.rest"], symbols))]
        for endpoint in market.endpoints:
            names = [
                market.stream_name(stream, symbol)
                for stream in market.streams
                if stream.default and stream.endpoint == endpoint.name and stream.per is Per.SYMBOL
                for symbol in symbols
            ]
            if names:
                tasks.append(asyncio.create_task(recorder.listen(endpoint, names)))
        await venue.until(lambda status: set(kinds) <= status["faults"].keys() and status["healed"])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return recorder, [json.loads(rest) for kind, _, _, rest in venue.ledger() if kind == "J"]


def _kinds(name: str) -> list[str]:
    venue = venue_of(name)
    unable = {*venue.unable, *(() if venue.limits.lifetime_s else ("day",))}
    return [kind for kind in TROUBLES if kind not in unable]


@pytest.mark.parametrize("name", MARKETS)
async def test_every_trouble(start: Any, name: str) -> None:
    """The client meets each: cut off, silence, too large, cannot be inflated, refused, told to go."""
    kinds = _kinds(name)
    recorder, events = await _run(start, name, kinds)
    faults = [event for event in events if event["ev"] == "fault"]
    assert {fault["kind"] for fault in faults} == set(kinds)
    assert not any(event["ev"] == "survived" for event in events)
    ends = recorder.ends
    assert ends["abort"] >= 1
    assert ends["silence"] >= 2
    # Nothing else makes the client leave a connection that brings data: a frame that it took would end nothing.
    left = {event["conn"] for event in events if event["ev"] == "close" and event["by"] == "client"}
    assert {fault["conn"] for fault in faults if fault["kind"] in {"oversize", "bomb"}} <= left
    assert recorder.refusals >= 1
    assert bool(ends["notice"]) is ("notice" in kinds)
    cuts = {event["reason"] for event in events if event["ev"] == "cut"}
    assert ("its lifetime is over" in cuts) is ("day" in kinds)
