"""Wire structs of Bybit v5: what one frame decodes to, and nothing more. Both markets send the same.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding;
a field that is missing or of another type raises msgspec.ValidationError, a ValueError. The order of
keys differs by product (PROTOCOLS 4.7) and means nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""An update id; bounded so that it and the one after it fit a column; never the -1 that means absent."""

Millis = Annotated[int, Meta(ge=0, le=9_223_372_036_854)]
"""Milliseconds since the epoch; bounded so that their nanoseconds fit an int64."""

TradeId = Annotated[str, Meta(min_length=1)]
"""A UUID on linear, digits on spot (PROTOCOLS 4.4 (!)): opaque text without order."""


class Level(Struct, gc=False, array_like=True, forbid_unknown_fields=True):
    """Hold one level, `["60000.0","4.1"]`; a size of 0 deletes it (PROTOCOLS 4.6.2)."""

    price: str
    size: str


class Trade(Struct, gc=False):
    """Hold one fill; `S` is the taker's side (PROTOCOLS 1.2, 4.4, trade).

    `{"T":1790000000303,"s":"BTCUSDT","S":"Buy","v":"0.010","p":"60000.10","L":"PlusTick",
    "i":"0f4b0c9e-0000-5000-8000-000000000001","BT":false,"RPI":false,"seq":88000001}`
    """

    traded_ms: Millis = field(name="T")
    side: Literal["Buy", "Sell"] = field(name="S")
    size: str = field(name="v")
    price: str = field(name="p")
    id: TradeId = field(name="i")


class TradeFrame(Struct, gc=False):
    """Hold at most 1024 fills in match-time order: `{"topic":…,"type":"snapshot","ts":…,"data":[…]}`."""

    data: list[Trade]


class Liquidation(Struct, gc=False):
    """Hold one liquidation; `S` is the side of the position and `p` its bankruptcy price (PROTOCOLS 1.3, 4.4).

    `{"T":1790000000700,"s":"BTCUSDT","S":"Buy","v":"0.5","p":"58000.0"}`
    """

    settled_ms: Millis = field(name="T")
    position: Literal["Buy", "Sell"] = field(name="S")
    size: str = field(name="v")
    price: str = field(name="p")


class LiquidationFrame(Struct, gc=False):
    """Hold the liquidations of half a second: `{"topic":…,"type":"snapshot","ts":…,"data":[…]}`."""

    data: list[Liquidation]


class BookData(Struct, gc=False):
    """Hold levels and the update id they lead to (PROTOCOLS 4.4, book); over REST also their times.

    `{"s":"BTCUSDT","b":[["60000.0","0"]],"a":[["60000.2","1.5"]],"u":18521290,"seq":88000012}`
    """

    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    update_id: Id = field(name="u")
    sent_ms: Millis | None = field(name="ts", default=None)
    changed_ms: Millis | None = field(name="cts", default=None)


class BookFrame(Struct, gc=False):
    """Hold changed levels: `{"topic":…,"type":"delta","ts":…,"data":{…},"cts":…}` (PROTOCOLS 4.4, book)."""

    type: Literal["delta"]
    data: BookData
    sent_ms: Millis = field(name="ts")
    changed_ms: Millis | None = field(name="cts", default=None)


class QuoteFrame(Struct, gc=False):
    """Hold the book of one level, always whole; a side without orders is empty (PROTOCOLS 4.4, BBO)."""

    type: Literal["snapshot"]
    data: BookData
    sent_ms: Millis = field(name="ts")
    changed_ms: Millis | None = field(name="cts", default=None)


class SnapshotFrame(Struct, gc=False):
    """Hold a whole book: a frame of the stream, or the body of a REST answer (PROTOCOLS 4.5, 4.6).

    `{"topic":"orderbook.200.BTCUSDT","type":"snapshot","ts":1790000000420,"data":{…},"cts":1790000000417}`
    or `{"retCode":0,"retMsg":"OK","result":{…},"time":1790000000421}`.
    """

    data: BookData | None = None
    result: BookData | None = None
    sent_ms: Millis | None = field(name="ts", default=None)
    changed_ms: Millis | None = field(name="cts", default=None)


class TickerData(Struct, gc=False):
    """Hold what changed of a derivative's ticker; an absent field is unchanged, all are text (PROTOCOLS 4.4).

    `{"symbol":"BTCUSDT","markPrice":"60001.0","indexPrice":"60002.0","fundingRate":"0.0001",
    "nextFundingTime":"1790006400000","fundingIntervalHour":"8","openInterest":"51000.1"}`
    """

    mark_price: str | None = field(name="markPrice", default=None)
    index_price: str | None = field(name="indexPrice", default=None)
    funding_rate: str | None = field(name="fundingRate", default=None)
    next_funding_ms: str | None = field(name="nextFundingTime", default=None)
    interval_hours: str | None = field(name="fundingIntervalHour", default=None)
    open_interest: str | None = field(name="openInterest", default=None)


class TickerFrame(Struct, gc=False):
    """Hold a ticker: `{"topic":"tickers.BTCUSDT","type":"delta","ts":…,"cs":…,"data":{…}}`."""

    type: Literal["snapshot", "delta"]
    data: TickerData
    sent_ms: Millis = field(name="ts")


class BookHead(Struct, gc=False):
    """Hold only what tells a book frame's place, for a reader that does not need its levels."""

    update_id: Id = field(name="u")


class Head(Struct, gc=False):
    """Hold the envelope of any frame with a topic."""

    topic: str
    type: str = ""


class BookHeadFrame(Struct, gc=False):
    """Hold the head of a book frame of the stream, or of a REST body."""

    type: str = ""
    data: BookHead | None = None
    result: BookHead | None = None
    sent_ms: Millis | None = field(name="ts", default=None)
    changed_ms: Millis | None = field(name="cts", default=None)


class PriceFilter(Struct, gc=False):
    """Hold the price step: `{"minPrice":"0.10","maxPrice":"1999999.80","tickSize":"0.10"}`."""

    tick_size: str | None = field(name="tickSize", default=None)


class LotFilter(Struct, gc=False):
    """Hold the size step: `qtyStep` of a contract, `basePrecision` of a spot pair."""

    contract_step: str | None = field(name="qtyStep", default=None)
    spot_step: str | None = field(name="basePrecision", default=None)


class Instrument(Struct, gc=False):
    """Hold one entry of instruments-info (PROTOCOLS 1.6); a spot pair has no contract type.

    `{"symbol":"BTCUSDT-25DEC26","contractType":"LinearFutures","status":"Trading","baseCoin":"BTC",
    "quoteCoin":"USDT","settleCoin":"USDT","deliveryTime":"1798185600000",
    "priceFilter":{"tickSize":"0.50"},"lotSizeFilter":{"qtyStep":"0.001"}}`
    """

    symbol: str
    status: str
    base: str = field(name="baseCoin")
    quote: str = field(name="quoteCoin")
    settle: str = field(name="settleCoin", default="")
    contract_type: str = field(name="contractType", default="")
    delivery_ms: str = field(name="deliveryTime", default="0")
    price_filter: PriceFilter = field(name="priceFilter", default_factory=PriceFilter)
    lot_filter: LotFilter = field(name="lotSizeFilter", default_factory=LotFilter)


class Page(Struct, gc=False):
    """Hold a page of a list and where the next begins, its entries as bytes."""

    entries: list[Raw] = field(name="list")
    cursor: str | None = field(name="nextPageCursor", default=None)


class PageBody(Struct, gc=False):
    """Hold a REST answer with a list: `{"retCode":0,"retMsg":"OK","result":{"list":[…]}}`."""

    code: int = field(name="retCode")
    result: Page


class Volume(Struct, gc=False):
    """Hold the traded value of a symbol: `{"symbol":"BTCUSDT","turnover24h":"1142118412.9"}`."""

    symbol: str
    value: str = field(name="turnover24h")
