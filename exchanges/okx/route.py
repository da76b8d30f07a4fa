"""OKX: tell a frame's kind and symbol, cut frames of several, and read a book's ids, as cheaply as can be."""

from __future__ import annotations

import functools

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Part, Peek, Routed, RouteError, StreamKind
from exchanges._names import is_plain, is_said_once
from exchanges.okx.messages import Arg, IdsFrame
from exchanges.okx.streams import STREAMS, is_event, name_of

ARGS_CACHE_MAX = 65_536
"""Arguments remembered; far more than one process subscribes."""

_KINDS = {stream.channel: stream.kind.value for streams in STREAMS.values() for stream in streams}
_ARG = b'"arg"'
_HEAD = b'{"arg":'
_ARG_AT = len(_HEAD)
_DATA_KEY = b'"data"'
_DATA = b',"data":'
_UPDATE = b',"action":"update","data":'
_SNAPSHOT = b',"action":"snapshot","data":'
_CONTROL = Routed(CONTROL, "")
_BOOK = StreamKind.BOOK.value
_LIQUIDATIONS = StreamKind.LIQUIDATIONS.value


class _Envelope(msgspec.Struct, gc=False):
    arg: Arg
    data: msgspec.Raw
    action: str = ""


class _Entry(msgspec.Struct, gc=False):
    instrument: str = msgspec.field(name="instId")


_arg = msgspec.json.Decoder(Arg)
_envelope = msgspec.json.Decoder(_Envelope)
_entries = msgspec.json.Decoder(list[msgspec.Raw])
_entry = msgspec.json.Decoder(_Entry)
_ids = msgspec.json.Decoder(IdsFrame)


@functools.lru_cache(maxsize=ARGS_CACHE_MAX)
def _plain(arg: bytes) -> tuple[Routed, Routed] | None:
    """Route an argument as an update and as a snapshot; None sends the frame to the full decode."""
    try:
        told = _arg.decode(arg)
        kind = _kind_of(told)
    except (ValueError, RecursionError):
        return None
    if kind == _LIQUIDATIONS:
        return None
    name = name_of(told)
    return Routed(kind, told.instrument, name), Routed(BOOK_SNAPSHOT, told.instrument, name)


def _kind_of(arg: Arg) -> str:
    kind = _KINDS.get(arg.channel)
    if kind is None or not (arg.instrument or (kind == _LIQUIDATIONS and arg.instrument_type)):
        raise RouteError(f"routing a frame: channel {arg.channel[:100]!r} is not one of ours or names no instrument")
    return kind


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs; answers, notices and `pong` are `control`.

    The common form is read from the frame's first bytes alone, so the rest may still be broken:
    whoever decodes it will say so. Liquidations are cut by instrument. A frame of `index-tickers` has
    the index for its symbol. Raises RouteError when kind and symbol cannot be told.
    """
    if frame.startswith(_HEAD):
        end = frame.find(b"}") + 1
        routed = _plain(frame[_ARG_AT:end])
        if routed is not None and is_said_once(frame, _ARG, end):
            if routed[0].kind != _BOOK:
                if frame.startswith(_DATA, end):
                    return routed[0]
            elif frame.startswith(_UPDATE, end):
                return routed[0]
            elif frame.startswith(_SNAPSHOT, end):
                return routed[1]
    return _decoded(frame)


def _decoded(frame: bytes) -> Routed:
    if is_event(frame):  # `pong` is no JSON
        return _CONTROL
    try:
        envelope = _envelope.decode(frame)
        kind = _kind_of(envelope.arg)
        if kind == _LIQUIDATIONS:
            return _liquidations(frame, envelope)
    except RouteError:
        raise
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    if kind == _BOOK and envelope.action == "snapshot":
        kind = BOOK_SNAPSHOT
    return Routed(kind, envelope.arg.instrument, name_of(envelope.arg))


def _liquidations(frame: bytes, envelope: _Envelope) -> Routed:
    """Cut a frame inside its `data` array; the entries of one instrument stay together, untouched."""
    frame.decode()  # a byte that is no text spoils the whole frame, not one part of it
    by_symbol: dict[str, list[bytes]] = {}
    for entry in _entries.decode(envelope.data):
        by_symbol.setdefault(_entry.decode(entry).instrument, []).append(bytes(entry))
    if not by_symbol or "" in by_symbol:
        raise RouteError("routing a frame: liquidations of no instrument")
    name, first = name_of(envelope.arg), next(iter(by_symbol))
    if len(by_symbol) == 1:
        return Routed(_LIQUIDATIONS, first, name)
    if frame.count(_DATA_KEY) != 1 or not is_plain(frame):
        raise RouteError("routing a frame: liquidations with more than one list")  # a part would keep the others
    head, _, tail = frame.partition(bytes(envelope.data))
    parts = tuple(
        Part(_LIQUIDATIONS, symbol, name, b"%b[%b]%b" % (head, b",".join(entries), tail))
        for symbol, entries in by_symbol.items()
    )
    return Routed(_LIQUIDATIONS, first, name, parts)


def peek_book(frame: bytes) -> Peek:
    """Read the ids of a book frame without its levels. Raises ValueError or RecursionError."""
    told = _ids.decode(frame)
    ids = told.data[0]
    if told.action == "snapshot":
        return Peek(-1, ids.last_id, -1, snapshot=True)
    return Peek(-1, ids.last_id, ids.prev_id)


def peek_snapshot(body: bytes) -> Peek:
    """Read the id of a whole book, from the socket or REST. Raises ValueError or RecursionError."""
    return Peek(-1, _ids.decode(body).data[0].last_id, -1, snapshot=True)
