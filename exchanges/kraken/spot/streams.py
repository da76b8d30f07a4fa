"""Kraken spot, WebSocket v2: where to connect, what to subscribe, how the venue answers. PROTOCOLS 7.1.1-7.1.3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from exchanges._exchange import NO_REQUEST, Ack, Endpoint, RestHost, RestRequest, Stream, StreamKind, TradeFill
from exchanges.kraken._aliases import ERROR_TEXT_MAX_CHARS, refusal

V2 = "v2"

REST = RestHost(
    "https://api.kraken.com",
    weight_max=15,  # PROTOCOLS 7.1.3 (!): about one a second; the venue documents no figure
    window_s=15.0,
    refusal=refusal,
)
REQUEST_WEIGHT = 1

DEPTH_DEFAULT = 100
"""Levels per side: ten times what the checksum proves, and a snapshot of 8 KB instead of 80 KB at depth
1000, whose further levels nothing would prove. The venue's own default, 10, is all churn at its edge."""

DEPTHS = (10, 25, 100, 500, 1000)

TRADE, TICKER, BOOK = "trade", "ticker", "book"

STREAMS = (
    Stream(StreamKind.TRADES, TRADE, V2),
    Stream(StreamKind.QUOTES, TICKER, V2),
    *(Stream(StreamKind.BOOK, f"{BOOK}@{depth}", V2, default=depth == DEPTH_DEFAULT) for depth in DEPTHS),
)
"""All subscriptions. Take one book depth per symbol: frames do not tell the depth they belong to."""

_CHANNELS = tuple(stream.channel for stream in STREAMS)
_PARAMS: dict[str, dict[str, object]] = {
    TRADE: {"snapshot": False},
    TICKER: {"event_trigger": "bbo", "snapshot": True},
    BOOK: {"snapshot": True},
}

ENDPOINTS = (
    Endpoint(
        name=V2,
        url="wss://ws.kraken.com/v2",
        streams_max=1000,  # no limit is documented
        messages_per_s=20.0,
        connects_max=150,
        connects_window_s=600.0,
        lifetime_s=math.inf,
        streams_per_request_max=50,
        # PROTOCOLS 7.1.3: the server closes after about a minute without client activity.
        heartbeat=b'{"method":"ping"}',
        heartbeat_interval_s=30.0,
    ),
)

REQUEST_ID_STEP = 100
"""Our request ids leave room for the channel asked for: a refusal names the symbol alone (PROTOCOLS 7.1.2)."""


class _Result(msgspec.Struct):
    channel: str = ""
    symbol: str = ""
    depth: int = 0


class _Answer(msgspec.Struct):
    """`{"method":"subscribe","result":{"channel":"book","symbol":"BTC/USD","depth":10},"success":true,"req_id":1102}`.

    Refused: `{"method":"subscribe","error":"Currency pair not supported XBT/USD","success":false,"symbol":"XBT/USD"}`.
    """

    method: Literal["subscribe", "unsubscribe"]
    success: bool
    result: _Result = msgspec.field(default_factory=_Result)
    error: str = ""
    symbol: str = ""
    req_id: int | None = None


class _System(msgspec.Struct):
    system: str = ""


class _Status(msgspec.Struct):
    """`{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2","version":"2.0.0"}]}`."""

    channel: Literal["status"]
    data: list[_System] = []


_answer = msgspec.json.Decoder(_Answer)
_status = msgspec.json.Decoder(_Status)


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol: `book@100:BTC/USD`, `trade:BTC/USD`."""
    return f"{stream.channel}:{symbol}"


def heard_as(name: str) -> str:
    """Return the name without its depth, which frames do not tell: `book:BTC/USD`."""
    channel, _, symbol = name.partition(":")
    return f"{channel.partition('@')[0]}:{symbol}"


def request_group(name: str) -> str:
    """Return the channel and depth of a name: one request asks for one of them."""
    return name.partition(":")[0]


def depth_of(name: str) -> int | None:
    """Return the depth a book name asks for: 100 of `book@100:BTC/USD`; None for other names."""
    channel, _, depth = request_group(name).partition("@")
    return int(depth) if channel == BOOK and depth.isascii() and depth.isdecimal() else None


def subscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Ask for streams of one request group by name."""
    return _request("subscribe", request_id, names)


def unsubscribe(request_id: int, names: Sequence[str]) -> bytes:
    """Give streams of one request group up; PROTOCOLS 7.1.2: the depth is repeated."""
    return _request("unsubscribe", request_id, names)


def _request(method: str, request_id: int, names: Sequence[str]) -> bytes:
    group = request_group(names[0])
    channel = group.partition("@")[0]
    params: dict[str, object] = {"channel": channel, "symbol": [name.partition(":")[2] for name in names]}
    depth = depth_of(names[0])
    if depth is not None:
        params["depth"] = depth
    options = _PARAMS[channel]
    params |= {key: value for key, value in options.items() if method == "subscribe" or key != "snapshot"}
    number = request_id * REQUEST_ID_STEP + _CHANNELS.index(group)
    return msgspec.json.encode({"method": method, "params": params, "req_id": number})


def ack(frame: bytes) -> Ack | None:
    """Read an answer to a request, one per symbol; None for every other frame, whatever it holds."""
    if frame.startswith(b'{"channel"'):
        return None
    try:
        answer = _answer.decode(frame)
    except (ValueError, RecursionError):
        return None
    asked, channel = NO_REQUEST, answer.result.channel
    if answer.result.depth:
        channel = f"{channel}@{answer.result.depth}"
    if answer.req_id is not None and answer.req_id >= 0:
        asked, index = divmod(answer.req_id, REQUEST_ID_STEP)
        channel = _CHANNELS[index] if index < len(_CHANNELS) else channel
    symbol = answer.symbol or answer.result.symbol
    names = (f"{channel}:{symbol}",) if channel and symbol else ()
    error = "" if answer.success else (answer.error or "refused")[:ERROR_TEXT_MAX_CHARS]
    if asked == NO_REQUEST and not names and not error:
        return None
    return Ack(asked, error, names, answer.method == "subscribe")


def is_reconnect_notice(frame: bytes) -> bool:
    """Tell whether the engine went into maintenance: a replacement is tried until it gives data again.

    A status frame also comes first on every connection (PROTOCOLS 7.1.2). So `online` is no notice, nor
    are the announced windows and incidents that recent status frames list: they would be met again on
    every replacement, days ahead of what they announce.
    """
    if b'"status"' not in frame:
        return False
    try:
        return any(one.system == "maintenance" for one in _status.decode(frame).data)
    except (ValueError, RecursionError):
        return False


INSTRUMENTS_REQUESTS = (RestRequest("/0/public/AssetPairs", {}, REQUEST_WEIGHT),)

VOLUMES_REQUEST = RestRequest("/0/public/Ticker", {"assetVersion": "1"}, REQUEST_WEIGHT)
"""All tickers. `assetVersion` 1 (!, not in PROTOCOLS; used by Kraken.Net) names pairs as WebSocket v2 does."""


class _Trades(msgspec.Struct):
    """`{"error":[],"result":{"XXBTZUSD":[[…],[…]],"last":"1790000000123456789"}}`."""

    result: dict[str, msgspec.Raw]


class _TradeId(msgspec.Struct, array_like=True):
    price: msgspec.Raw
    size: msgspec.Raw
    time: msgspec.Raw
    side: msgspec.Raw
    ord_type: msgspec.Raw
    remark: msgspec.Raw
    id: int


_trades = msgspec.json.Decoder(_Trades)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_trade_id = msgspec.json.Decoder(_TradeId)


def _fill_request(symbol: str, from_id: int) -> RestRequest:
    """Ask for the newest trades: `since` is a time, so they cannot be asked for by id."""
    del from_id
    query = {"pair": symbol, "count": str(TRADES_MAX)}  # (!) REST takes BTC/USD too, as kraken-sdk-rust#43 found
    return RestRequest("/0/public/Trades", query, REQUEST_WEIGHT)


def _fill_trades(symbol: str, body: bytes) -> list[tuple[int, bytes]]:
    """Cut an answer into its trades, ids rising. Raises ValueError or RecursionError."""
    lists = [raw for key, raw in _trades.decode(body).result.items() if key != "last"]
    if len(lists) != 1:
        raise ValueError(f"reading trades of {symbol}: {len(lists)} pairs answered")
    raws = [bytes(raw) for raw in _list.decode(lists[0])]
    return sorted((_trade_id.decode(raw).id, raw) for raw in raws)


TRADES_MAX = 1000
TRADE_FILL = TradeFill(_fill_request, _fill_trades, TRADES_MAX)
"""The newest 1000 trades, with their ids: closes a gap that was noticed soon, else it stays one."""
