"""A venue that does not exist, with every kind of stream and identity; its rules differ from Binance's.

It cannot imitate: sockets, REST, subscriptions, several symbols in one frame. All values are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from exchanges import (
    Ack,
    BookState,
    DeltaVerdict,
    Market,
    Parser,
    Peek,
    RestHost,
    RestRequest,
    Routed,
    RouteError,
    SnapshotVerdict,
)
from schemas import Columns, InstrumentDefinition

PENDING_MAX_DELTAS = 16
RECENT_MAX_DELTAS = 64


class Trade(msgspec.Struct):
    i: int
    p: str
    q: str
    at: int = 7


class Trades(msgspec.Struct):
    """`{"trades":[{"i":5,"p":"1.5","q":"2"}]}`."""

    trades: list[Trade]
    auction: int | None = None


class Quote(msgspec.Struct):
    u: int
    b: str
    a: str
    at: int = 7


class Delta(msgspec.Struct):
    U: int
    u: int
    b: list[tuple[str, str]]
    at: int = 7


class Snapshot(msgspec.Struct):
    id: int
    b: list[tuple[str, str]]


class Funding(msgspec.Struct):
    mark: str
    at: int = 7


class Liquidation(msgspec.Struct):
    p: str
    q: str
    at: int = 7


class Liquidations(msgspec.Struct):
    rows: list[Liquidation]


def _trades(messages: Sequence[Trades], frames: Sequence[int], columns: Columns) -> None:
    rows = [row for message in messages for row in message.trades]
    columns.extend(
        frames,
        [len(message.trades) for message in messages],
        {
            "exchange_ns": [row.at for row in rows],
            "trade_id": [row.i for row in rows],
            "price": [row.p for row in rows],
            "size": [row.q for row in rows],
            "base_size": [row.q for row in rows],
            "side": ["buy"] * len(rows),
        },
    )


def _quotes(messages: Sequence[Quote], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [1] * len(messages),
        {
            "exchange_ns": [message.at for message in messages],
            "bid_price": [message.b for message in messages],
            "ask_price": [message.a for message in messages],
            "update_id": [message.u for message in messages],
        },
    )


def _levels(books: list[list[tuple[str, str]]]) -> dict[str, list[Any]]:
    return {
        "side": ["bid" for book in books for _ in book],
        "price": [price for price, _ in chain.from_iterable(books)],
        "size": [size for _, size in chain.from_iterable(books)],
        "level": [level for book in books for level in range(len(book))],
    }


def _deltas(messages: Sequence[Delta], frames: Sequence[int], columns: Columns) -> None:
    if any(message.u < message.U for message in messages):
        raise ValueError("reading a delta: its first id is after its last")
    columns.extend(
        frames,
        [len(message.b) for message in messages],
        {
            "exchange_ns": [message.at for message in messages],
            "first_update_id": [message.U for message in messages],
            "last_update_id": [message.u for message in messages],
            **_levels([message.b for message in messages]),
        },
    )


def _snapshots(messages: Sequence[Snapshot], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [len(message.b) for message in messages],
        {"last_update_id": [message.id for message in messages], **_levels([message.b for message in messages])},
    )


def _funding(messages: Sequence[Funding], frames: Sequence[int], columns: Columns) -> None:
    columns.extend(
        frames,
        [1] * len(messages),
        {"exchange_ns": [message.at for message in messages], "mark_price": [message.mark for message in messages]},
    )


def _liquidations(messages: Sequence[Liquidations], frames: Sequence[int], columns: Columns) -> None:
    rows = [row for message in messages for row in message.rows]
    columns.extend(
        frames,
        [len(message.rows) for message in messages],
        {
            "exchange_ns": [row.at for row in rows],
            "price": [row.p for row in rows],
            "size": [row.q for row in rows],
        },
    )


class ConsecutiveRules:
    """Every delta begins where the last ended, plus one; a snapshot S is followed by S + 1."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta."""
        del prev
        if last <= state.last and last in state.recent:
            return DeltaVerdict.OLD
        state.recent.append(last)
        del state.recent[:-RECENT_MAX_DELTAS]
        state.high = last
        if state.last != -1 and first != state.last + 1:
            return self._broken(state, first, last)
        if not state.valid:
            if state.snapshot != -1 and last > state.snapshot:
                if first > state.snapshot + 1:
                    return self._broken(state, first, last)
                state.valid, state.snapshot = True, -1
            elif state.snapshot == -1:
                state.pending.append((first, last, -1))
                del state.pending[:-PENDING_MAX_DELTAS]
        state.last = last
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot."""
        if in_stream and not (state.valid and (last == state.last or last in state.recent)):
            self.on_gap(state)
            state.valid, state.last = True, last
            return SnapshotVerdict.SPLICED
        if state.valid:
            return SnapshotVerdict.SPLICED
        state.pending = [ids for ids in state.pending if ids[1] > last]
        if not state.pending:
            state.snapshot = last
            return SnapshotVerdict.WAITING
        if state.pending[0][0] > last + 1:
            return SnapshotVerdict.STALE
        state.valid, state.snapshot, state.pending = True, -1, []
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the chain."""
        state.valid, state.last, state.snapshot, state.pending = False, -1, -1, []

    def _broken(self, state: BookState, first: int, last: int) -> DeltaVerdict:
        self.on_gap(state)
        state.last = last
        state.pending = [(first, last, -1)]
        return DeltaVerdict.BREAK


class _Definition(msgspec.Struct):
    native: str
    base: str
    quote: str
    tick: str | None = None
    value: str | None = None
    inverse: bool = False
    price_decimals: int | None = None
    size_decimals: int | None = None


def instrument(entry: bytes) -> InstrumentDefinition:
    """Read `{"native":"AB","base":"A","quote":"B","tick":"0.1","value":"0.01"}`."""
    read = msgspec.json.decode(entry, type=_Definition)
    return InstrumentDefinition(
        read.native,
        f"{read.base}-{read.quote}",
        read.base,
        read.quote,
        read.quote,
        "spot",
        "on",
        tick_size=read.tick,
        contract_value=read.value,
        inverse=read.inverse,
        price_decimals=read.price_decimals,
        size_decimals=read.size_decimals,
    )


def route(frame: bytes) -> Routed:
    """Accept hellos as control; nothing else is routed here."""
    if frame.startswith(b'{"hello"'):
        return Routed("control", "")
    raise RouteError("routing a frame: it is of no kind")


def ack(frame: bytes) -> Ack | None:
    """Read `{"ok":1}`."""
    return Ack(1) if frame.startswith(b'{"ok"') else None


PARSERS = {
    "trades": Parser(
        "md.trades",
        "trades",
        Trades,
        _trades,
        id_column="trade_id",
        contiguous=True,
        unlisted_id=lambda message: message.auction,
    ),
    "quotes": Parser("md.quotes", "quotes", Quote, _quotes, id_column="update_id"),
    "book": Parser("md.book", "book_deltas", Delta, _deltas, id_column="last_update_id"),
    "book_snapshot": Parser("md.book", "book_snapshots", Snapshot, _snapshots, id_column="last_update_id"),
    "funding": Parser("md.funding", "funding", Funding, _funding),
    "liquidations": Parser(
        "md.liquidations", "liquidations", Liquidations, _liquidations, composite_id=("exchange_ns", "price", "size")
    ),
}

MARKET = Market(
    name="m",
    streams=(),
    endpoints=(),
    rest=RestHost("", weight_max=1),
    stream_name=lambda stream, symbol: f"{symbol}@{stream.channel}",
    subscribe=lambda number, names: b"%d %d" % (number, len(names)),
    unsubscribe=lambda number, names: b"%d %d" % (number, len(names)),
    route=route,
    ack=ack,
    is_reconnect_notice=lambda frame: frame.startswith(b'{"bye"'),
    content=lambda frame: frame.partition(b',"number":')[0],
    peek_book=lambda frame: Peek(-1, len(frame), -1),
    peek_snapshot=lambda frame: Peek(-1, len(frame), -1, snapshot=True),
    snapshot_request=None,
    instruments_requests=(RestRequest("", {}, 1),),
    instruments=lambda body: [(instrument(body), body)],
    instrument=instrument,
    parsers=PARSERS,
    book_rules=ConsecutiveRules(),
)
