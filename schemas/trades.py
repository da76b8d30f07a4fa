"""One fill, or the aggregate of fills that the venue publishes."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="trades",
    topic="md.trades",
    doc="One fill, or the aggregate of fills that the venue publishes.",
    fields=(
        Field(100, "trade_id", Type.STRING, "the venue's id, as text"),
        Field(101, "price", Type.DECIMAL, "price", "quote per base"),
        Field(102, "size", Type.DECIMAL, "size as sent", "venue unit"),
        Field(103, "base_size", Type.DECIMAL, "size in the base asset", "base"),
        Field(
            104, "notional", Type.DECIMAL, "exact price times base size; null where the product does not fit", "quote"
        ),
        Field(105, "side", Type.SYMBOLIC, "taker side: buy or sell"),
        Field(106, "count", Type.LONG, "fills in an aggregate; 1 for a single fill"),
        Field(107, "history", Type.BOOL, "true for trades a venue repeats on subscribing"),
    ),
)
