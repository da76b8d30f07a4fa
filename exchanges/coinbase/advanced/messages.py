"""Wire structs of Coinbase Advanced Trade: what one frame decodes to, and nothing more. PROTOCOLS 6.2.4.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding;
a field that is missing or of another type raises msgspec.ValidationError, a ValueError.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Number = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""A count of the venue; bounded so that it and the one after it fit a column."""

TradeId = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]{0,17})\Z")]
"""An id sent as text: digits without leading zeros, so that text and number say the same."""


class Level(Struct, gc=False):
    """Hold one level; `offer` is the ask side, a quantity of 0 deletes it.

    `{"side":"offer","event_time":"2026-09-21T14:13:20.990000Z","price_level":"60000.10","new_quantity":"0"}`
    """

    side: Literal["bid", "offer"]
    event_time: str
    price: str = field(name="price_level")
    size: str = field(name="new_quantity")


class BookUpdate(Struct, gc=False):
    """Hold the levels of one product that changed.

    `{"type":"update","product_id":"BTC-USD","updates":[{…}]}`
    """

    type: Literal["update"]
    product_id: str
    updates: list[Level]


class BookFrame(Struct, gc=False):
    """Wrap updates of one product's book (PROTOCOLS 6.2.4, book).

    `{"channel":"l2_data","timestamp":"2026-09-21T14:13:21.000000001Z","sequence_num":7,"events":[{…}]}`
    """

    channel: Literal["l2_data"]
    sequence_num: Number
    events: Annotated[list[BookUpdate], Meta(min_length=1)]


class BookSnapshot(Struct, gc=False):
    """Hold all levels of one product: `{"type":"snapshot","product_id":"BTC-USD","updates":[{…}]}`."""

    type: Literal["snapshot"]
    product_id: str
    updates: list[Level]


class BookSnapshotFrame(Struct, gc=False):
    """Wrap the snapshot that a subscription begins with (PROTOCOLS 6.2.4, book); several MB long.

    `{"channel":"l2_data","timestamp":"2026-09-21T14:13:20.500000001Z","sequence_num":6,"events":[{…}]}`
    """

    channel: Literal["l2_data"]
    sequence_num: Number
    events: Annotated[list[BookSnapshot], Meta(min_length=1)]


class Trade(Struct, gc=False):
    """Hold one fill; `side` is the maker's (PROTOCOLS 1.2).

    `{"trade_id":"900000002","product_id":"BTC-USD","price":"60000.10","size":"0.01","side":"SELL",
    "time":"2026-09-21T14:13:21.120000Z"}`
    """

    trade_id: TradeId
    product_id: str
    price: str
    size: str
    side: Literal["BUY", "SELL"]
    time: str


class TradesEvent(Struct, gc=False):
    """Hold trades, newest first; a `snapshot` repeats older ones when a product is subscribed.

    `{"type":"update","trades":[{…}]}`
    """

    type: Literal["snapshot", "update"]
    trades: list[Trade]


class TradeFrame(Struct, gc=False):
    """Wrap trades of one product (PROTOCOLS 6.2.4, trade).

    `{"channel":"market_trades","timestamp":"2026-09-21T14:13:21.250000001Z","sequence_num":9,"events":[{…}]}`
    """

    channel: Literal["market_trades"]
    sequence_num: Number
    events: list[TradesEvent]


class Ticker(Struct, gc=False):
    """Hold the best bid and ask at a match; "" stands for a side without orders.

    `{"type":"ticker","product_id":"BTC-USD","price":"60000.10","best_bid":"60000.09",
    "best_bid_quantity":"0.5","best_ask":"60000.10","best_ask_quantity":"1.1"}`
    """

    product_id: str
    bid_price: str = field(name="best_bid")
    bid_size: str = field(name="best_bid_quantity")
    ask_price: str = field(name="best_ask")
    ask_size: str = field(name="best_ask_quantity")


class TickersEvent(Struct, gc=False):
    """Hold tickers: `{"type":"update","tickers":[{…}]}`."""

    type: Literal["snapshot", "update"]
    tickers: list[Ticker]


class QuoteFrame(Struct, gc=False):
    """Wrap the ticker of one product; the envelope has the only time (PROTOCOLS 1.5, 6.2.4, ticker).

    `{"channel":"ticker","timestamp":"2026-09-21T14:13:21.300000001Z","sequence_num":11,"events":[{…}]}`
    """

    channel: Literal["ticker"]
    timestamp: str
    sequence_num: Number
    events: list[TickersEvent]


class Product(Struct, gc=False):
    """Hold one entry of GET /market/products (PROTOCOLS 1.6, 6.2.6).

    `{"product_id":"BTC-USDC","price":"60000.1","base_increment":"0.00000001","quote_increment":"0.01",
    "status":"online","is_disabled":false,"trading_disabled":false,"product_type":"SPOT",
    "quote_currency_id":"USDC","base_currency_id":"BTC","alias":"BTC-USD","alias_to":[],
    "price_increment":"0.01","approximate_quote_24h_volume":"186000000.25"}`
    """

    product_id: str
    product_type: str
    base: str = field(name="base_currency_id")
    quote: str = field(name="quote_currency_id")
    status: str
    base_increment: str
    quote_increment: str
    price_increment: str = ""
    is_disabled: bool = False
    trading_disabled: bool = False
    alias: str = ""
