"""Bytes that could not be read, and why."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="dead_letters",
    topic="md.dead_letters",
    doc="Bytes that could not be read, and why.",
    fields=(
        Field(100, "stage", Type.SYMBOLIC, "where reading failed: envelope, frame, cell, route"),
        Field(101, "error", Type.SYMBOLIC, "kind of error"),
        Field(102, "message", Type.STRING, "the error in one line"),
        Field(103, "column", Type.SYMBOLIC, "the field that did not fit, where one is to blame"),
        Field(104, "payload_b64", Type.STRING, "the bytes as received, base64"),
        Field(105, "frame_kind", Type.SYMBOLIC, "kind of the frame"),
    ),
)
