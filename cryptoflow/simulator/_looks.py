"""Tell by the look of its frames where a connection went whose `open` row a recording lacks: one cut at the front."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LINEAR, _SPOT = (f"wss://stream.bybit.com/v5/public/{market}" for market in ("linear", "spot"))
_USDM = "wss://fstream.binance.com/stream"
_LOOKS = tuple(
    (re.compile(look), url)
    for look, url in (
        # Of Binance's payloads those of contracts say more; of trades those of spot have an "M" (PROTOCOLS 2.4, 3.3).
        (r'^\{"stream":".*"(?:pu|st|ps|X)":', _USDM),
        (r'^\{"stream":".*"e":"(?:bookTicker|markPriceUpdate|forceOrder)"', _USDM),
        (r'^\{"stream":".*"e":"aggTrade"(?!.*"M":)', _USDM),
        (r'^\{"stream":".*(?:"M":|"e":"depthUpdate"|"data":\{"u":)', "wss://stream.binance.com/stream"),
        # PROTOCOLS 4.4: contracts tell the tick's direction, funding and liquidations. Books look alike.
        (r'^\{"topic":".*"(?:L|fundingRate|openInterest)":"', _LINEAR),
        (r'^\{"topic":"allLiquidation', _LINEAR),
        (r'^\{"topic":"(?:publicTrade|tickers.*"usdIndexPrice")', _SPOT),
        (r'"arg":\{.*"data":\[', "wss://ws.okx.com:8443/ws/v5/public"),
        (r'"channel":".*"sequence_num":', "wss://advanced-trade-ws.coinbase.com"),
        (r'"feed":".*"product_id":|"product_id":.*"feed":"', "wss://futures.kraken.com/ws/v1"),
        (r'"type":".*"product_id":"', "wss://ws-feed.exchange.coinbase.com"),
        (r'^\{"channel":"(?:book|trade|ticker|ohlc)","type":"', "wss://ws.kraken.com/v2"),
    )
)
"""What a frame looks like and where such frames come from; the first that fits."""

_HEAD_MAX_CHARS = 1500


def url_by_look(frames: Iterable[str]) -> str:
    """Return the URL of a connection by its frames, "" where none of them tells."""
    for frame in frames:
        for look, url in _LOOKS:
            if look.search(frame[:_HEAD_MAX_CHARS]):
                return url
    return ""
