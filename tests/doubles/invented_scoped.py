"""The invented venue's second market: a book without ids, checked by sums and for crossing; one connection counts.

Its sum is the CRC32 of the best two levels of each side, printed with the decimals of the instrument.
It cannot imitate: a venue that prunes a book differently from what it says.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Sequence
from decimal import Decimal
from itertools import chain

import msgspec

from exchanges import (
    BACKFILL,
    BookLevel,
    BookState,
    CrossCheck,
    DeltaVerdict,
    Exchange,
    Parser,
    Precisions,
    RestRequest,
    SnapshotVerdict,
    TradeFill,
)
from schemas import Columns
from tests.doubles.invented_venue import MARKET, Trades

SUMMED_LEVELS = 2


class Levels(msgspec.Struct):
    """`{"b":[["1.5","2"]],"a":[["1.6","1"]],"sum":123}`."""

    b: list[tuple[str, str]] = []
    a: list[tuple[str, str]] = []
    sum: int | None = None
    at: int = 7


def _levels(messages: Sequence[Levels], frames: Sequence[int], columns: Columns) -> None:
    sides = [(("bid", message.b), ("ask", message.a)) for message in messages]
    rows = [(side, price, size) for side, levels in chain.from_iterable(sides) for price, size in levels]
    columns.extend(
        frames,
        [len(message.b) + len(message.a) for message in messages],
        {
            "exchange_ns": [message.at for message in messages],
            "checksum": [message.sum for message in messages],
            "side": [side for side, _, _ in rows],
            "price": [price for _, price, _ in rows],
            "size": [size for _, _, size in rows],
        },
    )


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
        },
    )


class IdlessRules:
    """Whatever comes after a snapshot is applied; only gaps and sums break the book."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one delta."""
        assert first == last == prev == -1
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot: those asked for over REST cannot be spliced."""
        assert last == -1
        if not in_stream:
            return SnapshotVerdict.SPLICED if state.valid else SnapshotVerdict.STALE
        state.valid = True
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the book."""
        state.valid = False


class SumCheck:
    """Prove a book by the sum over its best levels."""

    def depth(self, stream: str) -> int | None:
        """Read the depth of `book.3`; None for plain `book`."""
        depth = stream.partition(".")[2]
        return int(depth) if depth else None

    def checksum(self, bids: Sequence[BookLevel], asks: Sequence[BookLevel], definition: Precisions) -> int | None:
        """Sum the best levels."""
        if definition.price_decimals is None or definition.size_decimals is None:
            return None
        text = ",".join(
            f"{level.price:.{definition.price_decimals}f}:{level.size:.{definition.size_decimals}f}"
            for level in (*bids[:SUMMED_LEVELS], *asks[:SUMMED_LEVELS])
        )
        return zlib.crc32(text.encode())


def sum_of(bids: dict[str, str], asks: dict[str, str], price_decimals: int = 2, size_decimals: int = 1) -> int | None:
    """Sum a book given as {price: size}, by another way than the agents keep it."""
    sides = [
        [BookLevel(Decimal(price), Decimal(size), price, size) for price, size in side.items()] for side in (bids, asks)
    ]
    best = sorted(sides[0], reverse=True), sorted(sides[1])
    return SumCheck().checksum(*best, Precisions(price_decimals, size_decimals))


PARSERS = {
    **MARKET.parsers,
    "trades": Parser("md.trades", "trades", Trades, _trades, id_column="trade_id", contiguous=True),
    BACKFILL: Parser("md.trades", "trades", Trades, _trades, id_column="trade_id", contiguous=True, stream="trades"),
    "quotes": dataclasses.replace(MARKET.parsers["quotes"], id_column=""),
    "book": Parser("md.book", "book_deltas", Levels, _levels),
    "book_snapshot": Parser("md.book", "book_snapshots", Levels, _levels),
}

SCOPED = dataclasses.replace(
    MARKET,
    name="s",
    parsers=PARSERS,
    book_rules=IdlessRules(),
    in_stream_snapshots=True,
    scoped_kinds=frozenset({"book", "book_snapshot", "quotes"}),
    book_check=SumCheck(),
    cross_check=CrossCheck("an invented rule", levels_max=100),
    trade_fill=TradeFill(lambda symbol, from_id: RestRequest(symbol, {"from": str(from_id)}, 1), lambda _s, _b: [], 10),
)

EXCHANGE = Exchange("invented", {"m": MARKET, "s": SCOPED})
