"""Wire structs of Binance spot: what one frame decodes to, and nothing more.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding;
a field that is missing or of another type raises msgspec.ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta, Struct, field

from exchanges.binance._messages import Filter, Id, Level, Millis

SnapshotUpdateId = Annotated[int, Meta(ge=-1, le=2**63 - 2)]
"""The id a REST book stands at; -1 for a brand-new symbol without one (PROTOCOLS 2.5)."""


class Trade(Struct, gc=False, tag_field="e", tag="trade"):
    """Hold one fill (PROTOCOLS 2.4, trade).

    `{"e":"trade","E":1790000000123,"s":"BTCUSDT","t":5100000001,"p":"60000.10","q":"0.00150000",
    "T":1790000000122,"m":true,"M":true}`
    """

    id: Id = field(name="t")
    price: str = field(name="p")
    size: str = field(name="q")
    traded_ms: Millis = field(name="T")
    buyer_is_maker: bool = field(name="m")
    # One fill, counted as the aggregate counts: last - first + 1.
    first_fill: ClassVar[int] = 0
    last_fill: ClassVar[int] = 0


class AggTrade(Struct, gc=False, tag_field="e", tag="aggTrade"):
    """Hold the fills of one taker order at one price; it counts by ids of its own (PROTOCOLS 1.4, 2.4).

    `{"e":"aggTrade","E":1790000000123,"s":"BTCUSDT","a":310000001,"p":"60000.10","q":"0.00150000",
    "f":5100000001,"l":5100000003,"T":1790000000122,"m":true,"M":true}`
    """

    id: Id = field(name="a")
    price: str = field(name="p")
    size: str = field(name="q")
    first_fill: Id = field(name="f")
    last_fill: Id = field(name="l")
    traded_ms: Millis = field(name="T")
    buyer_is_maker: bool = field(name="m")


class TradeFrame(Struct, gc=False):
    """Wrap a trade or an aggregate as the combined stream does: `{"stream":…,"data":{…}}` (PROTOCOLS 2.1)."""

    data: Trade | AggTrade


class OldTrade(Struct, gc=False):
    """Hold one entry of GET /api/v3/historicalTrades (PROTOCOLS 2.3).

    `{"id":5100000001,"price":"60000.10","qty":"0.00150000","quoteQty":"90.00015000",
    "time":1790000000122,"isBuyerMaker":true,"isBestMatch":true}`
    """

    id: Id
    price: str
    size: str = field(name="qty")
    traded_ms: Millis = field(name="time")
    buyer_is_maker: bool = field(name="isBuyerMaker")
    first_fill: ClassVar[int] = 0
    last_fill: ClassVar[int] = 0


class BookTicker(Struct, gc=False):
    """Hold the best bid and ask after a change; it has no event type and no time (PROTOCOLS 2.4, BBO).

    `{"u":40090000001,"s":"BTCUSDT","b":"60000.00","B":"3.10","a":"60000.01","A":"1.20"}`
    """

    update_id: Id = field(name="u")
    bid_price: str = field(name="b")
    bid_size: str = field(name="B")
    ask_price: str = field(name="a")
    ask_size: str = field(name="A")


class QuoteFrame(Struct, gc=False):
    """Wrap a best bid and ask as the combined stream does (PROTOCOLS 2.1)."""

    data: BookTicker


class DepthUpdate(Struct, gc=False):
    """Hold the levels that changed between two update ids (PROTOCOLS 2.4, book delta).

    `{"e":"depthUpdate","E":1790000000150,"s":"BTCUSDT","U":1001,"u":1005,"b":[["60000.00","0"]],
    "a":[["60000.10","2.5"]]}`
    """

    event: Literal["depthUpdate"] = field(name="e")
    sent_ms: Millis = field(name="E")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")
    bids: list[Level] = field(name="b")
    asks: list[Level] = field(name="a")


class BookFrame(Struct, gc=False):
    """Wrap a book delta as the combined stream does (PROTOCOLS 2.1)."""

    data: DepthUpdate


class DepthIds(Struct, gc=False):
    """Hold only the ids of a book delta, for a reader that does not need its levels (PROTOCOLS 2.4)."""

    event: Literal["depthUpdate"] = field(name="e")
    first_id: Id = field(name="U")
    last_id: Id = field(name="u")


class BookIdsFrame(Struct, gc=False):
    """Wrap the ids of a book delta as the combined stream does (PROTOCOLS 2.1)."""

    data: DepthIds


class BookSnapshot(Struct, gc=False):
    """Hold the body of GET /api/v3/depth, which has no time (PROTOCOLS 2.5.2).

    `{"lastUpdateId":1003,"bids":[["60000.00","3.10"]],"asks":[["60000.10","2.5"]]}`
    """

    last_id: SnapshotUpdateId = field(name="lastUpdateId")
    bids: list[Level]
    asks: list[Level]


class SnapshotId(Struct, gc=False):
    """Hold only the update id of a REST book (PROTOCOLS 2.5.2)."""

    last_id: SnapshotUpdateId = field(name="lastUpdateId")


class Symbol(Struct, gc=False):
    """Hold one entry of exchangeInfo (PROTOCOLS 1.6).

    `{"symbol":"BTCUSDT","status":"TRADING","baseAsset":"BTC","quoteAsset":"USDT",
    "filters":[{"filterType":"LOT_SIZE","stepSize":"0.00001000"}]}`
    """

    symbol: str
    status: str
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    filters: list[Filter]
