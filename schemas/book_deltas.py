"""One changed level of an order book."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="book_deltas",
    topic="md.book",
    doc="One changed level of an order book.",
    fields=(
        Field(100, "side", Type.SYMBOLIC, "bid or ask"),
        Field(101, "price", Type.DECIMAL, "price of the level", "quote per base"),
        Field(102, "size", Type.DECIMAL, "absolute size of the level; 0 deletes it", "venue unit"),
        Field(103, "level", Type.INT, "ordinal of the level within its side of the frame"),
        Field(104, "first_update_id", Type.LONG, "first update id the frame covers"),
        Field(105, "last_update_id", Type.LONG, "last update id the frame covers"),
        Field(106, "prev_update_id", Type.LONG, "last update id of the frame before, where the venue sends it"),
        Field(108, "checksum", Type.LONG, "the venue's sum over the book after this frame, where it sends one"),
    ),
    per_frame=frozenset({"exchange_ns", "first_update_id", "last_update_id", "prev_update_id", "checksum"}),
    sort=("symbol", "exchange_ns"),
)
