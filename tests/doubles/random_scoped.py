"""What the invented venue's second market would send: sums over its book, two connections, contracts, feeds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.doubles.invented_scoped import sum_of
from tests.doubles.random_feed import Feed
from tests.doubles.raw_frames import delta, quote, trade

CONNS = ("a", "b", "x/c", "x/d")
"""The connections of two feeds."""

DEPTH = 3
BOOK = {"reason": "subscribe", "stream": f"book.{DEPTH}"}


@dataclass
class ScopedFeed(Feed):
    """Know the venue's book, and mostly send it on the connection that counts."""

    elected: str = CONNS[0]
    bids: dict[str, str] = field(default_factory=dict)
    asks: dict[str, str] = field(default_factory=dict)
    last: tuple[str, object, dict[str, object]] | None = None

    def act(self, action: int, argument: int) -> bytes:
        """Make the frame of one action."""
        made = SCOPED_ACTIONS[action % len(SCOPED_ACTIONS)](self, argument)
        self.sent.append(made)
        return made

    def put(self, kind: str, body: object, argument: int, **options: object) -> bytes:
        """Make a frame: of the book on the connection that counts, of others on any."""
        scoped = kind in {"book", "book_snapshot", "quotes"}
        conn = self.elected if scoped and argument % 7 else CONNS[argument // 3 % len(CONNS)]
        if scoped:
            self.last = kind, body, options
        return self.log.frame(kind, body, conn=conn, **options)

    def _change(self, argument: int) -> dict[str, object]:
        side = self.bids if argument % 2 else self.asks
        price = f"{(9 if argument % 2 else 11) + (argument // 2 % 5) * 0.25:.2f}"
        size = f"{argument % 4}.0"
        if size == "0.0":
            side.pop(price, None)
        else:
            side[price] = size
        for one, is_best_first in ((self.bids, True), (self.asks, False)):
            for beyond in sorted(one, key=float, reverse=is_best_first)[DEPTH:]:
                del one[beyond]
        return {"b" if argument % 2 else "a": [[price, size]]}

    def deltas(self, argument: int) -> bytes:
        """Change a level; the sum is left out at times."""
        body = self._change(argument)
        if argument % 5:
            body["sum"] = sum_of(self.bids, self.asks)
        return self.put("book", body, argument)

    def skip_delta(self, argument: int) -> bytes:
        """Lose a change."""
        self._change(argument + 1)
        return self.deltas(argument)

    def old_delta(self, argument: int) -> bytes:
        """Send a wrong sum."""
        body = self._change(argument)
        return self.put("book", {**body, "sum": argument}, argument)

    def crossing_delta(self, argument: int) -> bytes:
        """Set or delete a bid above the asks; the sum is right."""
        price, size = f"{13 + argument % 2 * 0.25:.2f}", f"{argument // 2 % 3}.0"
        self.bids.pop(price, None)
        if size != "0.0":
            self.bids[price] = size
        for beyond in sorted(self.bids, key=float, reverse=True)[DEPTH:]:
            del self.bids[beyond]
        body = {"b": [[price, size]], "sum": sum_of(self.bids, self.asks)}
        return self.put("book", body, argument)

    def own_snapshots(self, argument: int) -> bytes:
        """Send the whole book; its sum is left out or wrong at times."""
        body: dict[str, object] = {"b": list(self.bids.items()), "a": list(self.asks.items())}
        if argument % 5:
            body["sum"] = sum_of(self.bids, self.asks) if argument % 11 else argument
        return self.put("book_snapshot", body, argument, meta=BOOK)

    def snapshots(self, argument: int) -> bytes:
        """Send a book asked for over REST, which proves nothing here."""
        return self.put("book_snapshot", {"b": [["1.00", "1.0"]]}, argument, meta={"requested_ns": argument})

    def switch(self, argument: int) -> bytes:
        """Let another connection count, for some streams."""
        streams = (["book"], ["quotes"], ["book", "quotes"], ["book", "quotes", "trades"])[argument % 4]
        if "book" in streams:
            self.elected = CONNS[argument // 4 % len(CONNS)]
        since_ns = self.log.now_ns - argument % 3 * 1_000_000
        return self.put("switch", {"conn": self.elected, "streams": streams, "since_ns": since_ns}, argument)

    def copy(self, argument: int) -> bytes:
        """Bring what the connection that counts brought last on another one, at times much later."""
        kind, body, options = self.last or ("quotes", quote(0), {})
        self.log.now_ns += argument % 3 * 2_500_000_000
        return self.log.frame(kind, body, conn=CONNS[argument // 3 % len(CONNS)], **options)

    def instrument(self, argument: int) -> bytes:
        """Define a contract."""
        body = {
            "native": "EF",
            "base": "E",
            "quote": "F",
            "value": ("0.01", "100", None)[argument % 3],
            "inverse": argument % 4 == 0,
            "price_decimals": None if argument % 9 == 0 else 2,
            "size_decimals": 1,
        }
        return self.put("instrument", body, argument)

    def backfill(self, argument: int) -> bytes:
        """Send trades fetched over REST: some that were lost, and others."""
        ids = [self.skipped.pop() for _ in range(min(len(self.skipped), 1 + argument % 3))]
        return self.put("trades_backfill", trade(*sorted(ids), self.trade_id - 1 + argument % 2), argument)

    def absent(self, argument: int) -> bytes:
        """Say that ids never existed."""
        first = self.skipped.pop(0) if self.skipped else self.trade_id - 1
        meta = {"absent_from": first, "absent_to": first + argument % 3}
        return self.put("trades_backfill", {"trades": []}, argument, meta=meta)

    def strange_delta(self, argument: int) -> bytes:
        """Send what is no delta of this market."""
        return self.put("book", {**delta(1, 1), "b": [["x", "1"]]}, argument)


ScopedAction = Callable[[ScopedFeed, int], bytes]
# The first are calm, as in the list this one stands in for.
SCOPED_ACTIONS: tuple[ScopedAction, ...] = (
    ScopedFeed.trades,
    ScopedFeed.quotes,
    ScopedFeed.deltas,
    ScopedFeed.funding,
    *[ScopedFeed.deltas] * 8,
    *[ScopedFeed.own_snapshots, ScopedFeed.switch, ScopedFeed.instrument, ScopedFeed.gap, ScopedFeed.alive] * 2,
    *[ScopedFeed.skip_trades, ScopedFeed.late_trade, ScopedFeed.old_trade, ScopedFeed.backfill, ScopedFeed.absent],
    *[ScopedFeed.skip_delta, ScopedFeed.old_delta, ScopedFeed.snapshots, ScopedFeed.repeat, ScopedFeed.liquidations],
    *[ScopedFeed.garbage, ScopedFeed.strange_delta, ScopedFeed.quotes],
    *[ScopedFeed.crossing_delta, ScopedFeed.copy] * 3,
)
