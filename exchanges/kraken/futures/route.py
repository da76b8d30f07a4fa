"""Kraken Futures: tell a frame's kind and symbol, and a book frame's number, as cheaply as can be. PROTOCOLS 7.2.3."""

from __future__ import annotations

import functools

import msgspec

from exchanges._exchange import BOOK_SNAPSHOT, CONTROL, Part, Peek, Routed, RouteError
from exchanges._names import is_said_once
from exchanges.kraken.futures.messages import LIQUIDATION, BookIds
from exchanges.kraken.futures.streams import BOOK, TICKER, TICKER_LITE, TRADE

NAMES_CACHE_MAX = 65_536
"""Heads of frames remembered; far more than one process subscribes."""

_FEEDS = {
    "book": ("book", BOOK),
    "book_snapshot": (BOOK_SNAPSHOT, BOOK),
    "trade": ("trades", TRADE),
    "trade_snapshot": ("trades", TRADE),
    "ticker": ("quotes", TICKER),
    "ticker_lite": ("quotes", TICKER_LITE),
}
"""Per feed its kind and the feed that was subscribed."""

_CONTROL = Routed(CONTROL, "")
_HEAD = b'{"feed":"'
_PRODUCT = b'","product_id":"'
_PRODUCT_KEY = b'"product_id"'


class _Envelope(msgspec.Struct, gc=False):
    event: str = ""
    feed: str = ""
    product_id: str = ""
    type: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_ids = msgspec.json.Decoder(BookIds)


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _plain(head: bytes) -> Routed | None:
    """Route a frame of one part by its documented first bytes; None sends it to the full decode."""
    feed, found, product = head[len(_HEAD) :].partition(_PRODUCT)
    # A ticker serves two kinds, and a trade may: they have parts.
    if not found or not product.isascii() or b"\\" in product or feed in {b"ticker", b"trade"}:
        return None
    return _routed(feed.decode("ascii", "replace"), product.decode())


@functools.lru_cache(maxsize=NAMES_CACHE_MAX)
def _routed(feed: str, product: str) -> Routed | None:
    if feed not in _FEEDS or not product:
        return None
    kind, subscribed = _FEEDS[feed]
    # PROTOCOLS 7.2.5: ids are in lower case over REST and in upper case here; upper case is the symbol.
    return Routed(kind, product.upper(), f"{subscribed}:{product.upper()}")


def route(frame: bytes) -> Routed:
    """Tell where a frame belongs; answers, notes and heartbeats are `control`.

    A ticker is quotes and funding, a liquidation is a trade and a liquidation: two parts, each the whole
    frame. The other feeds are told by their first bytes alone. Raises RouteError.
    """
    if frame.startswith(_HEAD):
        feed_end = frame.find(_PRODUCT, len(_HEAD))
        end = frame.find(b'"', feed_end + len(_PRODUCT))
        routed = _plain(frame[:end]) if feed_end > 0 else None
        if routed is not None and is_said_once(frame, _PRODUCT_KEY, end):
            return routed
    return _decoded(frame)


def _decoded(frame: bytes) -> Routed:
    try:
        envelope = _envelope.decode(frame)
    except (ValueError, RecursionError) as error:
        raise RouteError(f"routing a frame: {error}") from error
    if envelope.event or envelope.feed == "heartbeat":
        return _CONTROL
    routed = _routed(envelope.feed, envelope.product_id)
    if routed is None:
        raise RouteError(f"routing a frame: feed {envelope.feed[:100]!r} is not one of ours or has no product")
    if envelope.feed == TICKER:
        return _both(routed, "funding", frame)
    if envelope.feed == TRADE and envelope.type == LIQUIDATION:
        return _both(routed, "liquidations", frame)
    return routed


def _both(routed: Routed, other: str, frame: bytes) -> Routed:
    parts = tuple(Part(kind, routed.symbol, routed.stream, frame) for kind in (routed.kind, other))
    return Routed(routed.kind, routed.symbol, routed.stream, parts)


def peek_book(frame: bytes) -> Peek:
    """Read the number of a book frame without its levels. Raises ValueError or RecursionError."""
    ids = _ids.decode(frame)
    if ids.feed == "book":
        return Peek(ids.seq, ids.seq, -1)
    return Peek(-1, ids.seq, -1, snapshot=True)
