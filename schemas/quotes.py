"""One change of the best bid or ask."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="quotes",
    topic="md.quotes",
    doc="One change of the best bid or ask.",
    fields=(
        Field(100, "bid_price", Type.DECIMAL, "best bid", "quote per base"),
        Field(101, "bid_size", Type.DECIMAL, "size at the best bid", "venue unit"),
        Field(102, "ask_price", Type.DECIMAL, "best ask", "quote per base"),
        Field(103, "ask_size", Type.DECIMAL, "size at the best ask", "venue unit"),
        Field(104, "update_id", Type.LONG, "the venue's update id"),
    ),
)
