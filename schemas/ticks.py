"""One trade with the best bid and ask of its instant."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="ticks",
    topic="md.ticks",
    doc="One trade with the best bid and ask of its instant.",
    fields=(
        Field(100, "pair", Type.SYMBOLIC, "the symbol as BASE/QUOTE"),
        Field(101, "price", Type.DECIMAL, "price", "quote per base"),
        Field(102, "volume", Type.DECIMAL, "size", "base"),
        Field(103, "bid_price", Type.DECIMAL, "best bid", "quote per base"),
        Field(104, "bid_volume", Type.DECIMAL, "size at the best bid", "base"),
        Field(105, "ask_price", Type.DECIMAL, "best ask", "quote per base"),
        Field(106, "ask_volume", Type.DECIMAL, "size at the best ask", "base"),
        Field(107, "trade_id", Type.STRING, "the venue's id, as text"),
    ),
)
