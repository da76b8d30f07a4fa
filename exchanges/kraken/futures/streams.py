"""Kraken Futures: where to connect, what to subscribe, how the venue answers. PROTOCOLS 7.2.1, 7.2.2."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind
from exchanges.kraken._aliases import ERROR_TEXT_MAX_CHARS, refusal

V1 = "v1"

# Public endpoints cost nothing (PROTOCOLS 7.2.2); the figure is our own restraint.
REST = RestHost("https://futures.kraken.com", weight_max=50, window_s=10.0, refusal=refusal)
REQUEST_WEIGHT = 1

TRADE, TICKER, TICKER_LITE, BOOK = "trade", "ticker", "ticker_lite", "book"

STREAMS = (
    Stream(StreamKind.TRADES, TRADE, V1, also=(StreamKind.LIQUIDATIONS,)),
    Stream(StreamKind.QUOTES, TICKER, V1, also=(StreamKind.FUNDING,)),
    Stream(StreamKind.QUOTES, TICKER_LITE, V1, default=False),
    Stream(StreamKind.BOOK, BOOK, V1),
)
"""All subscriptions. Liquidations are trades of that type; funding comes with the ticker (PROTOCOLS 9)."""

ENDPOINTS = (
    Endpoint(
        name=V1,
        url="wss://futures.kraken.com/ws/v1",
        streams_max=1000,  # no limit is documented
        messages_per_s=100.0,
        connects_max=100,  # PROTOCOLS 7.2.2 (!): the limit of connections at once; none of their rate is documented
        connects_window_s=600.0,
        lifetime_s=math.inf,
        streams_per_request_max=50,
        connections_max=100,  # PROTOCOLS 7.2.2
        # PROTOCOLS 7.2.2: pings of the protocol suffice, so there is no heartbeat to send.
    ),
)


class _Answer(msgspec.Struct):
    """`{"event":"subscribed","feed":"book","product_ids":["PF_XBTUSD"]}` or `{"event":"error","message":"…"}`."""

    event: str
    feed: str = ""
    product_ids: list[str] = []
    message: str = ""


_EVENTS = {
    "subscribed": (True, False),
    "unsubscribed": (False, False),
    "subscribed_failed": (True, True),
    "unsubscribed_failed": (False, True),
    "error": (True, True),
}
"""Answers: whether they are about subscribing, and whether they refuse."""

_answer = msgspec.json.Decoder(_Answer)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol: `book:PF_XBTUSD`."""
    return f"{stream.channel}:{symbol}"


def request_group(name: str) -> str:
    """Return the feed of a name: one request asks for one feed."""
    return name.partition(":")[0]


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams of one feed by name; the venue knows no request ids."""
    del request_id
    return _request("subscribe", names)


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams of one feed up by name."""
    del request_id
    return _request("unsubscribe", names)


def _request(event: str, names: Sequence[str]) -> bytes:
    products = [name.partition(":")[2] for name in names]
    return msgspec.json.encode({"event": event, "feed": request_group(names[0]), "product_ids": products})


def ack(frame: bytes) -> Ack | None:
    """Read an answer, one per product; None for every other frame. An error names no stream."""
    if frame.startswith(b'{"feed"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    if answer.event not in _EVENTS:
        return None
    subscribed, refused = _EVENTS[answer.event]
    # PROTOCOLS 7.2.5: ids may come in lower case.
    names = tuple(f"{answer.feed}:{product.upper()}" for product in answer.product_ids) if answer.feed else ()
    if not refused and not names:
        return None
    error = (answer.message or answer.event)[:ERROR_TEXT_MAX_CHARS] if refused else ""
    return Ack(NO_REQUEST, error, names, subscribed)


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell that no frame of this feed announces the end of a connection."""
    del frame
    return False


INSTRUMENTS_REQUESTS = (RestRequest("/derivatives/api/v3/instruments", {}, REQUEST_WEIGHT),)

VOLUMES_REQUEST = RestRequest("/derivatives/api/v3/tickers", {}, REQUEST_WEIGHT)
