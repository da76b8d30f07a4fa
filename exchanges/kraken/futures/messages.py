"""Wire structs of Kraken Futures, Derivatives WebSocket v1: what one frame decodes to, and nothing more.

Payload examples are invented. Numbers are JSON numbers and stay the text they were sent as; a text
that is no number fails when its column is cast. Fields that no row needs are skipped.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""A number of the venue; bounded so that it and the one after it fit a column; never the -1 that means absent."""

Millis = Annotated[int, Meta(ge=0, le=9_223_372_036_854)]
"""Milliseconds since the epoch; bounded so that their nanoseconds fit an int64."""

ABSENT = Raw()
"""Stands for a number that was not sent; msgspec knows no optional raw values."""

LIQUIDATION = "liquidation"


class Level(Struct, gc=False):
    """Hold one level, `{"price":60000.0,"qty":1.5}`; a quantity not above 0 deletes it (PROTOCOLS 7.2.4)."""

    price: Raw
    size: Raw = field(name="qty")


class BookDelta(Struct, gc=False):
    """Hold the one level that changed (PROTOCOLS 7.2.3, book).

    `{"feed":"book","product_id":"PF_XBTUSD","side":"sell","seq":4001,"price":60001.0,"qty":0.0,
    "timestamp":1790000000040}`
    """

    feed: Literal["book"]
    seq: Id
    side: Literal["buy", "sell"]
    price: Raw
    size: Raw = field(name="qty")
    changed_ms: Millis = field(name="timestamp")


class BookSnapshot(Struct, gc=False):
    """Hold a whole book (PROTOCOLS 7.2.3, book).

    `{"feed":"book_snapshot","product_id":"PF_XBTUSD","timestamp":1790000000000,"seq":4000,
    "tickSize":null,"bids":[{"price":60000.0,"qty":1.5}],"asks":[{"price":60001.0,"qty":0.7}]}`
    """

    feed: Literal["book_snapshot"]
    seq: Id
    bids: list[Level]
    asks: list[Level]
    changed_ms: Millis = field(name="timestamp")


class BookIds(Struct, gc=False):
    """Hold only the number of a book frame, for a reader that does not need its levels (PROTOCOLS 7.2.3)."""

    feed: Literal["book", "book_snapshot"]
    seq: Id


class Fill(Struct, gc=False):
    """Hold one fill (PROTOCOLS 7.2.3, trade); `uid` may be missing in older data.

    `{"uid":"b5a1c239-0000-4000-8000-000000000001","side":"sell","type":"fill","seq":653355,
    "time":1790000000050,"qty":0.25,"price":60000.0}`
    """

    side: Literal["buy", "sell"]
    traded_ms: Millis = field(name="time")
    price: Raw
    size: Raw = field(name="qty")
    uid: str = ""
    seq: Id | None = None
    type: str = "fill"


class Trade(Fill, gc=False, tag_field="feed", tag="trade"):
    """Hold one fill as it happens; type `liquidation` makes it one (PROTOCOLS 7.2.3).

    `{"feed":"trade","product_id":"PF_XBTUSD","uid":"b5a1c239-0000-4000-8000-000000000001",
    "side":"sell","type":"fill","seq":653355,"time":1790000000050,"qty":0.25,"price":60000.0}`
    """


class TradeSnapshot(Struct, gc=False, tag_field="feed", tag="trade_snapshot"):
    """Hold the recent fills that follow a subscription, newest first (!) (PROTOCOLS 7.2.3).

    `{"feed":"trade_snapshot","product_id":"PF_XBTUSD","trades":[]}`
    """

    trades: list[Fill]


class Ticker(Struct, gc=False, tag_field="feed", tag="ticker"):
    """Hold best prices, mark, index, funding and open interest, once a second (PROTOCOLS 7.2.3, ticker).

    `{"feed":"ticker","product_id":"PF_XBTUSD","time":1790000001000,"bid":60000.0,"bid_size":1.5,
    "ask":60001.0,"ask_size":0.7,"index":60002.0,"markPrice":60001.2,"openInterest":1200.5,
    "funding_rate":0.6,"relative_funding_rate":0.00001,"next_funding_rate_time":1790003600000}`
    """

    sent_ms: Millis = field(name="time")
    bid_price: Raw = field(name="bid", default=ABSENT)
    bid_size: Raw = ABSENT
    ask_price: Raw = field(name="ask", default=ABSENT)
    ask_size: Raw = ABSENT
    mark_price: Raw = field(name="markPrice", default=ABSENT)
    index_price: Raw = field(name="index", default=ABSENT)
    open_interest: Raw = field(name="openInterest", default=ABSENT)
    absolute_rate: Raw = field(name="funding_rate", default=ABSENT)
    funding_rate: Raw = field(name="relative_funding_rate", default=ABSENT)
    next_funding_ms: Millis = field(name="next_funding_rate_time", default=0)


class TickerLite(Struct, gc=False, tag_field="feed", tag="ticker_lite"):
    """Hold best prices without sizes and without a time (PROTOCOLS 7.2.3, ticker_lite).

    `{"feed":"ticker_lite","product_id":"PI_XBTUSD","bid":60000.0,"ask":60001.0,"tag":"perpetual"}`
    """

    bid_price: Raw = field(name="bid", default=ABSENT)
    ask_price: Raw = field(name="ask", default=ABSENT)


class Instrument(Struct, gc=False):
    """Hold one entry of GET /derivatives/api/v3/instruments (PROTOCOLS 1.6, 1.7).

    `{"symbol":"FI_XBTUSD_261225","pair":"XBT:USD","base":"XBT","quote":"USD","type":"futures_inverse",
    "lastTradingTime":"2026-12-25T16:00:00.000Z","tickSize":0.5,"contractSize":1,"tradeable":true,
    "contractValueTradePrecision":0,"postOnly":false}`
    """

    symbol: str
    tradeable: bool = False
    base: str = ""
    quote: str = ""
    pair: str = ""
    tick_size: Raw = field(name="tickSize", default=ABSENT)
    contract_size: Raw = field(name="contractSize", default=ABSENT)
    last_trading: str | None = field(name="lastTradingTime", default=None)
    size_decimals: Annotated[int, Meta(ge=-18, le=18)] | None = field(name="contractValueTradePrecision", default=None)
    post_only: bool = field(name="postOnly", default=False)
