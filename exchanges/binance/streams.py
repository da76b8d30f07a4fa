"""Binance USD-M: where to connect, what to subscribe, how the venue answers. PROTOCOLS 3.1, 3.2."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from exchanges._exchange import Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind

PUBLIC = "public"
MARKET = "market"

REST = RestHost("https://fapi.binance.com", weight_max=2400, weight_header="X-MBX-USED-WEIGHT-1M")

SNAPSHOT_LEVELS = 1000
SNAPSHOT_WEIGHT = 20
EXCHANGE_INFO_WEIGHT = 1

ERROR_TEXT_MAX_CHARS = 200
UNKNOWN_REQUEST_ID = -1
"""The request id of an answer that names none (`Invalid JSON`)."""


def _endpoint(name: str) -> Endpoint:
    # A stream asked for on the wrong path is acknowledged and stays silent: the trap of PROTOCOLS 3.1.
    return Endpoint(
        name=name,
        url=f"wss://fstream.binance.com/{name}/stream",
        streams_max=1024,
        messages_per_s=10.0,
        connects_max=300,  # PROTOCOLS 3.2 (!): no figure for futures, spot's is assumed
        connects_window_s=300.0,
        lifetime_s=86_400.0,
    )


ENDPOINTS = (_endpoint(PUBLIC), _endpoint(MARKET))

STREAMS = (
    Stream(StreamKind.TRADES, "aggTrade", MARKET),
    Stream(StreamKind.TRADES, "trade", PUBLIC, default=False),  # PROTOCOLS 3.1 (!): undocumented, path disputed
    Stream(StreamKind.QUOTES, "bookTicker", PUBLIC),
    Stream(StreamKind.BOOK, "depth@100ms", PUBLIC),
    Stream(StreamKind.BOOK, "depth@0ms", PUBLIC, default=False),  # PROTOCOLS 3.3: undocumented
    Stream(StreamKind.FUNDING, "markPrice@1s", MARKET, period_s=1.0),
    Stream(StreamKind.LIQUIDATIONS, "forceOrder", MARKET),
)
"""All subscriptions. Take one trades and one book channel per symbol: ids and `pu` chains differ."""


class _Refusal(msgspec.Struct):
    code: int = 0
    msg: str = ""


class _Answer(msgspec.Struct):
    """`{"result":null,"id":1}`, `{"code":2,"msg":"Invalid request","id":5}` or `{"error":{…},"id":5}`."""

    id: int | str | None = None
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    code: int | None = None
    msg: str = ""
    error: _Refusal | None = None


class _NoticeData(msgspec.Struct):
    e: str = ""


class _Notice(msgspec.Struct):
    """`{"e":"serverShutdown","E":1790000000000}` or `{"stream":"!serverShutdown","data":{…}}`."""

    e: str = ""
    stream: str = ""
    data: _NoticeData | None = None


_answer = msgspec.json.Decoder(_Answer)
_notice = msgspec.json.Decoder(_Notice)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol as the venue does: `btcusdt@depth@100ms`."""
    return f"{symbol.lower()}@{stream.channel}"


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams by name."""
    return msgspec.json.encode({"method": "SUBSCRIBE", "params": list(names), "id": request_id})


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams up by name."""
    return msgspec.json.encode({"method": "UNSUBSCRIBE", "params": list(names), "id": request_id})


def ack(frame: bytes) -> Ack | None:
    """Read the answer to a request; None for every other frame, whatever it holds.

    An accepted subscription proves nothing yet: the venue acknowledges streams that stay silent.
    """
    if frame.startswith(b'{"stream"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    refused = answer.error or (_Refusal(answer.code, answer.msg) if answer.code is not None else None)
    if refused is not None:
        number = answer.id if isinstance(answer.id, int) else UNKNOWN_REQUEST_ID
        return Ack(number, f"{refused.code} {refused.msg}"[:ERROR_TEXT_MAX_CHARS])
    if answer.result is msgspec.UNSET or not isinstance(answer.id, int):
        return None
    return Ack(answer.id)


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the venue announces the end of this connection: open another, then close it."""
    if b"serverShutdown" not in frame:
        return False
    try:
        notice = _notice.decode(frame)
    except (ValueError, RecursionError):
        return False
    inner = notice.data.e if notice.data else ""
    return notice.stream == "!serverShutdown" or "serverShutdown" in {notice.e, inner}


def snapshot_request(symbol: str) -> RestRequest:
    """Ask for the whole visible book of a native symbol. PROTOCOLS 3.2, 3.4.2."""
    return RestRequest("/fapi/v1/depth", {"symbol": symbol, "limit": str(SNAPSHOT_LEVELS)}, SNAPSHOT_WEIGHT)


INSTRUMENTS_REQUESTS = (RestRequest("/fapi/v1/exchangeInfo", {}, EXCHANGE_INFO_WEIGHT),)
