"""Bring the book snapshots that are asked for: over REST into their symbols' lanes, or by subscribing again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from cryptoflow import clock, events
from exchanges import Market, RestRequest
from producers._books import Books, Reason
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import BOOK_SNAPSHOT, OwnFrames
from producers._rest import Door, RestError
from producers._router import is_json

_POLL_S = 0.02
_UNREADABLE_WAIT_S = 5.0
_FAILED_MAX_S = 60.0


class Snapshots:
    """Serve the books of one market that ask for a snapshot, several at a time, within the budget."""

    def __init__(  # noqa: PLR0913, PLR0917 - it connects this many parts
        self,
        market: Market,
        rest: Door,
        books: Books,
        lane_of: Callable[[str], Lane | None],
        intake: Intake,
        parallel: int,
        resubscribe: Callable[[str], bool] = lambda _symbol: False,
        feed: str = "",
    ) -> None:
        """Draw the connection of the snapshots' frames; `resubscribe` asks for a symbol's book stream again.

        `lane_of` returns None for a symbol that nobody records any more: its last answer is let go.
        """
        self._market = market
        self._rest = rest
        self._books = books
        self._lane_of = lane_of
        self._intake = intake
        self._parallel = parallel
        self._resubscribe = resubscribe
        self._own = OwnFrames(feed)
        intake.conns.add(self._own.conn)
        self._failures = 0

    async def run(self) -> None:
        """Serve until cancelled."""
        tasks: set[asyncio.Task[None]] = set()
        ask = self._market.snapshot_request
        try:
            while True:
                tasks = {task for task in tasks if not task.done()}
                for symbol, reason in self._books.due(clock.monotonic_s(), self._parallel - len(tasks)):
                    if self._books.in_stream and reason is not Reason.PERIODIC:
                        self._renew(symbol, reason)
                    elif ask is not None:
                        self._books.fetching(symbol, clock.now_ns())
                        tasks.add(asyncio.create_task(self._fetch(symbol, reason, ask(symbol))))
                await asyncio.sleep(_POLL_S)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _renew(self, symbol: str, reason: Reason) -> None:
        """Ask for a book's stream again. Between two connections nothing needs to be: the next one brings it."""
        lane = self._lane_of(symbol)
        if lane is not None and self._resubscribe(symbol):
            self._books.renewing(symbol, clock.monotonic_s(), clock.now_ns())
            self._tell(lane, reason, "resubscribed")
        else:
            self._books.failed(symbol, reason, clock.monotonic_s(), _UNREADABLE_WAIT_S)

    async def _fetch(self, symbol: str, reason: Reason, request: RestRequest) -> None:
        rest = await self._rest.room(request.weight, symbol)
        requested_ns = clock.now_ns()
        if symbol not in self._books:
            return
        self._books.fetching(symbol, requested_ns)
        try:
            body = await rest.get(request)
        except RestError as error:
            self._failures += 1
            wait_s = max(error.wait_s, min(2.0 ** min(self._failures, 10) * 0.1, _FAILED_MAX_S))
            self._books.failed(symbol, reason, clock.monotonic_s(), wait_s)
            events.RestFailed(host=self._rest.host, path=request.path, detail=error.text, wait_s=wait_s).emit()
            return
        self._failures = 0
        # What was asked for is published also when another replica has taken the symbol over meanwhile.
        lane = self._lane_of(symbol)
        if lane is not None:
            self._publish(lane, reason, requested_ns, body)

    def _publish(self, lane: Lane, reason: Reason, requested_ns: int, body: bytes) -> None:
        symbol = lane.symbol
        received_ns = clock.now_ns()
        meta: dict[str, str | int] = {"requested_ns": requested_ns, "reason": reason.value}
        frame = self._own.encode(BOOK_SNAPSHOT, body, at_ns=received_ns, meta=meta, valid=is_json(body))
        self._intake.balance.received[lane.count_key(BOOK_SNAPSHOT)] += 1
        self._intake.take(lane, BOOK_SNAPSHOT, frame, received_ns)
        if symbol not in self._books:
            return
        try:
            last = self._market.peek_snapshot(body).last
        except (ValueError, RecursionError):
            self._books.failed(symbol, reason, clock.monotonic_s(), _UNREADABLE_WAIT_S)
            return
        verdict = self._books.snapshot(symbol, last, clock.monotonic_s())
        self._tell(lane, reason, verdict.value)

    def _tell(self, lane: Lane, reason: Reason, verdict: str) -> None:
        events.BookResynced(
            exchange=lane.exchange,
            market=lane.market,
            symbol=lane.symbol,
            reason=reason.value,
            verdict=verdict,
            shard=self._intake.balance.shard,
        ).emit()
