"""Wire structs of OKX v5: what one frame or body decodes to, and nothing more.

Payload examples are invented. Fields that no row needs are left out and skipped while decoding; a
field that is missing or of another type raises msgspec.ValidationError, a ValueError. Numbers are
texts on the wire; only the sequence ids and the checksum are JSON numbers (PROTOCOLS 5.4).
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Id = Annotated[int, Meta(ge=0, le=2**63 - 2)]
"""A sequence id: up to 16 digits, never a float; bounded so that it and the one after it fit a column."""

Millis = Annotated[str, Meta(min_length=1, max_length=13)]
"""Milliseconds since the epoch as text; the parsers check that they are digits."""

Count = Annotated[str, Meta(min_length=1, max_length=9)]

Checksum = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""A signed CRC32 (PROTOCOLS 5.5.7)."""


class Arg(Struct, gc=False):
    """Name the subscription a frame came on: `{"channel":"books","instId":"BTC-USDT-SWAP"}`."""

    channel: str
    instrument: str = field(name="instId", default="")
    instrument_type: str = field(name="instType", default="")


class Level(Struct, gc=False, array_like=True):
    """Hold one level, `["60000.0","91","0","7"]`; a size of 0 deletes it.

    The third place is deprecated, the fourth counts orders; neither is a column (PROTOCOLS 5.4).
    """

    price: str
    size: str


class Trade(Struct, gc=False):
    """Hold fills of one taker order at one price, or one fill of `trades-all` or of REST (PROTOCOLS 5.4).

    `{"instId":"BTC-USDT-SWAP","tradeId":"130639474","px":"60000.1","sz":"12","side":"buy",
    "ts":"1790000000305","count":"3","source":"0","seqId":1234567}`; `count`, `source` and `seqId`
    were not sent in 2022.
    """

    id: str = field(name="tradeId")
    price: str = field(name="px")
    size: str = field(name="sz")
    side: Literal["buy", "sell"]
    traded_ms: Millis = field(name="ts")
    count: Count | None = None


class TradeFrame(Struct, gc=False):
    """Wrap trades: `{"arg":{"channel":"trades",…},"data":[{…}]}`."""

    arg: Arg
    data: list[Trade]


class Quote(Struct, gc=False):
    """Hold the best bid and ask of either quotes channel (PROTOCOLS 5.4, BBO and ticker).

    `bbo-tbt`: `{"asks":[["60000.1","77","0","4"]],"bids":[],"ts":"1790000000310","seqId":9000001}`;
    `tickers`: `{"instId":"BTC-USDT","last":"60000","askPx":"60000.1","askSz":"7","bidPx":"",
    "bidSz":"","ts":"1790000000310"}`. A side may be empty, "" or 0.
    """

    changed_ms: Millis = field(name="ts")
    update_id: Id | None = field(name="seqId", default=None)
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    bid_price: str | None = field(name="bidPx", default=None)
    bid_size: str | None = field(name="bidSz", default=None)
    ask_price: str | None = field(name="askPx", default=None)
    ask_size: str | None = field(name="askSz", default=None)


class QuoteFrame(Struct, gc=False):
    """Wrap quotes: `{"arg":{"channel":"bbo-tbt",…},"data":[{…}]}`."""

    arg: Arg
    data: list[Quote]


class Book(Struct, gc=False):
    """Hold the levels that changed from `prevSeqId` to `seqId`, or the whole book at `seqId` (PROTOCOLS 5.4).

    `{"asks":[["60000.2","0","0","0"]],"bids":[["60000.0","91","0","7"]],"ts":"1790000000400",
    "checksum":0,"prevSeqId":9000001,"seqId":9000007}`
    """

    bids: list[Level]
    asks: list[Level]
    changed_ms: Millis = field(name="ts")
    last_id: Id = field(name="seqId")
    checksum: Checksum | None = None


class Update(Book, gc=False, kw_only=True):
    """Hold an update, which names its predecessor."""

    prev_id: Id = field(name="prevSeqId")


class BookFrame(Struct, gc=False):
    """Wrap an update: `{"arg":{"channel":"books",…},"action":"update","data":[{…}]}`."""

    action: Literal["update"]
    data: Annotated[list[Update], Meta(min_length=1, max_length=1)]


class SnapshotFrame(Struct, gc=False):
    """Wrap a whole book: a frame with `"action":"snapshot"`, or the body of GET /api/v5/market/books.

    `{"code":"0","msg":"","data":[{"asks":[…],"bids":[…],"ts":"1790000000390","seqId":9000001}]}`
    """

    data: Annotated[list[Book], Meta(min_length=1, max_length=1)]
    action: Literal["snapshot"] = "snapshot"


class Ids(Struct, gc=False):
    """Hold only the ids of a book, for a reader that does not need its levels; -1 where absent."""

    last_id: Id = field(name="seqId")
    prev_id: int = field(name="prevSeqId", default=-1)


class IdsFrame(Struct, gc=False):
    """Wrap the ids of a book frame or body."""

    data: Annotated[list[Ids], Meta(min_length=1, max_length=1)]
    action: Literal["snapshot", "update"] | None = None


class Fact(Struct, gc=False):
    """Hold an update of funding, mark price, open interest or index; which keys stand there the channel says.

    `funding-rate`: `{"instType":"SWAP","instId":"BTC-USDT-SWAP","fundingRate":"0.0001",
    "fundingTime":"1790006400000","nextFundingTime":"1790035200000","ts":"1790000010000"}`;
    `mark-price`: `{…,"markPx":"60000.5","ts":…}`; `open-interest`: `{…,"oi":"5000","oiCcy":"50","ts":…}`;
    `index-tickers`: `{"instId":"BTC-USDT","idxPx":"60001.2",…,"ts":…}` (PROTOCOLS 5.4).
    """

    sent_ms: Millis = field(name="ts")
    funding_rate: str | None = field(name="fundingRate", default=None)
    funding_ms: str | None = field(name="fundingTime", default=None)
    next_funding_ms: str | None = field(name="nextFundingTime", default=None)
    mark_price: str | None = field(name="markPx", default=None)
    open_interest: str | None = field(name="oi", default=None)
    index_price: str | None = field(name="idxPx", default=None)


class FactFrame(Struct, gc=False):
    """Wrap facts: `{"arg":{"channel":"mark-price",…},"data":[{…}]}`."""

    arg: Arg
    data: list[Fact]


class LiquidationDetail(Struct, gc=False):
    """Hold one liquidation; `bkPx` is the bankruptcy price (PROTOCOLS 5.4).

    `{"side":"sell","posSide":"long","bkPx":"58000.0","sz":"13","bkLoss":"0","ccy":"","ts":"1790000011000"}`
    """

    side: Literal["buy", "sell"]
    position: str = field(name="posSide")
    price: str = field(name="bkPx")
    size: str = field(name="sz")
    traded_ms: Millis = field(name="ts")


class Liquidations(Struct, gc=False):
    """Hold the liquidations of one instrument: `{"instId":"BTC-USDT-SWAP","details":[{…}]}`."""

    details: list[LiquidationDetail]


class LiquidationFrame(Struct, gc=False):
    """Wrap liquidations: `{"arg":{"channel":"liquidation-orders","instType":"SWAP"},"data":[{…}]}`."""

    data: list[Liquidations]


class Instrument(Struct, gc=False):
    """Hold one entry of GET /api/v5/public/instruments (PROTOCOLS 1.6).

    `{"instType":"FUTURES","instId":"BTC-USD-261225","uly":"BTC-USD","instFamily":"BTC-USD","baseCcy":"",
    "quoteCcy":"","settleCcy":"BTC","ctVal":"100","ctMult":"1","ctValCcy":"USD","ctType":"inverse",
    "expTime":"1798185600000","lotSz":"1","tickSz":"0.1","state":"live"}`
    """

    kind: str = field(name="instType")
    id: str = field(name="instId")
    state: str
    base: str = field(name="baseCcy", default="")
    quote: str = field(name="quoteCcy", default="")
    settle: str = field(name="settleCcy", default="")
    underlying: str = field(name="uly", default="")
    contract_type: str = field(name="ctType", default="")
    contract_value: str = field(name="ctVal", default="")
    contract_multiplier: str = field(name="ctMult", default="")
    contract_currency: str = field(name="ctValCcy", default="")
    expires_ms: str = field(name="expTime", default="")
    tick_size: str = field(name="tickSz", default="")
    step_size: str = field(name="lotSz", default="")
