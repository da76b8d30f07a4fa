"""Wire structs of Binance USD-M: what one frame decodes to, and nothing more.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding;
a field that is missing or of another type raises msgspec.ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct, field

from exchanges.binance._messages import Filter, Id, Level, Millis

FROM_THE_BOOK = "MARKET"
"""`X` of a fill between two orders of the book; other origins are no trades (PROTOCOLS 3.3)."""


class AggTrade(Struct, gc=False, tag_field="e", tag="aggTrade"):
    """Hold fills of one price and taker side within 100 ms (PROTOCOLS 3.3, agg trade).

    `{"e":"aggTrade","E":1790000000210,"s":"BTCUSDT","a":3000000001,"p":"60000.1","q":"0.250",
    "nq":"0.250","f":7000000001,"l":7000000003,"T":1790000000150,"m":false,"st":1}`
    """

    id: Id = field(name="a")
    price: str = field(name="p")
    size: str = field(name="q")
    first_fill: Id = field(name="f")
    last_fill: Id = field(name="l")
    traded_ms: Millis = field(name="T")
    buyer_is_maker: bool = field(name="m")
    product: int = field(name="st", default=1)
    origin: ClassVar[str] = FROM_THE_BOOK


class AggTradeEntry(Struct, gc=False):
    """Hold one entry of GET /fapi/v1/aggTrades (PROTOCOLS 3.2).

    `{"a":3000000001,"p":"60000.1","q":"0.250","nq":"0.250","f":7000000001,"l":7000000003,
    "T":1790000000150,"m":false}`
    """

    id: Id = field(name="a")
    price: str = field(name="p")
    size: str = field(name="q")
    first_fill: Id = field(name="f")
    last_fill: Id = field(name="l")
    traded_ms: Millis = field(name="T")
    buyer_is_maker: bool = field(name="m")


class Trade(Struct, gc=False, tag_field="e", tag="trade"):
    """Hold one fill of the undocumented raw stream (PROTOCOLS 3.3, trade).

    `{"e":"trade","E":1790000000123,"T":1790000000122,"s":"BTCUSDT","t":5100000001,"p":"60000.10",
    "q":"0.015","X":"MARKET","m":true,"st":1}`
    """

    id: Id = field(name="t")
    price: str = field(name="p")
    size: str = field(name="q")
    traded_ms: Millis = field(name="T")
    buyer_is_maker: bool = field(name="m")
    origin: str = field(name="X", default=FROM_THE_BOOK)
    product: int = field(name="st", default=1)
    # One fill, counted as the aggregate counts: last - first + 1.
    first_fill: ClassVar[int] = 0
    last_fill: ClassVar[int] = 0


class TradeFrame(Struct, gc=False):
    """Wrap either trade event as the combined stream does: `{"stream":…,"data":{…}}` (PROTOCOLS 3.1)."""

    data: AggTrade | Trade


class BookTicker(Struct, gc=False):
    """Hold the best bid and ask after a change (PROTOCOLS 3.3, BBO).

    `{"e":"bookTicker","u":9000000001,"E":1790000000201,"T":1790000000199,"s":"BTCUSDT",
    "ps":"BTCUSDT","b":"60000.0","B":"4.1","a":"60000.1","A":"2.7","st":1}`
    """

    event: Literal["bookTicker"] = field(name="e")
    update_id: Id = field(name="u")
    changed_ms: Millis = field(name="T")
    bid_price: str = field(name="b")
    bid_size: str = field(name="B")
    ask_price: str = field(name="a")
    ask_size: str = field(name="A")
    product: int = field(name="st", default=1)


class QuoteFrame(Struct, gc=False):
    """Wrap a best bid and ask as the combined stream does (PROTOCOLS 3.1)."""

    data: BookTicker


class DepthUpdate(Struct, gc=False):
    """Hold the levels that changed between two update ids (PROTOCOLS 3.3, book delta).

    `{"e":"depthUpdate","E":1790000000250,"T":1790000000246,"s":"BTCUSDT","ps":"BTCUSDT","U":5001,
    "u":5010,"pu":4998,"b":[["60000.0","0"]],"a":[["60000.2","1.0"]],"st":1}`
    """

    event: Literal["depthUpdate"] = field(name="e")
    changed_ms: Millis = field(name="T")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")
    prev_id: Id = field(name="pu")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")
    product: int = field(name="st", default=1)


class BookFrame(Struct, gc=False):
    """Wrap a book delta as the combined stream does (PROTOCOLS 3.1)."""

    data: DepthUpdate


class DepthIds(Struct, gc=False):
    """Hold only the ids of a book delta, for a reader that does not need its levels (PROTOCOLS 3.3)."""

    event: Literal["depthUpdate"] = field(name="e")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")
    prev_id: Id = field(name="pu")


class BookIdsFrame(Struct, gc=False):
    """Wrap the ids of a book delta as the combined stream does (PROTOCOLS 3.1)."""

    data: DepthIds


class BookSnapshot(Struct, gc=False):
    """Hold the body of GET /fapi/v1/depth (PROTOCOLS 3.4.2).

    `{"lastUpdateId":5005,"E":1790000000240,"T":1790000000230,"bids":[["60000.0","4.1"]],
    "asks":[["60000.2","1.0"]]}`
    """

    last_id: Id = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]
    changed_ms: Millis | None = field(name="T", default=None)


class SnapshotId(Struct, gc=False):
    """Hold only the update id of a REST book (PROTOCOLS 3.4.2)."""

    last_id: Id = field(name="lastUpdateId")


class MarkPrice(Struct, gc=False):
    """Hold mark price, index price and funding (PROTOCOLS 3.3, mark price).

    `{"e":"markPriceUpdate","E":1790000001000,"s":"BTCUSDT","p":"60001.2","ap":"60000.9",
    "i":"60002.0","P":"60001.5","r":"0.00010000","T":1790006400000,"st":1}`; a dated future sends
    `"r":""` and `"T":0`.
    """

    event: Literal["markPriceUpdate"] = field(name="e")
    sent_ms: Millis = field(name="E")
    mark_price: str = field(name="p")
    index_price: str = field(name="i")
    settle_price: str = field(name="P")
    funding_rate: str = field(name="r")
    next_funding_ms: Millis = field(name="T")
    product: int = field(name="st", default=1)


class FundingFrame(Struct, gc=False):
    """Wrap a mark price as the combined stream does; those of the whole market are a list (PROTOCOLS 3.1)."""

    data: MarkPrice | list[MarkPrice]


class LiquidationOrder(Struct, gc=False):
    """Hold the closing order of a liquidation, the `o` of a force order (PROTOCOLS 3.3, liquidation).

    `{"S":"SELL","q":"0.014","p":"59800.0","ap":"59910.0","z":"0.014","T":1790000001996}`
    """

    side: Literal["SELL", "BUY"] = field(name="S")
    size: str = field(name="q")
    price: str = field(name="p")
    average_price: str = field(name="ap")
    filled_size: str = field(name="z")
    traded_ms: Millis = field(name="T")


class ForceOrder(Struct, gc=False):
    """Hold one liquidation; the venue sends a sample of them (PROTOCOLS 3.1, 3.3, liquidation).

    `{"e":"forceOrder","E":1790000002000,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC",
    "q":"0.014","p":"59800.0","ap":"59910.0","X":"FILLED","l":"0.014","z":"0.014",
    "T":1790000001996},"ps":"BTCUSDT","st":1}`
    """

    event: Literal["forceOrder"] = field(name="e")
    order: LiquidationOrder = field(name="o")
    product: int = field(name="st", default=1)


class LiquidationFrame(Struct, gc=False):
    """Wrap a liquidation as the combined stream does; the stream of the market may send a list (PROTOCOLS 3.1 (!))."""

    data: ForceOrder | list[ForceOrder]


class Symbol(Struct, gc=False):
    """Hold one entry of exchangeInfo (PROTOCOLS 1.6).

    `{"symbol":"BTCUSDT_261225","pair":"BTCUSDT","contractType":"CURRENT_QUARTER",
    "deliveryDate":1798185600000,"status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",
    "marginAsset":"USDT","filters":[{"filterType":"LOT_SIZE","stepSize":"0.001"}]}`
    """

    symbol: str
    contract_type: str = field(name="contractType")
    delivery_ms: Millis = field(name="deliveryDate")
    status: str
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    settle: str = field(name="marginAsset")
    filters: list[Filter]
