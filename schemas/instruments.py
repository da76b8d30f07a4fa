"""A symbol's definition from a moment on."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="instruments",
    topic="md.instruments",
    doc="A symbol's definition from a moment on.",
    fields=(
        Field(100, "base", Type.SYMBOLIC, "base asset"),
        Field(101, "quote", Type.SYMBOLIC, "quote asset"),
        Field(102, "settle", Type.SYMBOLIC, "settlement asset"),
        Field(103, "instrument_kind", Type.SYMBOLIC, "spot, perpetual or future"),
        Field(104, "contract_value", Type.DECIMAL, "base or quote units of one contract"),
        Field(105, "tick_size", Type.DECIMAL, "smallest price step", "quote per base"),
        Field(106, "step_size", Type.DECIMAL, "smallest size step", "venue unit"),
        Field(107, "status", Type.SYMBOLIC, "the venue's status"),
        Field(108, "expires_ns", Type.LONG, "expiry of a dated future", "ns"),
        Field(109, "definition", Type.STRING, "the venue's own definition, verbatim"),
    ),
)
