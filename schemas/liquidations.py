"""One liquidation."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="liquidations",
    topic="md.liquidations",
    doc="One liquidation.",
    fields=(
        Field(100, "price", Type.DECIMAL, "price of the closing order", "quote per base"),
        Field(101, "average_price", Type.DECIMAL, "average fill price where sent", "quote per base"),
        Field(102, "size", Type.DECIMAL, "size as sent", "venue unit"),
        Field(103, "filled_size", Type.DECIMAL, "accumulated filled size where sent", "venue unit"),
        Field(104, "base_size", Type.DECIMAL, "size in the base asset", "base"),
        Field(105, "side", Type.SYMBOLIC, "side of the closing order: sell means a long was liquidated"),
        Field(106, "position", Type.SYMBOLIC, "position liquidated: long or short"),
        Field(107, "liquidation_id", Type.STRING, "the venue's id, where it sends one"),
    ),
)
