"""Binance USD-M: tell a frame's kind and symbol, and a book frame's ids, as cheaply as can be."""

from __future__ import annotations

import functools

import msgspec

from exchanges._exchange import CONTROL, Peek, Routed, RouteError
from exchanges.binance._control import ack, is_reconnect_notice
from exchanges.binance.usdm.messages import BookIdsFrame, SnapshotId
from exchanges.binance.usdm.streams import STREAMS

NAMES_CACHE_MAX = 65_536
"""Stream names remembered; far more than one process subscribes."""

_KINDS = {stream.channel: stream.kind.value for stream in STREAMS}
_HEAD = b'{"stream":"'
_HEAD_BYTES = len(_HEAD)
_CONTROL = Routed(CONTROL, "")


class _Order(msgspec.Struct, gc=False):
    s: str = ""


class _Data(msgspec.Struct, gc=False):
    s: str = ""
    o: _Order | None = None


class _Envelope(msgspec.Struct, gc=False):
    stream: str
    data: _Data


_envelope = msgspec.json.Decoder(_Envelope)
_book_ids = msgspec.json.Decoder(BookIdsFrame)
_snapshot_id = msgspec.json.Decoder(SnapshotId)


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _plain(name: bytes) -> Routed | None:
    """Route a plain ASCII stream name; None sends the frame to the full decode."""
    symbol, _, channel = name.partition(b"@")
    kind = _KINDS.get(channel.decode("ascii", "replace"))
    if kind is None or not symbol or not name.isascii() or b"\\" in name:
        return None
    return Routed(kind, symbol.decode().upper(), name.decode())


def route(frame: bytes) -> Routed:
    """Tell where a combined-stream frame belongs; answers and notices are `control`.

    The common form is read from the frame's first bytes alone, so the rest may still be broken:
    whoever decodes it will say so. Raises RouteError when kind and symbol cannot be told.
    """
    if frame.startswith(_HEAD):
        routed = _plain(frame[_HEAD_BYTES : frame.find(b'"', _HEAD_BYTES)])
        if routed is not None:
            return routed
    return _decoded(frame)


def _decoded(frame: bytes) -> Routed:
    if ack(frame) is not None or is_reconnect_notice(frame):
        return _CONTROL
    try:
        envelope = _envelope.decode(frame)
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    kind = _KINDS.get(envelope.stream.partition("@")[2])
    # Upper-casing a name is not the venue's spelling beyond ASCII: the payload's own symbol counts.
    symbol = envelope.data.s or (envelope.data.o.s if envelope.data.o else "")
    if kind is None or not symbol:
        raise RouteError(f"routing a frame: stream {envelope.stream[:100]!r} is not one of ours or has no symbol")
    return Routed(kind, symbol, envelope.stream)


def peek_book(frame: bytes) -> Peek:
    """Read the ids of a book delta without its levels. Raises ValueError or RecursionError."""
    data = _book_ids.decode(frame).data
    return Peek(data.first_id, data.last_id, data.prev_id)


def peek_snapshot(body: bytes) -> Peek:
    """Read the update id of a REST book without its levels. Raises ValueError or RecursionError."""
    return Peek(-1, _snapshot_id.decode(body).last_id, -1, snapshot=True)
