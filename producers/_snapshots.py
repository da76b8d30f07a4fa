"""Fetch book snapshots over REST and write them into their symbols' lanes, in receive order."""

from __future__ import annotations

import asyncio

from cryptoflow import clock, events
from exchanges import Market, RestRequest
from producers._books import Books, Reason
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import BOOK_SNAPSHOT, OwnFrames
from producers._rest import Rest, RestError
from producers._router import is_json

_POLL_S = 0.02
_UNREADABLE_WAIT_S = 5.0
_FAILED_MAX_S = 60.0


class Snapshots:
    """Serve the books of one market that ask for a snapshot, several at a time, within the budget."""

    def __init__(
        self, market: Market, rest: Rest, books: Books, lanes: dict[str, Lane], intake: Intake, parallel: int
    ) -> None:
        """Draw the connection uuid of the snapshots' frames."""
        self._market = market
        self._rest = rest
        self._books = books
        self._lanes = lanes
        self._intake = intake
        self._parallel = parallel
        self._own = OwnFrames()
        self._failures = 0

    async def run(self) -> None:
        """Fetch until cancelled."""
        if self._market.snapshot_request is None:
            return
        tasks: set[asyncio.Task[None]] = set()
        try:
            while True:
                tasks = {task for task in tasks if not task.done()}
                for symbol, reason in self._books.due(clock.monotonic_s(), self._parallel - len(tasks)):
                    request = self._market.snapshot_request(symbol)
                    self._books.fetching(symbol, clock.now_ns())
                    tasks.add(asyncio.create_task(self._fetch(symbol, reason, request)))
                await asyncio.sleep(_POLL_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, symbol: str, reason: Reason, request: RestRequest) -> None:
        await self._rest.room(request.weight)
        requested_ns = clock.now_ns()
        self._books.fetching(symbol, requested_ns)
        try:
            body = await self._rest.get(request)
        except RestError as error:
            self._failures += 1
            wait_s = max(error.wait_s, min(2.0 ** min(self._failures, 10) * 0.1, _FAILED_MAX_S))
            self._books.failed(symbol, reason, clock.monotonic_s(), wait_s)
            events.RestFailed(host=self._rest.host, path=request.path, detail=error.text, wait_s=wait_s).emit()
            return
        self._failures = 0
        self._publish(symbol, reason, requested_ns, body)

    def _publish(self, symbol: str, reason: Reason, requested_ns: int, body: bytes) -> None:
        lane = self._lanes[symbol]
        received_ns = clock.now_ns()
        meta: dict[str, str | int] = {"requested_ns": requested_ns, "reason": reason.value}
        frame = self._own.encode(BOOK_SNAPSHOT, body, at_ns=received_ns, meta=meta, valid=is_json(body))
        self._intake.balance.received[lane.count_key(BOOK_SNAPSHOT)] += 1
        self._intake.take(lane, BOOK_SNAPSHOT, frame, received_ns)
        try:
            last = self._market.peek_snapshot(body).last
        except (ValueError, RecursionError):
            self._books.failed(symbol, reason, clock.monotonic_s(), _UNREADABLE_WAIT_S)
            return
        verdict = self._books.snapshot(symbol, last, clock.monotonic_s())
        events.BookResynced(
            exchange=lane.exchange,
            market=lane.market,
            symbol=symbol,
            reason=reason.value,
            verdict=verdict.value,
            shard=self._intake.balance.shard,
        ).emit()
