"""Binance USD-M: where to connect, what to subscribe, how the venue answers. PROTOCOLS 3.1, 3.2."""

from __future__ import annotations

from exchanges._exchange import Endpoint, RestHost, RestRequest, Stream, StreamKind

PUBLIC = "public"
MARKET = "market"

REST = RestHost("https://fapi.binance.com", weight_max=2400, weight_header="X-MBX-USED-WEIGHT-1M")

SNAPSHOT_LEVELS = 1000
SNAPSHOT_WEIGHT = 20
EXCHANGE_INFO_WEIGHT = 1


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


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol as the venue does: `btcusdt@depth@100ms`."""
    return f"{symbol.lower()}@{stream.channel}"


def snapshot_request(symbol: str) -> RestRequest:
    """Ask for the whole visible book of a native symbol. PROTOCOLS 3.2, 3.4.2."""
    return RestRequest("/fapi/v1/depth", {"symbol": symbol, "limit": str(SNAPSHOT_LEVELS)}, SNAPSHOT_WEIGHT)


INSTRUMENTS_REQUESTS = (RestRequest("/fapi/v1/exchangeInfo", {}, EXCHANGE_INFO_WEIGHT),)
