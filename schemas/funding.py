"""One update of mark price, index price, funding rate or open interest."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="funding",
    topic="md.funding",
    doc="One update of mark price, index price, funding rate or open interest.",
    fields=(
        Field(100, "mark_price", Type.DECIMAL, "mark price", "quote per base"),
        Field(101, "index_price", Type.DECIMAL, "index price", "quote per base", signed=True),
        Field(102, "settle_price", Type.DECIMAL, "estimated settlement price", "quote per base"),
        Field(103, "funding_rate", Type.DECIMAL, "funding rate of the interval", "ratio", signed=True),
        Field(104, "next_funding_ns", Type.LONG, "when funding is next paid", "ns"),
        Field(105, "interval_hours", Type.INT, "hours between payments", "h"),
        Field(106, "open_interest", Type.DECIMAL, "open interest", "venue unit"),
    ),
)
