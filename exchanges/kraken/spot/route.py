"""Kraken spot, WebSocket v2: tell a frame's kind and symbol as cheaply as can be. PROTOCOLS 7.1.2, 7.1.4."""

from __future__ import annotations

import functools

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Part, Peek, Routed, RouteError
from exchanges._names import is_plain
from exchanges.kraken.spot.messages import BookHead
from exchanges.kraken.spot.streams import ack

NAMES_CACHE_MAX = 65_536
"""Heads of frames remembered; far more than one process subscribes."""

_KINDS = {
    ("book", "update"): "book",
    ("book", "snapshot"): BOOK_SNAPSHOT,
    ("trade", "update"): "trades",
    ("trade", "snapshot"): "trades",
    ("ticker", "update"): "quotes",
    ("ticker", "snapshot"): "quotes",
}
_CONTROL_CHANNELS = frozenset({"status", "heartbeat"})
_CONTROL = Routed(CONTROL, "")

_SYMBOL = b'"symbol":'
_OPENING = b'"symbol":"'
_OPENING_BYTES = len(_OPENING)
_HEAD_MAX_BYTES = 80
_HEADS = {
    b'{"channel":"%b","type":"%b","data":[{' % (channel.encode(), form.encode()): (channel, kind)
    for (channel, form), kind in _KINDS.items()
}


class _Envelope(msgspec.Struct, gc=False):
    channel: str = ""
    type: str = ""
    method: str = ""
    data: msgspec.Raw = msgspec.Raw(b"[]")


class _Entry(msgspec.Struct, gc=False):
    symbol: str


_envelope = msgspec.json.Decoder(_Envelope)
_entries = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_head = msgspec.json.Decoder(BookHead)


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _plain(head: bytes, symbol: bytes) -> Routed | None:
    """Route by the documented first bytes of a frame; None sends it to the full decode."""
    found = _HEADS.get(head)
    if found is None or not symbol or not symbol.isascii() or b"\\" in symbol:
        return None
    channel, kind = found
    return Routed(kind, symbol.decode(), f"{channel}:{symbol.decode()}")


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs; answers, status and heartbeats are `control`.

    The common form is read from the frame's first bytes; whoever decodes the rest says whether it is
    whole. A frame of several symbols is cut into one part each. Raises RouteError.
    """
    start = frame.find(_OPENING, 0, _HEAD_MAX_BYTES)
    if start > 0:
        end = frame.find(b'"', start + _OPENING_BYTES)
        routed = _plain(frame[:start], frame[start + _OPENING_BYTES : end])
        # Several trades may share a frame: their symbol has to be the same one.
        if routed is not None and frame.count(_SYMBOL) == frame.count(frame[start : end + 1]) and is_plain(frame):
            return routed
    return _decoded(frame)


def _decoded(frame: bytes) -> Routed:
    try:
        envelope = _envelope.decode(frame)
        kind = _KINDS.get((envelope.channel, envelope.type))
        if kind is None:
            return _control(frame, envelope)
        entries = [bytes(raw) for raw in _entries.decode(envelope.data)]
        symbols = [_entry.decode(raw).symbol for raw in entries]
        frame.decode()  # the decoders skip strings unseen: no part is cut from what is no JSON
        if not symbols or not all(symbols):
            raise RouteError(f"routing a frame: {envelope.channel[:100]!r} without a symbol")
        parts = tuple(
            Part(kind, symbol, f"{envelope.channel}:{symbol}", _cut(frame, entries, symbols, symbol))
            for symbol in dict.fromkeys(symbols)
        )
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    first = parts[0]
    return Routed(kind, first.symbol, first.stream, parts if len(parts) > 1 else ())


def _control(frame: bytes, envelope: _Envelope) -> Routed:
    if envelope.channel in _CONTROL_CHANNELS or envelope.method == "pong" or ack(frame) is not None:
        return _CONTROL
    raise RouteError(f"routing a frame: channel {envelope.channel[:100]!r} is not one of ours")


def _cut(frame: bytes, entries: list[bytes], symbols: list[str], symbol: str) -> bytes:
    """Return the frame with the entries of one symbol alone; nothing else of it changes."""
    own = b",".join(raw for raw, one in zip(entries, symbols, strict=True) if one == symbol)
    members = [
        msgspec.json.encode(name) + b":" + (b"[%b]" % own if name == "data" else bytes(raw))
        for name, raw in _members.decode(frame).items()
    ]
    return b"{%b}" % b",".join(members)


def peek_book(frame: bytes) -> Peek:
    """Tell an update from a snapshot; the venue sends no ids. Raises ValueError or RecursionError."""
    return Peek(-1, -1, -1, snapshot=_head.decode(frame).type == "snapshot")
