"""Coinbase Advanced Trade: where to connect, what to subscribe, how the venue answers. PROTOCOLS 6.2.1-6.2.3."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind

MARKET = "market"
HEARTBEATS = "heartbeats"
ERROR_TEXT_MAX_CHARS = 200
PRODUCTS_WEIGHT = 1

STREAMS = (
    Stream(StreamKind.TRADES, "market_trades", MARKET),
    Stream(StreamKind.QUOTES, "ticker", MARKET),  # PROTOCOLS 6.2.4: per match, not per change of the best
    Stream(StreamKind.BOOK, "level2", MARKET),
)
"""All subscriptions. `ticker_batch` has no bid and ask; `candles` and `status` make no rows (PROTOCOLS 6.2.4)."""

ENDPOINTS = (
    Endpoint(
        name=MARKET,
        url="wss://advanced-trade-ws.coinbase.com",
        # No limit is published. One lost frame makes every book of its connection stale (PROTOCOLS 6.2.5),
        # so a connection carries few: the three streams of 16 products.
        streams_max=48,
        streams_per_request_max=16,
        messages_per_s=8.0,  # PROTOCOLS 6.2.3
        messages_per_address=True,
        connects_max=8,  # PROTOCOLS 6.2.3
        connects_window_s=1.0,
        lifetime_s=math.inf,  # PROTOCOLS 8.4 (!): none is documented
        # PROTOCOLS 6.2.3: channels close after 60-90 s without updates, but for this one.
        extra_streams=(HEARTBEATS,),
    ),
)


class _Refusal(msgspec.Struct):
    """`{"error":"rate_limit_exceeded","message":"…"}`: the body of a 429 (PROTOCOLS 6.2.3)."""

    error: str = ""
    message: str = ""


class _Listing(msgspec.Struct):
    subscriptions: dict[str, list[str]]


class _Subscriptions(msgspec.Struct):
    """`{"channel":"subscriptions","sequence_num":1,"events":[{"subscriptions":{"level2":["BTC-USD"]}}]}`."""

    channel: Literal["subscriptions"]
    events: list[_Listing]


class _Error(msgspec.Struct):
    """`{"type":"error","message":"…"}`."""

    type: Literal["error"]
    message: str = ""
    reason: str = ""


_refusal = msgspec.json.Decoder(_Refusal)
_subscriptions = msgspec.json.Decoder(_Subscriptions)
_error = msgspec.json.Decoder(_Error)


def refusal(body: bytes) -> str:
    """Return the error of a REST answer, "" where it holds none."""
    try:
        found = _refusal.decode(body)
    except (ValueError, RecursionError):
        return ""
    return f"{found.error} {found.message}".strip()[:ERROR_TEXT_MAX_CHARS] if found.error else ""


# No figure is in PROTOCOLS; the venue's pages of 2025 name 10 requests a second for public paths (!).
REST = RestHost("https://api.coinbase.com", weight_max=10, window_s=1.0, refusal=refusal)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a product: `level2:BTC-USD`."""
    return f"{stream.channel}:{symbol}"


def request_group(name: str) -> str:
    """Return the channel of a name: a request is about one channel (PROTOCOLS 6.2.2)."""
    return name.partition(":")[0]


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams of one channel by name; requests carry no id. Raises ValueError for two channels."""
    del request_id
    return _request("subscribe", names)


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams of one channel up by name. Raises ValueError for two channels."""
    del request_id
    return _request("unsubscribe", names)


def _request(verb: str, names: Sequence[str]) -> bytes:
    channels = {request_group(name) for name in names}
    if len(channels) != 1:
        raise ValueError(f"asking for streams: one channel per request, not {sorted(channels)}")
    products = [product for _, _, product in (name.partition(":") for name in names) if product]
    about: dict[str, object] = {"product_ids": products} if products else {}
    return msgspec.json.encode({"type": verb, **about, "channel": channels.pop()})


def ack(frame: bytes) -> Ack | None:
    """Read an answer; None for every other frame, whatever it holds.

    An answer names no request and lists everything that is active (PROTOCOLS 6.2.2). It comes after
    the first data of what it lists.
    """
    if b'"subscriptions"' in frame[:40] or b'"error"' in frame[:40]:
        return _read_ack(frame)
    # The common frames are told from their first bytes; whatever begins otherwise is read.
    return None if frame.startswith(b'{"channel":"') else _read_ack(frame)


def _read_ack(frame: bytes) -> Ack | None:
    try:
        listed = _subscriptions.decode(frame).events
    except (ValueError, RecursionError):
        return _refused(frame)
    names = [name for listing in listed for name in _names(listing.subscriptions)]
    return Ack(NO_REQUEST, streams=tuple(names), lists_all=True)


def _names(subscriptions: Mapping[str, Sequence[str]]) -> list[str]:
    names = []
    for channel, products in subscriptions.items():
        # `heartbeats` is of no product; the venue lists it as `"heartbeats":["heartbeats"]`.
        names += [channel] if channel == HEARTBEATS else [f"{channel}:{product}" for product in products]
    return names


def _refused(frame: bytes) -> Ack | None:
    try:
        error = _error.decode(frame)
    except (ValueError, RecursionError):
        return None
    text = f"{error.message} {error.reason}".strip() or "refused without a message"
    return Ack(NO_REQUEST, text[:ERROR_TEXT_MAX_CHARS])


def is_reconnect_notice(_frame: bytes) -> bool:
    """Return False: the venue announces no end of a connection."""
    return False


PRODUCTS_PATH = "/api/v3/brokerage/market/products"
INSTRUMENTS_REQUESTS = (RestRequest(PRODUCTS_PATH, {"product_type": "SPOT"}, PRODUCTS_WEIGHT),)


class _Pagination(msgspec.Struct):
    next_cursor: str = ""
    has_next: bool = False


class _Page(msgspec.Struct):
    """`{"products":[…],"num_products":920,"pagination":{"next_cursor":"","has_next":false}}`."""

    pagination: _Pagination | None = None


_page = msgspec.json.Decoder(_Page)


def next_page(request: RestRequest, body: bytes) -> RestRequest | None:
    """Ask for the page after this one; None where there is none. Raises ValueError or RecursionError."""
    pagination = _page.decode(body).pagination
    if pagination is None or not pagination.has_next or not pagination.next_cursor:
        return None
    return RestRequest(request.path, {**request.query, "cursor": pagination.next_cursor}, request.weight)
