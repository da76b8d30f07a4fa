"""Wire structs of Kraken spot, WebSocket v2: what one frame decodes to, and nothing more.

Payload examples are invented. Numbers are JSON numbers and stay the text they were sent as: their
trailing zeros would be lost in a float, small ones come in scientific notation (PROTOCOLS 7.1.6).
A text that is no number fails when its column is cast. Fields that no row needs are skipped.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct, field

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""An id of the venue; bounded so that it and the one after it fit a column; never the -1 that means absent."""

Checksum = Annotated[int, Meta(ge=0, le=2**32 - 1)]
"""An unsigned CRC32 (PROTOCOLS 7.1.5)."""

Symbol = Annotated[str, Meta(min_length=1)]


class Level(Struct, gc=False):
    """Hold one level, `{"price":60000.2,"qty":1.25000000}`; a quantity of 0 deletes it (PROTOCOLS 7.1.5.3)."""

    price: Raw
    size: Raw = field(name="qty")


class Book(Struct, gc=False):
    """Hold the levels of one symbol (PROTOCOLS 7.1.4, book); the checksum may be missing (7.1.5.5).

    `{"symbol":"BTC/USD","bids":[{"price":60000.0,"qty":0.0}],"asks":[{"price":60000.2,"qty":1.25000000}],
    "checksum":3873380487,"timestamp":"2026-09-21T14:13:20.200000Z"}`
    """

    symbol: Symbol
    bids: list[Level] = []
    asks: list[Level] = []
    checksum: Checksum | None = None
    timestamp: str | None = None


Books = Annotated[list[Book], Meta(min_length=1, max_length=1)]
"""`data` of a book frame has exactly one element (PROTOCOLS 7.1.4)."""


class BookUpdate(Struct, gc=False):
    """Wrap changed levels: `{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[]}]}`."""

    channel: Literal["book"]
    type: Literal["update"]
    data: Books


class BookSnapshot(Struct, gc=False):
    """Wrap a whole book: `{"channel":"book","type":"snapshot","data":[{"symbol":"BTC/USD","bids":[],"asks":[]}]}`."""

    channel: Literal["book"]
    type: Literal["snapshot"]
    data: Books


class BookHead(Struct, gc=False):
    """Hold only what kind of book frame it is."""

    channel: Literal["book"]
    type: Literal["update", "snapshot"]


class Trade(Struct, gc=False):
    """Hold one fill (PROTOCOLS 7.1.4, trade); ids are sequential per symbol, the side is the taker's.

    `{"symbol":"BTC/USD","side":"buy","price":60000.1,"qty":0.01000000,"ord_type":"market",
    "trade_id":80000001,"timestamp":"2026-09-21T14:13:20.123456Z"}`
    """

    symbol: Symbol
    side: Literal["buy", "sell"]
    price: Raw
    size: Raw = field(name="qty")
    id: Id = field(name="trade_id")
    timestamp: str


class TradeFrame(Struct, gc=False):
    """Wrap fills of one symbol: `{"channel":"trade","type":"update","data":[]}`; a snapshot repeats the last 50."""

    channel: Literal["trade"]
    type: Literal["update", "snapshot"]
    data: list[Trade]


class Ticker(Struct, gc=False):
    """Hold the best bid and ask after a change (PROTOCOLS 7.1.4, ticker); `timestamp` is a newer field.

    `{"symbol":"BTC/USD","bid":60000.0,"bid_qty":1.2,"ask":60000.1,"ask_qty":0.4,"last":60000.1,
    "timestamp":"2026-09-21T14:13:20.123456Z"}`
    """

    symbol: Symbol
    bid_price: Raw = field(name="bid")
    bid_size: Raw = field(name="bid_qty")
    ask_price: Raw = field(name="ask")
    ask_size: Raw = field(name="ask_qty")
    timestamp: str | None = None


class QuoteFrame(Struct, gc=False):
    """Wrap tickers of one symbol: `{"channel":"ticker","type":"update","data":[]}`."""

    channel: Literal["ticker"]
    type: Literal["update", "snapshot"]
    data: list[Ticker]


class RestTrade(Struct, gc=False, array_like=True):
    """Hold one fill of GET /0/public/Trades, with its price, size, time, side, order type, remark and id.

    `["60000.10000","0.01000000",1790000000.1234567,"b","m","",80000001]`
    """

    price: str
    size: str
    time: Raw
    side: Literal["b", "s"]
    ord_type: str
    remark: str
    id: Id


class AssetPair(Struct, gc=False):
    """Hold one entry of GET /0/public/AssetPairs (PROTOCOLS 1.6, 7.1.6).

    `{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,
    "lot_decimals":8,"tick_size":"0.1","status":"online"}`
    """

    name: str = field(name="wsname")
    price_decimals: Annotated[int, Meta(ge=0, le=18)] = field(name="pair_decimals")
    size_decimals: Annotated[int, Meta(ge=0, le=18)] = field(name="lot_decimals")
    status: str = "online"
    tick_size: str | None = None
