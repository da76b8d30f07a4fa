"""Fetch missing trades by id over REST and write them into their symbols' lanes, with source `backfill`.

The agents tell what is missing, from the log. An id that the venue leaves out between two trades of
one answer never existed: that is written too, so the gap can be closed. What the venue no longer
serves stays a gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from cryptoflow import clock, events
from exchanges import BACKFILL, TradeFill
from producers._egress import RestPool
from producers._envelope import Lane
from producers._intake import Intake
from producers._own import OwnFrames
from producers._rest import Rest, RestError
from producers._router import is_json

SOURCE = "backfill"
WAITING_MAX = 4096
"""Ranges waiting to be fetched; a further one is refused and stays a gap."""

SERVED_MAX = 4096
"""Ranges served last, which are not served again: a worker that starts over asks once more."""

ATTEMPTS_MAX = 5
_POLL_S = 0.05
_RETRY_S = 2.0
_NOTHING = b"null"


@dataclass(frozen=True, slots=True)
class MissingTrades:
    """Name trades of a symbol that the log lacks: ids from `first` to `last`, both included."""

    symbol: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Hold what one answer gives of a range: trades to publish, ids proven absent, the next id to ask for.

    `next_id` is None when nothing more can be had.
    """

    trades: list[tuple[int, bytes]]
    absent: list[tuple[int, int]]
    next_id: int | None


def judge(found: list[tuple[int, bytes]], from_id: int, last: int) -> Answer:
    """Judge the trades of one answer, in rising order, for the ids from `from_id` to `last`."""
    trades = [(one, raw) for one, raw in found if from_id <= one <= last]
    absent = []
    for (lower, _), (upper, _) in pairwise(found):
        low, high = max(lower + 1, from_id), min(upper - 1, last)
        if low <= high:
            absent.append((low, high))
    reached = found[-1][0] if found else -1
    return Answer(trades, absent, reached + 1 if from_id <= reached < last else None)


class Fills:
    """Serve the ranges asked for, one request at a time, within the market's budget."""

    def __init__(
        self,
        fill: TradeFill,
        rest: Rest | RestPool,
        lane_of: Callable[[str], Lane | None],
        intake: Intake,
        *,
        trades_max: int,
        feed: str = "",
    ) -> None:
        """Take the venue's way of asking; `trades_max` bounds what is fetched for one range."""
        self._fill = fill
        self._rest = rest
        self._lane_of = lane_of
        self._intake = intake
        self._trades_max = trades_max
        self._own = OwnFrames(feed)
        intake.conns.add(self._own.conn)
        self._waiting: deque[tuple[MissingTrades, int]] = deque()
        self._asked: set[MissingTrades] = set()
        self._served: dict[MissingTrades, None] = {}
        self._lanes: dict[str, Lane] = {}

    def ask(self, missing: MissingTrades) -> bool:
        """Take a range; False when it waits or was served already, is too long, or too many wait."""
        known = missing in self._asked or missing in self._served
        if known or len(self._waiting) >= WAITING_MAX or self._lane_of(missing.symbol) is None:
            return False
        if missing.last - missing.first >= self._trades_max:
            return False
        self._asked.add(missing)
        self._waiting.append((missing, 1))
        return True

    async def run(self) -> None:
        """Fetch until cancelled."""
        while True:
            if not self._waiting:
                await asyncio.sleep(_POLL_S)
                continue
            missing, attempt = self._waiting.popleft()
            try:
                found = await self._fetch(missing)
            except RestError as error:
                self._tell_failed(missing, error)
                if attempt < ATTEMPTS_MAX:
                    self._waiting.append((missing, attempt + 1))
                else:
                    self._asked.discard(missing)
                    self._tell_given_up(missing, error)
                await asyncio.sleep(max(error.wait_s, _RETRY_S))
                continue
            self._asked.discard(missing)
            self._served[missing] = None
            while len(self._served) > SERVED_MAX:
                del self._served[next(iter(self._served))]
            self._tell(missing, found)

    async def _fetch(self, missing: MissingTrades) -> int:
        """Fetch and publish one range; return how many trades it gave. Raises RestError."""
        found = 0
        next_id: int | None = missing.first
        while next_id is not None and next_id <= missing.last:
            # One id before the range: its neighbour proves what is absent at the range's start.
            request = self._fill.request(missing.symbol, max(next_id - 1, 0))
            rest = await self._rest.room(request.weight, missing.symbol)
            body = await rest.get(request)
            try:
                answer = judge(self._fill.trades(missing.symbol, body), next_id, missing.last)
            except (ValueError, RecursionError) as error:
                raise RestError(f"reading {request.path} of {self._rest.host}: {error}", _RETRY_S) from error
            self._publish(missing.symbol, answer)
            found += len(answer.trades)
            next_id = answer.next_id
        return found

    def _publish(self, symbol: str, answer: Answer) -> None:
        lane = self._backfill_lane(symbol)
        if lane is None:
            return
        for _, raw in answer.trades:
            self._write(lane, raw, None)
        for low, high in answer.absent:
            self._write(lane, _NOTHING, {"absent_from": low, "absent_to": high})

    def _write(self, lane: Lane, raw: bytes, meta: dict[str, str | int] | None) -> None:
        received_ns = clock.now_ns()
        frame = self._own.encode(BACKFILL, raw, at_ns=received_ns, meta=meta, valid=is_json(raw))
        self._intake.balance.received[lane.count_key(BACKFILL)] += 1
        self._intake.take(lane, BACKFILL, frame, received_ns)

    def _backfill_lane(self, symbol: str) -> Lane | None:
        """Return the symbol's lane with its own source: same key, so the same place in the log."""
        lane = self._lane_of(symbol)
        if lane is None:
            return None
        held = self._lanes.get(symbol)
        if held is None:
            held = self._lanes[symbol] = Lane(lane.exchange, lane.market, lane.symbol, SOURCE)
        return held

    def _tell(self, missing: MissingTrades, found: int) -> None:
        exchange, market = self._where(missing.symbol)
        events.TradesFilled(
            exchange=exchange,
            market=market,
            symbol=missing.symbol,
            first=missing.first,
            last=missing.last,
            found=found,
        ).emit()

    def _tell_given_up(self, missing: MissingTrades, error: RestError) -> None:
        exchange, market = self._where(missing.symbol)
        events.FillGivenUp(
            exchange=exchange,
            market=market,
            symbol=missing.symbol,
            first=missing.first,
            last=missing.last,
            attempts=ATTEMPTS_MAX,
            detail=error.text,
        ).emit()

    def _where(self, symbol: str) -> tuple[str, str]:
        """Return a symbol's exchange and market; nothing of one that went meanwhile."""
        lane = self._lane_of(symbol)
        return (lane.exchange, lane.market) if lane else ("", "")

    def _tell_failed(self, missing: MissingTrades, error: RestError) -> None:
        path = self._fill.request(missing.symbol, missing.first).path
        events.RestFailed(host=self._rest.host, path=path, detail=error.text, wait_s=error.wait_s).emit()
