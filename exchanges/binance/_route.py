"""Binance: tell where a combined-stream frame belongs, as cheaply as can be. PROTOCOLS 2.2, 3.1."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import msgspec

from exchanges._exchange import CONTROL, Part, Per, Routed, RouteError, Stream
from exchanges._names import is_said_once
from exchanges.binance._control import ack, is_reconnect_notice

NAMES_CACHE_MAX = 65_536
"""Stream names remembered; far more than one process subscribes."""

COIN_MARGINED = 2
"""`st` of a COIN-M payload, which counts contracts and is of no market of ours (PROTOCOLS 3.1)."""

_STREAM = b'"stream"'
_HEAD = b'{"stream":"'
_HEAD_BYTES = len(_HEAD)
_CONTROL = Routed(CONTROL, "")


class _Order(msgspec.Struct, gc=False):
    s: str = ""


class _Data(msgspec.Struct, gc=False):
    s: str = ""
    o: _Order | None = None
    st: int = 1

    @property
    def symbol(self) -> str:
        """Return the native symbol, empty where there is none."""
        return self.s or (self.o.s if self.o else "")


class _Envelope(msgspec.Struct, gc=False):
    stream: str
    data: _Data | list[msgspec.Raw]


_envelope = msgspec.json.Decoder(_Envelope)
_entry = msgspec.json.Decoder(_Data)


def router(streams: Sequence[Stream]) -> Callable[[bytes], Routed]:
    """Return what routes the frames of these streams; answers and notices are `control`.

    The common form is read from the frame's first bytes alone, so the rest may still be broken:
    whoever decodes it will say so. The array of a stream of the whole market is cut into one part per
    symbol, each an array of one in the same envelope; COIN-M entries are in none, and a frame of
    nothing else is `control`. Raises RouteError when kind and symbol cannot be told.
    """
    kinds = {one.channel: one.kind.value for one in streams if one.per is Per.SYMBOL}
    shared = {one.channel: one.kind.value for one in streams if one.per is Per.MARKET}

    @functools.lru_cache(maxsize=NAMES_CACHE_MAX)
    def plain(name: bytes) -> Routed | None:
        """Route a plain ASCII stream name; None sends the frame to the full decode."""
        symbol, _, channel = name.partition(b"@")
        kind = kinds.get(channel.decode("ascii", "replace"))
        if kind is None or not symbol or not name.isascii() or b"\\" in name:
            return None
        return Routed(kind, symbol.decode().upper(), name.decode())

    def route(frame: bytes) -> Routed:
        """Tell where a frame belongs. Raises RouteError when kind and symbol cannot be told."""
        if frame.startswith(_HEAD):
            end = frame.find(b'"', _HEAD_BYTES)
            routed = plain(frame[_HEAD_BYTES:end])
            if routed is not None and is_said_once(frame, _STREAM, end):
                return routed
        return _decoded(frame, kinds, shared)

    return route


def _decoded(frame: bytes, kinds: dict[str, str], shared: dict[str, str]) -> Routed:
    if ack(frame) is not None or is_reconnect_notice(frame):
        return _CONTROL
    try:
        envelope = _envelope.decode(frame)
        if envelope.stream in shared:
            frame.decode()  # a byte that is no text spoils the whole frame, not one part of it
            return _of_market(envelope, shared[envelope.stream])
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    name, _, channel = envelope.stream.partition("@")
    kind = kinds.get(channel)
    # Upper-casing a name is not the venue's spelling beyond ASCII: the payload's own symbol counts.
    symbol = "" if isinstance(envelope.data, list) else envelope.data.symbol
    if kind is None or not symbol or (name.isascii() and name.upper() != symbol):
        raise RouteError(f"routing a frame: stream {envelope.stream[:100]!r} is not one of ours or not of its symbol")
    return Routed(kind, symbol, envelope.stream)


def _of_market(envelope: _Envelope, kind: str) -> Routed:
    name = envelope.stream
    if not isinstance(envelope.data, list):
        if envelope.data.st == COIN_MARGINED:
            return _CONTROL
        return Routed(kind, _named(envelope.data), name)
    parts = []
    head = b'{"stream":%b,"data":[' % msgspec.json.encode(name)
    for raw in envelope.data:
        entry = _entry.decode(raw)
        if entry.st != COIN_MARGINED:
            parts.append(Part(kind, _named(entry), name, b"%b%b]}" % (head, raw)))
    return Routed(kind, parts[0].symbol, name, tuple(parts)) if parts else _CONTROL


def _named(data: _Data) -> str:
    if not data.symbol:
        raise ValueError("an entry of a stream of the whole market has no symbol")
    return data.symbol
