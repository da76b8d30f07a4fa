"""Bybit: where to connect, what to subscribe, how the venue answers. PROTOCOLS 4.1 to 4.5."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind

PUBLIC = "public"
SPOT = "spot"
LINEAR = "linear"

ARGS_MAX_CHARS = 21_000
"""Text of all arguments on one connection (PROTOCOLS 4.3)."""

NAME_MIN_CHARS = 18
"""Names are longer than this on the average; each costs three characters more as an argument."""

NAMES_MAX_CHARS = ARGS_MAX_CHARS * NAME_MIN_CHARS // (NAME_MIN_CHARS + 3)

SPOT_ARGS_MAX = 10
ARGS_MAX = 200
"""Streams of one request: documented on spot only (PROTOCOLS 4.3)."""

STREAMS_MAX = NAMES_MAX_CHARS // NAME_MIN_CHARS
"""No number of streams is documented; the length of their names is the limit."""

MESSAGES_PER_S = 10.0
"""No rate of requests is documented either; ours is moderate."""

PAGE_MAX = 1000
SNAPSHOT_LEVELS = 1000
ERROR_TEXT_MAX_CHARS = 200

FORBIDDEN = 403
FORBIDDEN_PAUSE_S = 600.0
"""PROTOCOLS 4.3: after "access too frequent" all HTTP traffic rests for ten minutes."""


class _Answer(msgspec.Struct):
    """`{"success":true,"ret_msg":"subscribe","conn_id":"c-1","req_id":"41","op":"subscribe"}`."""

    success: bool
    op: str
    ret_msg: str = ""
    req_id: str = ""


class _Code(msgspec.Struct):
    code: int = msgspec.field(name="retCode", default=0)
    text: str = msgspec.field(name="retMsg", default="")


_answer = msgspec.json.Decoder(_Answer)
_code = msgspec.json.Decoder(_Code)


def refusal(body: bytes) -> str:
    """Return why a request with status 200 was refused (`retCode` 10006: too many requests), else ""."""
    try:
        answer = _code.decode(body)
    except (ValueError, RecursionError):
        return ""  # whoever reads the body will say so
    return f"{answer.code} {answer.text}"[:ERROR_TEXT_MAX_CHARS] if answer.code else ""


REST = RestHost(
    "https://api.bybit.com",
    weight_max=600,
    window_s=5.0,
    back_off_s={FORBIDDEN: FORBIDDEN_PAUSE_S},
    refusal=refusal,
)


def endpoints(category: str) -> tuple[Endpoint, ...]:
    """Return the one public endpoint of a market."""
    return (
        Endpoint(
            name=PUBLIC,
            url=f"wss://stream.bybit.com/v5/public/{category}",
            streams_max=STREAMS_MAX,
            messages_per_s=MESSAGES_PER_S,
            connects_max=500,
            connects_window_s=300.0,
            lifetime_s=math.inf,
            streams_per_request_max=SPOT_ARGS_MAX if category == SPOT else ARGS_MAX,
            heartbeat=b'{"op":"ping"}',
            heartbeat_interval_s=20.0,
            names_max_chars=NAMES_MAX_CHARS,
            connections_max=1000,  # PROTOCOLS 4.3: per address and market type
        ),
    )


_COMMON = (
    Stream(StreamKind.TRADES, "publicTrade", PUBLIC),
    Stream(StreamKind.QUOTES, "orderbook.1", PUBLIC, period_s=3.0),  # PROTOCOLS 4.4: sent again after 3 s
    Stream(StreamKind.BOOK, "orderbook.200", PUBLIC),
    Stream(StreamKind.BOOK, "orderbook.50", PUBLIC, default=False),
    Stream(StreamKind.BOOK, "orderbook.1000", PUBLIC, default=False),
)

STREAMS = {
    SPOT: _COMMON,  # spot `tickers` have no best bid and ask, and there is no funding (PROTOCOLS 4.4)
    LINEAR: (
        *_COMMON,
        Stream(StreamKind.FUNDING, "tickers", PUBLIC),
        Stream(StreamKind.LIQUIDATIONS, "allLiquidation", PUBLIC),
    ),
}
"""All subscriptions. Take one book channel per symbol: `u` counts per depth. How often each depth is sent has
changed several times (PROTOCOLS 4.7), so no period is written down for them."""


RETIRED = {LINEAR: (Stream(StreamKind.BOOK, "orderbook.500", PUBLIC, default=False),)}
"""What older recordings hold besides."""

RETIRED_NS = 1_757_548_800_000_000_000
"""PROTOCOLS 4.1: contracts lost their book of 500 levels on 2025-09-11."""


def stream_name(stream: Stream, symbol: str) -> str:
    """Name the topic of a native symbol: `orderbook.200.BTCUSDT`."""
    return f"{stream.channel}.{symbol}"


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for topics by name."""
    return msgspec.json.encode({"req_id": str(request_id), "op": "subscribe", "args": list(names)})


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give topics up by name."""
    return msgspec.json.encode({"req_id": str(request_id), "op": "unsubscribe", "args": list(names)})


def ack(frame: bytes) -> Ack | None:
    """Read the answer to a request; None for every other frame, a pong included.

    The answer names no topics: the request id tells them. One bad topic may refuse a whole request
    (PROTOCOLS 4.2 (!)).
    """
    if frame.startswith(b'{"topic"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    if answer.op not in {"subscribe", "unsubscribe"}:
        return None  # PROTOCOLS 4.2: a pong has the form of an answer, with op "ping"
    number = int(answer.req_id) if answer.req_id.isascii() and answer.req_id.isdigit() else NO_REQUEST
    error = "" if answer.success else (answer.ret_msg or "refused")[:ERROR_TEXT_MAX_CHARS]
    return Ack(number, error, subscribed=answer.op == "subscribe")


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the venue announces the end of this connection: it never does."""
    del frame
    return False


def snapshot_request(category: str) -> Callable[[str], RestRequest]:
    """Return what asks for the book of a native symbol.

    Its `u` is that of the 1000-level stream alone (PROTOCOLS 4.5): it proves nothing about other depths.
    """
    return lambda symbol: RestRequest(
        "/v5/market/orderbook", {"category": category, "symbol": symbol, "limit": str(SNAPSHOT_LEVELS)}, 1
    )


def instruments_requests(category: str) -> tuple[RestRequest, ...]:
    """Ask for the first page of instruments; those in pre-launch or delivery are among them."""
    return (RestRequest("/v5/market/instruments-info", {"category": category, "limit": str(PAGE_MAX)}, 1),)


def volumes_request(category: str) -> RestRequest:
    """Ask for the traded value of all symbols."""
    return RestRequest("/v5/market/tickers", {"category": category}, 1)
