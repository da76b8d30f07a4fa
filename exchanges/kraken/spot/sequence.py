"""Kraken spot: when a book is whole. PROTOCOLS 7.1.5: there are no ids, the checksum proves it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice

from exchanges._book import BookLevel, BookState, DeltaVerdict, Precisions, SnapshotVerdict
from exchanges.kraken.spot.streams import depth_of

CHECKED_LEVELS = 10


class SpotBookRules:
    """Judge updates and snapshots without ids: a snapshot makes a book, only a gap or the check ends it."""

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Take an update; before the first snapshot it is of no use yet."""
        del first, last, prev
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Take a snapshot in place of whatever was held (PROTOCOLS 7.1.5.2); the venue sends them in its stream.

        PROTOCOLS 7.1.5.5 (!): a thin snapshot may precede the full one, which then replaces it.
        """
        del last, in_stream
        self.on_gap(state)
        state.valid = True
        return SnapshotVerdict.SPLICED

    def on_gap(self, state: BookState) -> None:
        """Forget the book: frames were lost, or its checksum did not agree. PROTOCOLS 7.1.5.6."""
        state.forget_chain()


class Crc32Check:
    """Sum the best ten asks and bids as the venue does (PROTOCOLS 7.1.5)."""

    def depth(self, stream: str) -> int | None:
        """Return the depth subscribed: PROTOCOLS 7.1.5.4, levels pushed out of it get no delete."""
        return depth_of(stream)

    def checksum(self, bids: Sequence[BookLevel], asks: Sequence[BookLevel], definition: Precisions) -> int | None:
        """Return the unsigned CRC32 over what exists of ten asks, then ten bids; None without precisions.

        Numbers are printed with the instrument's decimals, not with those they came in.
        """
        prices, sizes = definition
        if prices is None or sizes is None:
            return None
        return zlib.crc32((_text(asks, prices, sizes) + _text(bids, prices, sizes)).encode())


def _text(levels: Sequence[BookLevel], price_decimals: int, size_decimals: int) -> str:
    return "".join(
        [
            _digits(level.price, price_decimals) + _digits(level.size, size_decimals)
            for level in islice(levels, CHECKED_LEVELS)
        ]
    )


def _digits(number: Decimal, decimals: int) -> str:
    return format(number, f".{decimals}f").replace(".", "").lstrip("0")
