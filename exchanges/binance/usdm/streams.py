"""Binance USD-M: where to connect, what to subscribe, how the venue answers. PROTOCOLS 3.1, 3.2."""

from __future__ import annotations

from exchanges._exchange import Endpoint, Per, RestHost, RestRequest, Stream, StreamKind, TradeFill
from exchanges.binance._fill import entries

PUBLIC = "public"
MARKET = "market"

REST = RestHost("https://fapi.binance.com", weight_max=2400, weight_header="X-MBX-USED-WEIGHT-1M")

SNAPSHOT_LEVELS = 1000
SNAPSHOT_WEIGHT = 20
EXCHANGE_INFO_WEIGHT = 1
TICKERS_WEIGHT = 40
FILL_TRADES_MAX = 1000
FILL_WEIGHT = 20


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
    Stream(StreamKind.BOOK, "depth", PUBLIC, default=False),
    Stream(StreamKind.BOOK, "depth@250ms", PUBLIC, default=False),
    Stream(StreamKind.BOOK, "depth@500ms", PUBLIC, default=False),
    Stream(StreamKind.FUNDING, "markPrice@1s", MARKET, period_s=1.0),
    Stream(StreamKind.FUNDING, "markPrice", MARKET, period_s=3.0, default=False),
    Stream(StreamKind.FUNDING, "markPrice@3s", MARKET, period_s=3.0, default=False),
    Stream(StreamKind.LIQUIDATIONS, "forceOrder", MARKET),
    # PROTOCOLS 3.1: one subscription for all symbols, of both product lines.
    Stream(StreamKind.QUOTES, "!bookTicker", PUBLIC, default=False, per=Per.MARKET),  # 3.3: every 5 s only
    Stream(StreamKind.FUNDING, "!markPrice@arr@1s", MARKET, period_s=1.0, default=False, per=Per.MARKET),
    Stream(StreamKind.LIQUIDATIONS, "!forceOrder@arr", MARKET, default=False, per=Per.MARKET),
)
"""All subscriptions. Take one trades and one book channel per symbol: ids and `pu` chains differ."""


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol as the venue does: `btcusdt@depth@100ms`."""
    return stream.channel if stream.per is Per.MARKET else f"{symbol.lower()}@{stream.channel}"


def snapshot_request(symbol: str) -> RestRequest:
    """Ask for the whole visible book of a native symbol. PROTOCOLS 3.2, 3.4.2."""
    return RestRequest("/fapi/v1/depth", {"symbol": symbol, "limit": str(SNAPSHOT_LEVELS)}, SNAPSHOT_WEIGHT)


INSTRUMENTS_REQUESTS = (RestRequest("/fapi/v1/exchangeInfo", {}, EXCHANGE_INFO_WEIGHT),)
"""Symbols and their rules; the funding interval is in another body, which has no place in a definition."""

VOLUMES_REQUEST = RestRequest("/fapi/v1/ticker/24hr", {}, TICKERS_WEIGHT)


def _fill_request(symbol: str, from_id: int) -> RestRequest:
    # The aggregates of `aggTrade`; ids of the undocumented `trade` are far above theirs and find nothing.
    query = {"symbol": symbol, "fromId": str(from_id), "limit": str(FILL_TRADES_MAX)}
    return RestRequest("/fapi/v1/aggTrades", query, FILL_WEIGHT)


TRADE_FILL = TradeFill(_fill_request, lambda _symbol, body: entries(body, "a"), FILL_TRADES_MAX, channel="aggTrade")
"""PROTOCOLS 3.2: about the last 48 hours can be asked for."""
