"""Wire structs of the Coinbase Exchange feed: what one frame decodes to, and nothing more. PROTOCOLS 6.1.4.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding;
a field that is missing or of another type raises msgspec.ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""An id of the venue; bounded so that it and the one after it fit a column."""


class Match(Struct, gc=False):
    """Hold one fill; `side` is the maker's (PROTOCOLS 1.2). A `last_match` repeats the newest on subscribing.

    `{"type":"match","trade_id":900000001,"maker_order_id":"…","taker_order_id":"…","size":"0.0100",
    "price":"60000.10","product_id":"BTC-USD","sequence":90000000101,"side":"sell",
    "time":"2026-09-21T14:13:20.123456Z"}`
    """

    type: Literal["match", "last_match"]
    trade_id: Number
    price: str
    size: str
    side: Literal["buy", "sell"]
    time: str


class RestTrade(Struct, gc=False):
    """Hold one entry of GET /products/<id>/trades; `side` is the maker's (PROTOCOLS 1.2).

    `{"trade_id":900000001,"side":"sell","size":"0.01000000","price":"60000.10000000",
    "time":"2026-09-21T14:13:20.123456Z"}`
    """

    trade_id: Number
    price: str
    size: str
    side: Literal["buy", "sell"]
    time: str


class Ticker(Struct, gc=False):
    """Hold the best bid and ask at a match (PROTOCOLS 6.1.4, ticker); "" stands for a side without orders.

    `{"type":"ticker","sequence":90000000102,"product_id":"BTC-USD","price":"60000.10",
    "best_bid":"60000.09","best_bid_size":"0.5","best_ask":"60000.10","best_ask_size":"1.1",
    "side":"buy","time":"2026-09-21T14:13:20.123456Z","trade_id":900000001,"last_size":"0.01"}`
    """

    type: Literal["ticker"]
    sequence: Number
    bid_price: str = field(name="best_bid")
    bid_size: str = field(name="best_bid_size")
    ask_price: str = field(name="best_ask")
    ask_size: str = field(name="best_ask_size")
    time: str | None = None


class Change(Struct, gc=False, array_like=True, forbid_unknown_fields=True):
    """Hold one changed level, `["buy","60000.09","0.00000000"]`: `buy` is the bid side, 0 deletes it."""

    side: Literal["buy", "sell"]
    price: str
    size: str


class BookUpdate(Struct, gc=False):
    """Hold the levels that changed within 50 ms (PROTOCOLS 6.1.4, book); `time` may be of the year 1.

    `{"type":"l2update","product_id":"BTC-USD","changes":[["sell","60000.11","2.0"]],
    "time":"2026-09-21T14:13:20.050000Z"}`
    """

    type: Literal["l2update"]
    changes: list[Change]
    time: str | None = None


class Level(Struct, gc=False, array_like=True):
    """Hold one level, `["60000.09","0.50"]`; REST adds the number of orders, which no row needs."""

    price: str
    size: str


class BookSnapshot(Struct, gc=False):
    """Hold a whole book: the first frame of `level2_batch`, or the body of GET /products/<id>/book?level=2.

    `{"type":"snapshot","product_id":"BTC-USD","bids":[["60000.09","0.50"]],"asks":[["60000.10","1.10"]],
    "time":"2026-09-21T14:13:20.000000Z"}`; REST: `{"bids":[["60000.09","0.50",3]],"asks":[["60000.10",
    "1.10",1]],"sequence":90000000103,"time":"2026-09-21T14:13:20.000000Z"}`.
    """

    bids: list[Level]
    asks: list[Level]
    type: Literal["snapshot"] = "snapshot"
    time: str | None = None


class Product(Struct, gc=False):
    """Hold one entry of GET /products (PROTOCOLS 1.6).

    `{"id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","quote_increment":"0.01",
    "base_increment":"0.00000001","status":"online","trading_disabled":false}`
    """

    id: str
    base: str = field(name="base_currency")
    quote: str = field(name="quote_currency")
    quote_increment: str
    base_increment: str
    status: str
    trading_disabled: bool = False
