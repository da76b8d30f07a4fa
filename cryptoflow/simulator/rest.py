"""The venue's REST answers and, on the same port, the control answers of the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from aiohttp import web

from cryptoflow import clock
from cryptoflow.simulator._limits import Weight, depth_weight
from cryptoflow.simulator.ledger import Ledger

_WEIGHT_HEADER = "X-MBX-USED-WEIGHT-1M"
_RETRY_AFTER_S = 1


@dataclass
class RestFaults:
    """Hold what the next depth requests get: refusals, old books; `awaited` books need a fresh one."""

    refuse: int = 0
    stale: dict[str, bytes] = field(default_factory=dict)
    awaited: set[str] = field(default_factory=set)


class Source(Protocol):
    """Give the data of a market: its streams, its REST answers, and its frames over time."""

    expected: list[str]
    symbols: list[str]

    async def snapshot(self, symbol: str, limit: int) -> bytes | None:
        """Return the depth answer of a symbol, None when there is none."""
        ...

    def exchange_info(self) -> bytes:
        """Return the exchangeInfo answer."""
        ...

    def funding_info(self) -> bytes:
        """Return the fundingInfo answer."""
        ...


class RestApi:
    """Answer GET requests as the venue does; every depth answer is noted in the ledger with its body."""

    def __init__(self, source: Source, ledger: Ledger, faults: RestFaults, weight_max: int) -> None:
        """Start with an unused minute of weight."""
        self._source = source
        self._ledger = ledger
        self._faults = faults
        self._weight = Weight(weight_max)
        self.snapshots = 0

    def routes(self) -> list[web.RouteDef]:
        """Return the venue's paths (PROTOCOLS 3.2, 3.4.2)."""
        return [
            web.get("/fapi/v1/depth", self._depth),
            web.get("/fapi/v1/exchangeInfo", self._exchange_info),
            web.get("/fapi/v1/fundingInfo", self._funding_info),
            web.get("/fapi/v1/time", self._time),
        ]

    async def _depth(self, request: web.Request) -> web.Response:
        symbol = request.query.get("symbol", "").upper()
        limit = request.query.get("limit", "500")
        if not limit.isdigit() or int(limit) not in {5, 10, 20, 50, 100, 500, 1000}:
            return self._error(400, -4021, f"{limit} is not valid depth limit.")
        wait_s = self._weight.take(depth_weight(int(limit)))
        if self._faults.refuse:
            self._faults.refuse -= 1
            wait_s = max(wait_s, _RETRY_AFTER_S)
        if wait_s:
            self._ledger.event("rest", path="depth", symbol=symbol, status=429, retry_after_s=wait_s)
            return self._error(429, -1003, "Too many requests.", wait_s)
        body = self._faults.stale.pop(symbol, None)
        stale = body is not None
        if body is None:
            body = await self._source.snapshot(symbol, int(limit))
        if body is None:
            return self._error(400, -1121, "Invalid symbol.")
        if not stale:
            self._faults.awaited.discard(symbol)
        self.snapshots += 1
        self._ledger.event("rest", path="depth", symbol=symbol, status=200, stale=stale, body=body.decode())
        return self._json(body)

    async def _exchange_info(self, request: web.Request) -> web.Response:
        return self._weighed(request, self._source.exchange_info)

    async def _funding_info(self, request: web.Request) -> web.Response:
        return self._weighed(request, self._source.funding_info)

    async def _time(self, request: web.Request) -> web.Response:
        return self._weighed(request, lambda: b'{"serverTime":%d}' % (clock.now_ns() // 1_000_000))

    def _weighed(self, request: web.Request, body: Callable[[], bytes]) -> web.Response:
        wait_s = self._weight.take(1)
        self._ledger.event("rest", path=request.path, status=429 if wait_s else 200)
        return self._error(429, -1003, "Too many requests.", wait_s) if wait_s else self._json(body())

    def _json(self, body: bytes, status: int = 200, **headers: str) -> web.Response:
        headers[_WEIGHT_HEADER] = str(self._weight.used)
        return web.Response(body=body, status=status, content_type="application/json", headers=headers)

    def _error(self, status: int, code: int, text: str, wait_s: int = 0) -> web.Response:
        headers = {"Retry-After": str(wait_s)} if wait_s else {}
        return self._json(msgspec.json.encode({"code": code, "msg": text}), status, **headers)


def control_routes(status: Callable[[], dict[str, Any]], stop: asyncio.Event) -> list[web.RouteDef]:
    """Return the simulator's own paths: GET /_sim/status and POST /_sim/stop."""

    async def on_status(request: web.Request) -> web.Response:
        del request
        return web.json_response(status())

    async def on_stop(request: web.Request) -> web.Response:
        del request
        stop.set()
        return web.json_response({"stopping": True})

    return [web.get("/_sim/status", on_status), web.post("/_sim/stop", on_stop)]
