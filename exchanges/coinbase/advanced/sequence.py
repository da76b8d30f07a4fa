"""Coinbase Advanced Trade: when a book is whole. PROTOCOLS 6.2.5.

Updates have no ids. What proves that none is missing is the number every frame of a connection has,
of whatever channel: the producer counts it before any filter and writes a gap for all it carries.
"""

from __future__ import annotations

import re

import msgspec

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict
from exchanges._sightings import saw

SEQUENCE_START = 0
"""Number of a connection's first frame. PROTOCOLS 6.2.4 (!): seen on one recorded connection."""

_NUMBER_MAX_DIGITS = 18
_HEAD_MAX_BYTES = 256
_EVENTS = b'"events":'
_number = re.compile(
    rb'\{"channel":"\w+",(?:"client_id":"[^"\\]*",)?"timestamp":"[^"\\]*","sequence_num":(\d{1,18})[,}]'
)


class _Numbered(msgspec.Struct):
    sequence_num: int


_numbered = msgspec.json.Decoder(_Numbered)


def connection_sequence(frame: bytes) -> int | None:
    """Read a frame's number on its connection; None where it has none (an error) or cannot be read.

    The common form is read from the frame's first bytes: a snapshot is several MB long.
    """
    head = _number.match(frame, 0, _HEAD_MAX_BYTES)
    number = int(head[1]) if head else _decoded(frame)
    if number == SEQUENCE_START:
        saw("PROTOCOLS 6.2.4", "a connection's first sequence_num is 0")
    return number


def _decoded(frame: bytes) -> int | None:
    try:
        number = _numbered.decode(frame).sequence_num
    except (ValueError, RecursionError):
        return None
    return number if 0 <= number < 10**_NUMBER_MAX_DIGITS else None


def content(frame: bytes) -> bytes:
    """Return the events of a frame: the envelope's number, and perhaps its time (!), are the connection's own.

    PROTOCOLS 6.2.4: a ticker says the price and the volumes of the day, so hardly two are alike; of 160
    recorded ones two pairs are.
    """
    return frame[max(frame.find(_EVENTS), 0) :]


class AdvancedBookRules:
    """Judge updates and snapshots of one product in log order (PROTOCOLS 6.2.5).

    A book is valid from a snapshot on its own stream until a gap. There is nothing to splice and no
    id to tell a repeat by: repeats and losses are the business of the connection's numbers.
    """

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Take an update in the order it came; the ids are all -1."""
        del first, last, prev
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Begin a new chain at a snapshot of the book's own stream; any other proves nothing."""
        del last
        if in_stream:
            state.valid = True
        return SnapshotVerdict.SPLICED if state.valid else SnapshotVerdict.STALE

    def on_gap(self, state: BookState) -> None:
        """Forget the book: frames of its connection were lost."""
        state.forget_chain()
