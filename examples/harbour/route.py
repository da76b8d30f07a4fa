"""Harbour: tell a frame's kind and symbol, and a book frame's number, as cheaply as can be."""

from __future__ import annotations

import msgspec

from examples.harbour.messages import BookIds
from examples.harbour.streams import STREAMS, ack, is_reconnect_notice
from exchanges import BOOK_SNAPSHOT, CONTROL, Peek, Routed, RouteError, StreamKind

_KINDS = {stream.channel: stream.kind for stream in STREAMS}
_CONTROL = Routed(CONTROL, "")


class _Envelope(msgspec.Struct, gc=False):
    ch: str
    whole: bool = False


_envelope = msgspec.json.Decoder(_Envelope)
_ids = msgspec.json.Decoder(BookIds)


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs. Raises RouteError when that cannot be told."""
    if ack(frame) is not None or is_reconnect_notice(frame):
        return _CONTROL
    try:
        envelope = _envelope.decode(frame)
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    channel, _, symbol = envelope.ch.partition(":")
    kind = _KINDS.get(channel)
    if kind is None or not symbol:
        raise RouteError(f"routing a frame: channel {envelope.ch[:100]!r} is not one of ours")
    # Harbour 3.3: the first frame of a book channel, and the first after a reset, is the whole book.
    whole = kind is StreamKind.BOOK and envelope.whole
    return Routed(BOOK_SNAPSHOT if whole else kind.value, symbol, envelope.ch)


def peek_book(frame: bytes) -> Peek:
    """Read the number of a frame of a book channel. Raises ValueError or RecursionError."""
    ids = _ids.decode(frame)
    return peek_snapshot(frame) if ids.whole else Peek(ids.seq, ids.seq, -1)


def peek_snapshot(frame: bytes) -> Peek:
    """Read the number of a whole book. Raises ValueError or RecursionError."""
    return Peek(-1, _ids.decode(frame).seq, -1, snapshot=True)
