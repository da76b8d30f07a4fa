"""The venues' REST answers and, on the same port, the control answers of the simulator."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from cryptoflow.simulator._limits import Weight
from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.venues._values import Limits, RestAnswer, RestAsk
from cryptoflow.simulator.venues._venue import Venue, World

_RETRY_AFTER_S = 1
_OK, _NOT_FOUND = 200, 404

Book = tuple[str, str]
"""Market as `<exchange>.<market>`, and native symbol."""


@dataclass
class RestFaults:
    """Hold what the next requests for books get: refusals by exchange, old books; `awaited` books need a fresh one."""

    refuse: dict[str, deque[int]] = field(default_factory=lambda: defaultdict(deque))
    stale: dict[Book, bytes] = field(default_factory=dict)
    awaited: set[Book] = field(default_factory=set)


class Source(World, Protocol):
    """Give what REST answers are made of."""

    async def snapshot(self, market: str, symbol: str, limit: int) -> bytes | None:
        """Return the book of a symbol, None when there is none."""
        ...

    def trades(self, market: str, symbol: str, from_id: int, limit: int) -> bytes | None:
        """Return trades by id, None when there are none."""
        ...


class RestApi:
    """Answer GET requests as the venues do; every book is noted in the ledger with its body."""

    def __init__(
        self,
        venues: Sequence[Venue],
        source: Source,
        ledger: Ledger,
        faults: RestFaults,
        limits: Callable[[Venue], Limits],
    ) -> None:
        """Start with an unused window of weight per venue."""
        self._venues = sorted(venues, key=lambda venue: -len(venue.prefix))
        self._source = source
        self._ledger = ledger
        self._faults = faults
        self._limits = {venue.prefix: limits(venue) for venue in venues}
        self._weights = {
            prefix: Weight(limit.rest_weight_max, limit.rest_window_s) for prefix, limit in self._limits.items()
        }
        self.snapshots = 0
        self._told: set[bytes] = set()
        """Bodies of instruments that are in the ledger."""

    def routes(self) -> list[web.RouteDef]:
        """Return the paths below every venue's prefix."""
        return [web.get("/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.Response:
        for venue in self._venues:
            if request.path.startswith(venue.prefix + "/"):
                break
        else:
            return web.Response(status=_NOT_FOUND)
        ask = venue.rest_ask(request.path.removeprefix(venue.prefix), dict(request.query))
        if ask is None:
            return web.Response(status=_NOT_FOUND)
        answer = ask if isinstance(ask, RestAnswer) else await self._weighed(venue, ask)
        headers = {**venue.rest_headers(self._weights[venue.prefix].used), **answer.headers}
        return web.Response(body=answer.body, status=answer.status, content_type="application/json", headers=headers)

    async def _weighed(self, venue: Venue, ask: RestAsk) -> RestAnswer:
        wait_s = self._weights[venue.prefix].take(ask.weight)
        status = self._limits[venue.prefix].rest_over_status if wait_s else 0
        refusals = self._faults.refuse[venue.exchange]
        if ask.kind == "snapshot" and refusals:
            status, wait_s = refusals.popleft(), max(wait_s, _RETRY_AFTER_S)
        market = f"{venue.exchange}.{ask.market}"
        told = {"market": market, "kind": ask.kind, "symbol": ask.symbol}
        if status:
            self._ledger.event("rest", **told, status=status, refused=True, retry_after_s=wait_s)
            return venue.rest_error(ask, status, wait_s)
        if ask.kind == "snapshot":
            return await self._book(venue, ask, market)
        if ask.kind == "trades":
            found = self._source.trades(market, ask.symbol, ask.from_id, ask.limit)
            body: bytes | RestAnswer | None = found if found is not None else venue.rest_body(ask, self._source)
        else:
            body = venue.rest_body(ask, self._source)
        answer = _wrapped(venue, ask, body)
        if ask.kind == "instruments" and answer.status == _OK and answer.body not in self._told:
            self._told.add(answer.body)
            self._ledger.event("instruments", market=market, body=answer.body.decode())
        self._ledger.event("rest", **told, status=answer.status)
        return answer

    async def _book(self, venue: Venue, ask: RestAsk, market: str) -> RestAnswer:
        book = (market, ask.symbol)
        body = self._faults.stale.pop(book, None)
        stale = body is not None
        if body is None:
            body = await self._source.snapshot(market, ask.symbol, ask.limit)
        if body is None:
            return venue.rest_error(ask, _NOT_FOUND, 0)
        if not stale:
            self._faults.awaited.discard(book)
        self.snapshots += 1
        self._ledger.event(
            "rest", market=market, kind="snapshot", symbol=ask.symbol, status=_OK, stale=stale, body=body.decode()
        )
        return RestAnswer(_OK, body)


def _wrapped(venue: Venue, ask: RestAsk, body: bytes | RestAnswer | None) -> RestAnswer:
    if body is None:
        return venue.rest_error(ask, _NOT_FOUND, 0)
    return body if isinstance(body, RestAnswer) else RestAnswer(_OK, body)


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
