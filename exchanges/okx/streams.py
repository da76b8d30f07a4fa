"""OKX: where to connect, what to subscribe, how the venue answers. PROTOCOLS 5.1-5.4."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, Per, Stream, StreamKind
from exchanges.okx.messages import Arg

PUBLIC = "public"
BUSINESS = "business"

PONG = b"pong"
PING_INTERVAL_S = 20.0
"""Seconds between pings: a connection on which nothing was pushed for 30 s is cut (PROTOCOLS 5.3)."""

SEPARATOR = ":"
LIQUIDATION_CHANNEL = "liquidation-orders"
UPGRADE_NOTICE = "64008"
ERROR_TEXT_MAX_CHARS = 200
ID_MAX_DIGITS = 18

STREAMS_MAX = 500
ARG_MAX_CHARS = 32
"""Characters of an argument besides channel and instrument: `{"channel":"","instType":""},` and some more."""

ARGS_MAX_CHARS = 65_536


def _endpoint(name: str) -> Endpoint:
    return Endpoint(
        name=name,
        url=f"wss://ws.okx.com:8443/ws/v5/{name}",  # PROTOCOLS 5.1 (!): port 8443 is to be given up
        streams_max=STREAMS_MAX,
        messages_per_s=3.0,  # no rate documented but the hour's budget; kept at that of connecting
        connects_max=3,
        connects_window_s=1.0,
        lifetime_s=math.inf,
        streams_per_request_max=20,  # PROTOCOLS 5.2: errors name an argument only in their text, so small batches
        heartbeat=b"ping",
        heartbeat_interval_s=PING_INTERVAL_S,
        names_max_chars=ARGS_MAX_CHARS - STREAMS_MAX * ARG_MAX_CHARS,
        book_streams_max=29,  # PROTOCOLS 5.3: fewer than 30
        requests_per_hour_max=480,
    )


ENDPOINTS = (_endpoint(PUBLIC), _endpoint(BUSINESS))

BOOKS_PERIOD_S = 60.0
MARK_PRICE_PERIOD_S = 10.0
FUNDING_RATE_PERIOD_S = 90.0
"""Longest normal silences of a quiet book, a mark price and a funding rate (PROTOCOLS 5.4, 5.5.3)."""

_SPOT = (
    Stream(StreamKind.TRADES, "trades", PUBLIC),
    Stream(StreamKind.TRADES, "trades-all", BUSINESS, default=False),
    Stream(StreamKind.QUOTES, "bbo-tbt", PUBLIC),
    Stream(StreamKind.QUOTES, "tickers", PUBLIC, default=False),
    Stream(StreamKind.BOOK, "books", PUBLIC, period_s=BOOKS_PERIOD_S),
)
_DERIVATIVE = (
    *_SPOT,
    Stream(StreamKind.FUNDING, "mark-price", PUBLIC, period_s=MARK_PRICE_PERIOD_S),
    Stream(StreamKind.FUNDING, "open-interest", PUBLIC),
    Stream(StreamKind.FUNDING, "index-tickers", PUBLIC, per=Per.INDEX),
    Stream(StreamKind.LIQUIDATIONS, LIQUIDATION_CHANNEL, PUBLIC, per=Per.MARKET),
)

STREAMS: Mapping[str, tuple[Stream, ...]] = {
    "SPOT": _SPOT,
    "SWAP": (*_DERIVATIVE, Stream(StreamKind.FUNDING, "funding-rate", PUBLIC, period_s=FUNDING_RATE_PERIOD_S)),
    "FUTURES": _DERIVATIVE,
}
"""All subscriptions by instrument type. Take one trades channel per symbol: aggregates and fills differ in ids."""


class _Answer(msgspec.Struct):
    """`{"id":"1","event":"subscribe","arg":{…},"connId":"a4d3ae55"}`, or with `"event":"error"` a code and text."""

    event: str = ""
    id: str = ""
    arg: Arg | None = None
    code: str = ""
    msg: str = ""


_answer = msgspec.json.Decoder(_Answer)
_named = re.compile(r"channel:([\w-]+),inst(?:Id|Type):([\w-]+)")


def name_of(arg: Arg) -> str:
    """Name the subscription of an argument: `books:BTC-USDT-SWAP`, `liquidation-orders:SWAP`."""
    return f"{arg.channel}{SEPARATOR}{arg.instrument or arg.instrument_type}"


def naming(instrument_type: str) -> Callable[[Stream, str], str]:
    """Return how subscriptions are named in the market of an instrument type."""

    def stream_name(stream: Stream, key: str) -> str:
        return f"{stream.channel}{SEPARATOR}{key or instrument_type}"

    return stream_name


def _request(verb: str, request_id: int, names: Sequence[str]) -> bytes:
    args = []
    for name in names:
        channel, _, key = name.partition(SEPARATOR)
        args.append({"channel": channel, "instType" if channel == LIQUIDATION_CHANNEL else "instId": key})
    return msgspec.json.encode({"id": str(request_id), "op": verb, "args": args})


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams by name."""
    return _request("subscribe", request_id, names)


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams up by name."""
    return _request("unsubscribe", request_id, names)


def _read(frame: bytes) -> _Answer | None:
    if b'"event"' not in frame[:ERROR_TEXT_MAX_CHARS]:
        return None
    try:
        return _answer.decode(frame)
    except (ValueError, RecursionError):
        return None


def ack(frame: bytes) -> Ack | None:
    """Read the answer about one argument of a request; None for every other frame, whatever it holds.

    An error names its argument in the text only, and not always: it then stands for the whole request.
    """
    answer = _read(frame)
    if answer is None:
        return None
    numbered = answer.id.isascii() and answer.id.isdigit() and len(answer.id) <= ID_MAX_DIGITS
    request_id = int(answer.id) if numbered else NO_REQUEST
    if answer.event == "error":
        names = tuple(SEPARATOR.join(found) for found in _named.findall(answer.msg))
        return Ack(request_id, f"{answer.code} {answer.msg}"[:ERROR_TEXT_MAX_CHARS], names)
    if answer.event not in {"subscribe", "unsubscribe"} or answer.arg is None:
        return None
    return Ack(request_id, "", (name_of(answer.arg),), subscribed=answer.event == "subscribe")


def is_event(frame: bytes) -> bool:
    """Tell whether a frame is an answer or a notice of any sort, or a pong."""
    if frame == PONG:
        return True
    answer = _read(frame)
    return answer is not None and answer.event != ""


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the venue announces an upgrade in about a minute: reconnect at once (PROTOCOLS 5.1, 5.3)."""
    answer = _read(frame)
    return answer is not None and answer.event == "notice" and answer.code == UPGRADE_NOTICE
