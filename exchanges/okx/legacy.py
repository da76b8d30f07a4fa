"""OKX before 2026-06-23: books with a checksum, at first without ids. PROTOCOLS 5.1, 5.5.7.

| received | `checksum` | `seqId`, `prevSeqId` | `count`, `source`, `seqId` of trades | `connId` of answers |
|---|---|---|---|---|
| in 2022 (a recording of 2022-05-13) | real | absent | absent | absent |
| before 2024 (the day is not known) (!) | real | absent or sent | absent or sent | absent or sent |
| before 2026-06-23 | real | sent | sent | sent |
| from then on | 0 or absent | sent | sent | sent |

What is told besides books is read alike in all years: keys that came later are optional. A checksum of
0 may be genuine, so the date decides and never the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct, field

from exchanges._exchange import Parser, Peek
from exchanges.okx.messages import Checksum, Id, Level, Millis
from exchanges.okx.parse import book_levels, times_ns
from schemas import Columns

CHECKSUM_END_NS = 1_782_172_800_000_000_000
"""2026-06-23T00:00Z: from that day on the checksum is fixed to 0."""

IDS_SINCE_NS = 1_704_067_200_000_000_000
"""2024-01-01T00:00Z: books received later have ids (!); the year they came is not documented."""

NONE = -1


class LegacyBook(Struct, gc=False):
    """Hold levels and their checksum: `{"asks":[…],"bids":[…],"ts":"1652459225464","checksum":-934515145}`."""

    bids: list[Level]
    asks: list[Level]
    changed_ms: Millis = field(name="ts")
    checksum: Checksum | None = None
    last_id: Id | None = field(name="seqId", default=None)
    prev_id: Annotated[int, Meta(ge=-1, le=2**63 - 2)] | None = field(name="prevSeqId", default=None)


class LegacyBookFrame(Struct, gc=False):
    """Wrap an update as it was sent."""

    action: Literal["update"]
    data: Annotated[list[LegacyBook], Meta(min_length=1, max_length=1)]


class LegacySnapshotFrame(Struct, gc=False):
    """Wrap a whole book as it was sent, on the socket or over REST."""

    data: Annotated[list[LegacyBook], Meta(min_length=1, max_length=1)]
    action: Literal["snapshot"] = "snapshot"


class _Ids(Struct, gc=False):
    last_id: Id | None = field(name="seqId", default=None)
    prev_id: int | None = field(name="prevSeqId", default=None)


class _IdsFrame(Struct, gc=False):
    data: Annotated[list[_Ids], Meta(min_length=1, max_length=1)]
    action: Literal["snapshot", "update"] | None = None


_ids = msgspec.json.Decoder(_IdsFrame)


def peek_book(frame: bytes) -> Peek:
    """Read the ids of a book frame, -1 where it has none. Raises ValueError or RecursionError."""
    told = _ids.decode(frame)
    last, prev = told.data[0].last_id, told.data[0].prev_id
    snapshot = told.action == "snapshot"
    return Peek(-1, NONE if last is None else last, NONE if prev is None or snapshot else prev, snapshot=snapshot)


def peek_snapshot(body: bytes) -> Peek:
    """Read the id of a whole book, -1 where it has none. Raises ValueError or RecursionError."""
    last = _ids.decode(body).data[0].last_id
    return Peek(-1, NONE if last is None else last, -1, snapshot=True)


def _append_updates(messages: Sequence[LegacyBookFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data[0] for message in messages]
    values = {**_columns("book_deltas", books), "prev_update_id": [book.prev_id for book in books]}
    columns.extend(frames, [_rows(book) for book in books], values)


def _append_snapshots(messages: Sequence[LegacySnapshotFrame], frames: Sequence[int], columns: Columns) -> None:
    books = [message.data[0] for message in messages]
    columns.extend(frames, [_rows(book) for book in books], _columns("book_snapshots", books))


def _rows(book: LegacyBook) -> int:
    return len(book.bids) + len(book.asks)


def _columns(kind: str, books: Sequence[LegacyBook]) -> dict[str, Sequence[object]]:
    return {
        "kind": [kind] * len(books),
        "exchange_ns": times_ns([book.changed_ms for book in books]),
        "last_update_id": [book.last_id for book in books],
        "checksum": [book.checksum for book in books],
        **book_levels([(book.bids, book.asks) for book in books]),
    }


def parsers(current: Mapping[str, Parser], *, with_ids: bool) -> dict[str, Parser]:
    """Return what reads a market's frames of those years; `with_ids` says that books name their updates."""
    id_column = "last_update_id" if with_ids else ""
    return {
        **current,
        "book": Parser("md.book", "book_deltas", LegacyBookFrame, _append_updates, id_column=id_column, ordered=False),
        "book_snapshot": Parser(
            "md.book", "book_snapshots", LegacySnapshotFrame, _append_snapshots, id_column=id_column, ordered=False
        ),
    }
