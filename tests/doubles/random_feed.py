"""What the invented venue would send next, and every trouble a feed has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.doubles.raw_frames import IN_STREAM, Log, alive, delta, gap, quote, snapshot, trade

STREAMS = ("trades", "quotes", "book", "funding", "liquidations")


@dataclass
class Feed:
    """Know what one symbol's venue would send next, and make frames that say it, or do not."""

    log: Log
    trade_id: int = 10
    quote_id: int = 10
    update_id: int = 10
    skipped: list[int] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def act(self, action: int, argument: int) -> bytes:
        """Make the frame of one action."""
        made = ACTIONS[action % len(ACTIONS)](self, argument)
        self.sent.append(made)
        return made

    def put(self, kind: str, body: object, argument: int, **options: object) -> bytes:
        """Make a frame on one of two connections."""
        return self.log.frame(kind, body, conn="ab"[argument // 3 % 2], **options)

    def trades(self, argument: int) -> bytes:
        """Send one to three trades, the newest first at times."""
        ids = list(range(self.trade_id, self.trade_id + 1 + argument % 3))
        self.trade_id = ids[-1] + 1
        return self.put("trades", trade(*(reversed(ids) if argument % 5 == 0 else ids)), argument)

    def skip_trades(self, argument: int) -> bytes:
        """Lose some trades."""
        lost = 1 + argument % 3
        self.skipped += range(self.trade_id, self.trade_id + lost)
        self.trade_id += lost
        return self.trades(argument)

    def late_trade(self, argument: int) -> bytes:
        """Send a trade that was lost, or one from before the first."""
        one = self.skipped.pop(argument % len(self.skipped)) if self.skipped else argument % 10
        return self.put("trades", trade(one), argument)

    def old_trade(self, argument: int) -> bytes:
        """Repeat recent trades."""
        return self.put("trades", trade(self.trade_id - 1 - argument % 2, self.trade_id - 1), argument)

    def auction(self, argument: int) -> bytes:
        """Take an id without a row."""
        self.trade_id += 1
        return self.put("trades", {"trades": [], "auction": self.trade_id - 1}, argument)

    def quotes(self, argument: int) -> bytes:
        """Send the next quote."""
        self.quote_id += 1 + argument % 2
        return self.put("quotes", quote(self.quote_id), argument)

    def old_quote(self, argument: int) -> bytes:
        """Send a quote with a recent id."""
        return self.put("quotes", quote(self.quote_id - argument % 3), argument)

    def deltas(self, argument: int) -> bytes:
        """Send the next delta."""
        first = self.update_id
        self.update_id += 1 + argument % 3
        return self.put("book", delta(first, self.update_id - 1), argument)

    def skip_delta(self, argument: int) -> bytes:
        """Lose a delta."""
        self.update_id += 1 + argument % 3
        return self.deltas(argument)

    def old_delta(self, argument: int) -> bytes:
        """Repeat a delta."""
        return self.put("book", delta(self.update_id - 1, self.update_id - 1), argument)

    def snapshots(self, argument: int) -> bytes:
        """Send a book snapshot, current or stale."""
        meta: dict[str, object] = {"requested_ns": 1, "reason": "resync"}
        return self.put("book_snapshot", snapshot(self.update_id - 1 - (argument % 4) * 2), argument, meta=meta)

    def own_snapshots(self, argument: int) -> bytes:
        """Send a snapshot of the book's own stream: of now, or of a connection that is behind."""
        return self.put("book_snapshot", snapshot(self.update_id - 1 - argument % 4), argument, meta=IN_STREAM)

    def funding(self, argument: int) -> bytes:
        """Send a mark price."""
        return self.put("funding", {"mark": f"{argument}.5", "at": argument}, argument)

    def liquidations(self, argument: int) -> bytes:
        """Send liquidations without ids, twins at times."""
        row = {"p": "3.5", "q": str(argument % 4), "at": argument}
        return self.put("liquidations", {"rows": [row] * (1 + argument % 2)}, argument)

    def gap(self, argument: int) -> bytes:
        """Say that streams were not heard."""
        streams = STREAMS[argument % 5 :] if argument % 2 else STREAMS[: 1 + argument % 5]
        body = gap(*streams, to_ns=self.log.now_ns if argument % 3 else 0, missing=argument % 4 - 1)
        return self.put("gap", body, argument)

    def alive(self, argument: int) -> bytes:
        """Say that streams are silent and well."""
        return self.put("alive", alive(*STREAMS[argument % 5 :], limit_ns=argument * 100_000), argument)

    def switch(self, argument: int) -> bytes:
        """Elect a connection."""
        return self.put("switch", {"conn": "ab"[argument % 2], "streams": ["book"]}, argument)

    def instrument(self, argument: int) -> bytes:
        """Define the symbol, at times badly."""
        ticks = ["0.1", "0.01", "1e99"]
        body = {"native": "AB", "base": "A", "quote": "BCD"[argument % 3], "tick": ticks[argument // 3 % 3]}
        return self.put("instrument", body, argument)

    def garbage(self, argument: int) -> bytes:
        """Send bytes that are no JSON."""
        kinds = (*STREAMS, "book_snapshot", "gap", "alive", "instrument", "nonsense", "control")
        return self.put(kinds[argument % len(kinds)], b"\xff[" * (1 + argument % 3), argument)

    def bad_cell(self, argument: int) -> bytes:
        """Send a number that does not fit, or a wrong type."""
        bad = ("NaN", "-1", "1e50000000", "9" * 30, "0." + "1" * 30, "-0", "", " 1")[argument % 8]
        self.trade_id += 1
        self.update_id += 1
        made: tuple[tuple[str, object], ...] = (
            ("trades", trade(self.trade_id - 1, price=bad)),
            ("trades", {"trades": [{"i": str(self.trade_id), "p": "1", "q": "1"}]}),
            ("book", {"U": self.update_id - 1, "u": self.update_id - 1, "b": [["1", "1"], [bad, "1"]]}),
            ("trades", trade(2**64)),
            ("quotes", {"u": 1}),
            ("book", {"U": 9, "u": 1, "b": []}),
        )
        kind, body = made[argument % len(made)]
        return self.put(kind, body, argument)

    def repeat(self, argument: int) -> bytes:
        """Deliver a frame again, with its identity: what a drained spool does."""
        return self.sent[-1 - argument % min(len(self.sent), 6)] if self.sent else self.funding(argument)


Action = Callable[[Feed, int], bytes]
CALM: tuple[Action, ...] = (Feed.trades, Feed.quotes, Feed.deltas, Feed.funding)
ACTIONS: tuple[Action, ...] = (
    *CALM * 4,
    *[Feed.snapshots, Feed.skip_trades, Feed.late_trade, Feed.skip_delta, Feed.gap, Feed.alive] * 2,
    *[Feed.old_trade, Feed.old_quote, Feed.old_delta, Feed.auction, Feed.liquidations, Feed.repeat],
    *[Feed.switch, Feed.instrument, Feed.garbage, Feed.bad_cell, Feed.repeat, Feed.own_snapshots],
)
