"""Nothing trustworthy from … to …: one declared hole in one stream of one symbol."""

from __future__ import annotations

from schemas._record import Record
from schemas._types import Field, Type

RECORD = Record(
    name="gaps",
    topic="md.gaps",
    doc="Nothing trustworthy from … to …: one declared hole in one stream of one symbol.",
    fields=(
        Field(100, "gap_id", Type.STRING, "hash of symbol, stream and the position of the opening evidence"),
        Field(101, "revision", Type.INT, "0 opened, 1 closed, 2 filled late after it was closed"),
        Field(102, "stream", Type.SYMBOLIC, "the stream touched: trades, quotes, book, funding or liquidations"),
        Field(
            103,
            "cause",
            Type.SYMBOLIC,
            "disconnect, silence, resubscribe, refused, removed, pause, restart, drop, spool_damage, retention, "
            "sequence, checksum, crossed, switch or unreadable",
        ),
        Field(104, "from_ns", Type.LONG, "receive time of the last trusted frame", "ns"),
        Field(105, "to_ns", Type.LONG, "receive time of the first trusted frame after; null while open", "ns"),
        Field(106, "from_id", Type.LONG, "first id missing, where the venue numbers"),
        Field(107, "to_id", Type.LONG, "last id missing, where known"),
        Field(108, "ids_missing", Type.LONG, "ids missing, where known"),
        Field(109, "frames_missing", Type.LONG, "frames missing, where known"),
        Field(110, "resolved_by", Type.SYMBOLIC, "what ended it: next, snapshot, alive, late, backfill, absent"),
        Field(111, "detail", Type.STRING, "the evidence in words"),
    ),
)
