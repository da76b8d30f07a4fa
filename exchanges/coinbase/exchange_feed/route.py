"""Coinbase Exchange feed: tell a frame's kind and product; every frame is of one. PROTOCOLS 6.1.4."""

from __future__ import annotations

import functools
import re

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Peek, Routed, RouteError, StreamKind
from exchanges._names import is_said_once
from exchanges.coinbase.exchange_feed.streams import HEARTBEAT, ack

NAMES_CACHE_MAX = 65_536
"""Places remembered; far more than one process subscribes."""

_CONTROL = Routed(CONTROL, "")
_KINDS = {
    "match": (StreamKind.TRADES.value, "matches"),
    "last_match": (StreamKind.TRADES.value, "matches"),
    "ticker": (StreamKind.QUOTES.value, "ticker"),
    "l2update": (StreamKind.BOOK.value, "level2_batch"),
    "snapshot": (BOOK_SNAPSHOT, "level2_batch"),
}
"""Frame kind and channel as subscribed, by type as sent."""

_HEAD_MAX_BYTES = 1024
_PRODUCT = b'"product_id"'
_book_head = re.compile(rb'\{"type":"(l2update|snapshot)","product_id":"([\w.-]+)",', re.ASCII)
_head = re.compile(
    rb'\{"type":"(match|last_match|ticker)",(?:"\w+":(?:"[^"\\{}]*"|[\d.]+),)*?"product_id":"([\w.-]+)"', re.ASCII
)


class _Envelope(msgspec.Struct, gc=False):
    type: str
    product_id: str = ""


class _BookPeek(msgspec.Struct, gc=False):
    """Hold what tells an update from a snapshot, of the feed or of REST: which lists it has."""

    changes: msgspec.Raw = msgspec.Raw()
    bids: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)
_book_peek = msgspec.json.Decoder(_BookPeek)


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _plain(kind: bytes, product: bytes) -> Routed:
    return _routed(_KINDS[kind.decode()], product.decode())


def _routed(place: tuple[str, str], product: str) -> Routed:
    return Routed(place[0], product, f"{place[1]}:{product}")


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs; answers and heartbeats are `control`. Raises RouteError.

    The common form is read from the frame's first bytes: a snapshot is several MB long.
    """
    head = _book_head.match(frame, 0, _HEAD_MAX_BYTES) or _head.match(frame, 0, _HEAD_MAX_BYTES)
    if head and is_said_once(frame, _PRODUCT, head.end()):
        return _plain(head[1], head[2])
    if ack(frame) is not None:
        return _CONTROL
    try:
        envelope = _envelope.decode(frame)
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    if envelope.type == HEARTBEAT:
        return _CONTROL
    place = _KINDS.get(envelope.type)
    if place is None or not envelope.product_id:
        raise RouteError(f"routing a frame: type {envelope.type[:100]!r} is not one of ours or has no product")
    return _routed(place, envelope.product_id)


def peek_book(frame: bytes) -> Peek:
    """Say whether a book frame is a snapshot; it has no ids. Raises ValueError or RecursionError."""
    found = _book_peek.decode(frame)
    changes, bids = bytes(found.changes), bytes(found.bids)
    if not changes and not bids:
        raise ValueError("reading a book frame: it has no levels")
    return Peek(-1, -1, -1, snapshot=not changes)


def peek_snapshot(body: bytes) -> Peek:
    """Read a book of either source as `peek_book` does. Raises ValueError or RecursionError."""
    peek = peek_book(body)
    if not peek.snapshot:
        raise ValueError("reading a book snapshot: the frame is none")
    return peek
