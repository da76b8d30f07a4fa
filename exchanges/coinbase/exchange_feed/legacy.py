"""Coinbase Exchange as it spoke before 2023, when it was called Pro: tickers without the sizes of the best levels.

The day on which `best_bid_size`, `best_ask_size` and `last_size` came is not documented (!); from that year on
they are required. Everything else is read alike in all years: keys that came later are optional.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from msgspec import field

from exchanges._exchange import Parser, StreamKind
from exchanges.coinbase.exchange_feed.messages import Ticker

SIZES_SINCE_NS = 1_672_531_200_000_000_000
"""2023-01-01T00:00Z: tickers received later have sizes (!)."""


class OldTicker(Ticker, gc=False, kw_only=True):
    """Hold the best bid and ask at a match, with sizes where it has them.

    `{"type":"ticker","sequence":102,"product_id":"BTC-USD","price":"60000.10","best_bid":"60000.09",
    "best_ask":"60000.10","side":"buy","time":"2021-09-21T14:13:20.123456Z","trade_id":1,"last_size":"0.01"}`
    """

    bid_size: str = field(name="best_bid_size", default="")
    ask_size: str = field(name="best_ask_size", default="")


def parsers(current: Mapping[str, Parser]) -> dict[str, Parser]:
    """Return what reads the frames of those years."""
    quotes = StreamKind.QUOTES.value
    return {**current, quotes: dataclasses.replace(current[quotes], message=OldTicker)}
