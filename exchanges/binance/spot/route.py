"""Binance spot: tell a frame's kind and symbol, and a book frame's ids, as cheaply as can be."""

from __future__ import annotations

import msgspec

from exchanges._exchange import Peek
from exchanges.binance._route import router
from exchanges.binance.spot.messages import BookIdsFrame, SnapshotId
from exchanges.binance.spot.streams import STREAMS

_book_ids = msgspec.json.Decoder(BookIdsFrame)
_snapshot_id = msgspec.json.Decoder(SnapshotId)

route = router(STREAMS)


def peek_book(frame: bytes) -> Peek:
    """Read the ids of a book delta without its levels. Raises ValueError or RecursionError."""
    data = _book_ids.decode(frame).data
    return Peek(data.first_id, data.last_id, -1)


def peek_snapshot(body: bytes) -> Peek:
    """Read the update id of a REST book without its levels. Raises ValueError or RecursionError."""
    return Peek(-1, _snapshot_id.decode(body).last_id, -1, snapshot=True)
