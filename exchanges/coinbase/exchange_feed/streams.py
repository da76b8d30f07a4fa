"""Coinbase Exchange feed: where to connect, what to subscribe, how the venue answers. PROTOCOLS 6.1.1-6.1.3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind

PUBLIC = "public"
HEARTBEAT = "heartbeat"
ERROR_TEXT_MAX_CHARS = 200
REST_WEIGHT = 1

STREAMS = (
    Stream(StreamKind.TRADES, "matches", PUBLIC),
    Stream(StreamKind.QUOTES, "ticker", PUBLIC),  # PROTOCOLS 6.1.4: per match, not per change of the best
    Stream(StreamKind.BOOK, "level2_batch", PUBLIC),  # PROTOCOLS 6.1.1: the book that needs no login
)
"""All subscriptions of data. Every product subscribed has its `heartbeat` besides, one a second."""

ENDPOINTS = (
    Endpoint(
        name=PUBLIC,
        url="wss://ws-feed.exchange.coinbase.com",
        streams_max=48,  # PROTOCOLS 6.1.3: no figure, heavy products are to be spread: 16 products of three
        streams_per_request_max=48,
        messages_per_s=100.0,  # PROTOCOLS 6.1.3
        messages_per_address=True,
        connects_max=8,  # PROTOCOLS 6.1.3
        connects_window_s=1.0,
        lifetime_s=math.inf,  # PROTOCOLS 8.4 (!): none is documented
    ),
)

# PROTOCOLS has no REST figure for this host; the venue's pages of 2025 name 10 requests a second (!).
REST = RestHost("https://api.exchange.coinbase.com", weight_max=10, window_s=1.0)

_SPELLINGS = {"level2_50": "level2_batch"}
"""Answers seen by others name the batched book by its former name (!)."""


class _Channel(msgspec.Struct):
    name: str
    product_ids: list[str] | None = None


class _Subscriptions(msgspec.Struct):
    """`{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"],"account_ids":null}]}`."""

    type: Literal["subscriptions"]
    channels: list[_Channel]


class _Error(msgspec.Struct):
    """`{"type":"error","message":"Failed to subscribe","reason":"…"}`."""

    type: Literal["error"]
    message: str = ""
    reason: str = ""


_subscriptions = msgspec.json.Decoder(_Subscriptions)
_error = msgspec.json.Decoder(_Error)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a product: `level2_batch:BTC-USD`."""
    return f"{stream.channel}:{symbol}"


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams by name, and for the heartbeat of their products; requests carry no id."""
    del request_id
    asked = _by_channel(names)
    products = list(dict.fromkeys(product for own in asked.values() for product in own))
    return _request("subscribe", {**asked, HEARTBEAT: products})


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams up by name; the heartbeats stay, since other streams of the product may need them."""
    del request_id
    return _request("unsubscribe", _by_channel(names))


def _by_channel(names: Sequence[str]) -> dict[str, list[str]]:
    asked: dict[str, list[str]] = {}
    for name in names:
        channel, _, product = name.partition(":")
        asked.setdefault(channel, []).append(product)
    return asked


def _request(verb: str, asked: dict[str, list[str]]) -> bytes:
    channels = [{"name": channel, "product_ids": products} for channel, products in asked.items()]
    return msgspec.json.encode({"type": verb, "channels": channels})


def ack(frame: bytes) -> Ack | None:
    """Read an answer; None for every other frame, whatever it holds.

    An answer names no request and lists everything that is active, heartbeats left out here (PROTOCOLS 6.1.2).
    """
    if not frame.startswith((b'{"type":"subscriptions"', b'{"type":"error"')) and frame.startswith(b'{"type":"'):
        return None
    try:
        channels = _subscriptions.decode(frame).channels
    except (ValueError, RecursionError):
        return _refused(frame)
    names = [
        f"{_SPELLINGS.get(channel.name, channel.name)}:{product}"
        for channel in channels
        if channel.name != HEARTBEAT
        for product in channel.product_ids or ()
    ]
    return Ack(NO_REQUEST, streams=tuple(names), lists_all=True)


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


def snapshot_request(symbol: str) -> RestRequest:
    """Ask for the whole book of a product: to compare with, not to splice (PROTOCOLS 6.1.5)."""
    return RestRequest(f"/products/{symbol}/book", {"level": "2"}, REST_WEIGHT)


INSTRUMENTS_REQUESTS = (RestRequest("/products", {}, REST_WEIGHT),)
VOLUMES_REQUEST = RestRequest("/products/stats", {}, REST_WEIGHT)
"""Not among the documented paths (!); the documented `volume-summary` has no price to make quote units with."""
