"""Binance spot: where to connect, what to subscribe, what may be asked over REST. PROTOCOLS 2.1, 2.3, 2.4."""

from __future__ import annotations

from collections.abc import Callable

from exchanges._exchange import Endpoint, RestHost, RestRequest, Stream, StreamKind, TradeFill
from exchanges.binance._fill import entries

WS = "ws"

REST = RestHost("https://api.binance.com", weight_max=6000, weight_header="X-MBX-USED-WEIGHT-1M")

SNAPSHOT_LEVELS = 1000
"""Levels per side of a REST book. The venue gives 5000 for five times the weight: 24 books a minute
instead of 120, so that after a cut of one full connection the last book is whole only after many
minutes. A book that is whole soon is worth more than levels far from the price, which become known
when they change (PROTOCOLS 2.5.8). `market(levels=5000)` takes the whole book."""

EXCHANGE_INFO_WEIGHT = 20
TICKERS_WEIGHT = 80
FILL_TRADES_MAX = 1000
FILL_WEIGHT = 25

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))
"""PROTOCOLS 2.3: weight of a REST book by its limit."""

ENDPOINTS = (
    Endpoint(
        name=WS,
        url="wss://stream.binance.com:9443/stream",
        streams_max=1024,
        # PROTOCOLS 2.3: 5 a second, pongs and our own pings included; two are left for these.
        messages_per_s=3.0,
        connects_max=300,
        connects_window_s=300.0,
        lifetime_s=86_400.0,
    ),
)

STREAMS = (
    Stream(StreamKind.TRADES, "trade", WS),
    Stream(StreamKind.TRADES, "aggTrade", WS, default=False),
    Stream(StreamKind.QUOTES, "bookTicker", WS),
    Stream(StreamKind.BOOK, "depth@100ms", WS),
    Stream(StreamKind.BOOK, "depth", WS, default=False),
    Stream(StreamKind.BOOK, "depth@1000ms", WS, default=False),
)
"""All subscriptions. Take one trades and one book channel per symbol: an aggregate has an id of its own, and gaps
of aggregates are not filled, since REST is asked for single fills. `depth@1000ms` is `depth`, as recordings of
others spell it (!)."""


def stream_name(stream: Stream, symbol: str) -> str:
    """Name a stream of a native symbol as the venue does: `btcusdt@depth@100ms`."""
    return f"{symbol.lower()}@{stream.channel}"


def snapshot_request(levels: int) -> Callable[[str], RestRequest]:
    """Return what asks for a book of so many levels a side. Raises ValueError beyond 5000. PROTOCOLS 2.3, 2.5.2."""
    weight = next((weight for limit, weight in _DEPTH_WEIGHTS if levels <= limit), 0)
    if levels < 1 or not weight:
        raise ValueError(f"asking for a book: {levels} levels are not between 1 and {_DEPTH_WEIGHTS[-1][0]}")
    return lambda symbol: RestRequest("/api/v3/depth", {"symbol": symbol, "limit": str(levels)}, weight)


INSTRUMENTS_REQUESTS = (RestRequest("/api/v3/exchangeInfo", {}, EXCHANGE_INFO_WEIGHT),)

VOLUMES_REQUEST = RestRequest("/api/v3/ticker/24hr", {"type": "MINI"}, TICKERS_WEIGHT)


def _fill_request(symbol: str, from_id: int) -> RestRequest:
    query = {"symbol": symbol, "fromId": str(from_id), "limit": str(FILL_TRADES_MAX)}
    return RestRequest("/api/v3/historicalTrades", query, FILL_WEIGHT)


TRADE_FILL = TradeFill(_fill_request, lambda _symbol, body: entries(body, "id"), FILL_TRADES_MAX, channel="trade")
"""Single fills by id. PROTOCOLS 2.3 (!): whether it can be asked without an API key is not said."""
