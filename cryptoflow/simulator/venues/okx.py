"""OKX v5 as simulated: spot, swaps and futures on one host and path. PROTOCOLS 5."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._okx import (
    FOLLOWERS,
    INDEX,
    KINDS,
    LIQUIDATIONS,
    MARKETS,
    TYPES,
    body,
    error,
    follows,
    instrument,
    left_by,
    listed,
    market_of,
    underlying,
    volume,
)
from cryptoflow.simulator.venues._okx_session import OkxSession
from cryptoflow.simulator.venues._okx_voice import OkxVoice
from cryptoflow.simulator.venues._values import Channel, Limits, Listing, Recorded, RestAnswer, RestAsk, Row
from cryptoflow.simulator.venues._venue import Desk, Session, Venue, Voice, World

PUBLIC, BUSINESS = "public", "business"
_OK, _NOT_FOUND, _BUSY, _TOO_MANY = 200, 404, 503, 429
_EXPIRES_MS = 1_893_456_000_000
"""When invented dated contracts end: 2030-01-01."""

_BOOK_LEVELS_MAX, _TRADES_MAX = 400, 100
_LISTS = {"/api/v5/public/instruments": "instruments", "/api/v5/market/tickers": "volumes"}
_BOOKS, _TRADES = "/api/v5/market/books", "/api/v5/market/history-trades"
IDS_SINCE_NS, SUMS_UNTIL_NS = 1_704_067_200_000_000_000, 1_782_172_800_000_000_000
"""2024-01-01 and 2026-06-23: books have ids since the one (!) and sums until the other (PROTOCOLS 5.1)."""

_NAMED = re.compile(rb'"instId":"([^"]+)"')
_BOOKS_FRAME, _ID, _SUM = b'"channel":"books"', b'"seqId"', re.compile(rb'"checksum":-?[1-9]')
_HEAD_MAX_BYTES = 200
_WEIGHT = 2
"""Weight of requests allowed 20 times in 2 s, where books are allowed 40 times."""


class _Arg(msgspec.Struct):
    channel: str
    instrument: str = msgspec.field(name="instId", default="")
    type: str = msgspec.field(name="instType", default="")


class _Told(msgspec.Struct):
    arg: _Arg
    data: list[dict[str, object]]
    action: str = ""


class _Loose(msgspec.Struct):
    """Take any frame of data, and no answer: those have an event."""

    data: msgspec.Raw
    arg: _Arg | None = None


_told = msgspec.json.Decoder(_Told)
_loose = msgspec.json.Decoder(_Loose)


def _id_of(data: Sequence[Mapping[str, object]], name: str) -> int | None:
    found = data[0].get(name) if data else None
    return found if isinstance(found, int) else None


class Okx(Venue):
    """Answer for OKX."""

    exchange = "okx"
    markets = tuple(TYPES)
    prefix = "/okx"
    # PROTOCOLS 5.1; okex.com is how recordings of before 2022 spell it (!).
    hosts = frozenset({
        *("ws.okx.com", "wsaws.okx.com", "wseea.okx.com", "wsus.okx.com", "ws.okex.com", "wsaws.okex.com"),
        *("www.okx.com", "openapi.okx.com", "aws.okx.com", "eea.okx.com", "us.okx.com", "app.okx.com"),
        *("www.okex.com", "aws.okex.com"),
    })  # fmt: skip
    # PROTOCOLS 5.3
    limits = Limits(
        requests_per_hour_max=480, names_max_chars=65_536, subscribe_within_s=30.0, idle_push_s=30.0,
        connects_max=3, connects_window_s=1.0, rest_weight_max=40, rest_window_s=2.0,
    )  # fmt: skip
    # An index and a rate may be negative.
    number_pattern = re.compile(rb'"(?:px|sz|bkPx|markPx|oi|askPx|bidPx)":"[0-9.]+"|\["[0-9.]+","[0-9.]+"')
    field_pattern = re.compile(rb',"ts":"[0-9]+"')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {PUBLIC: "/ws/v5/public", BUSINESS: "/ws/v5/business"}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        paths = {where: name for name, where in self.endpoints("").items()}
        return OkxSession(self, desk, business=paths[path] == BUSINESS) if path in paths else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        # Swaps and futures follow indexes of their own, so that an index is of one market.
        base = f"{'FUT' if market == 'futures' else 'SYM'}{number:04d}"
        decimals, middle = rng.choice((1, 2, 4)), rng.randrange(5_000, 500_000)
        if market == "spot":
            return Listing(
                market=market, symbol=f"{base}-USDT", base=base, quote="USDT", settle="USDT",
                price_decimals=decimals, middle=middle,
            )  # fmt: skip
        inverse = number % 3 == 2  # noqa: PLR2004 - a third is coin-margined
        quote = "USD" if inverse else "USDT"
        suffix, expires_ms = ("SWAP", 0) if market == "swap" else ("300101", _EXPIRES_MS)
        return Listing(
            market=market, symbol=f"{base}-{quote}-{suffix}", base=base, quote=quote,
            settle=base if inverse else quote, kind="perpetual" if market == "swap" else "future",
            price_decimals=decimals, size_decimals=0, contract_value="100" if inverse else "0.01", inverse=inverse,
            expires_ms=expires_ms, middle=middle,
        )  # fmt: skip

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        market, symbol = listing.market, listing.symbol

        def key(channel: str, name: str = symbol) -> str:
            return self.key(market, f"{channel}:{name}")

        found = [
            Channel(key("trades"), ("trades",), symbol),
            Channel(key("bbo-tbt"), ("quotes",), symbol),
            Channel(key("books"), ("book",), symbol, numbered=True, snapshots=True),
        ]
        if market == "spot":
            return found
        # A gap of one of these takes in frames of the others of the same kind: no silence on purpose.
        facts = ["mark-price", "open-interest", *(["funding-rate"] if market == "swap" else [])]
        found += [Channel(key(channel), ("funding",), symbol, watched=False) for channel in facts]
        found.append(Channel(key(INDEX, underlying(listing)), ("funding",), "", watched=False))
        found.append(Channel(key(LIQUIDATIONS, TYPES[market]), ("liquidations",), "", watched=False))
        return found

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return OkxVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        if path in _LISTS:
            market = MARKETS.get(query.get("instType", ""))
            if market is None:
                return error(_OK, "51000", "Parameter instType error")
            return RestAsk(_LISTS[path], market, _WEIGHT)
        if path not in {_BOOKS, _TRADES}:
            return None
        symbol = query.get("instId", "")
        numbers = [query.get(name, default) for name, default in (("sz", "1"), ("limit", "100"), ("before", "-1"))]
        if not symbol or not all(text.removeprefix("-").isdigit() for text in numbers):
            return error(_OK, "51000", "Parameter error")
        levels, limit, before = map(int, numbers)
        if path == _BOOKS:
            return RestAsk("snapshot", market_of(symbol), 1, symbol, min(levels, _BOOK_LEVELS_MAX))
        limit = min(limit, _TRADES_MAX)
        return RestAsk("trades", market_of(symbol), _WEIGHT, symbol, limit, before + 1 if before >= 0 else -1, query)

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        if ask.kind == "trades":
            return body([])
        listings = world.listings(self.full(ask.market))
        if ask.kind == "instruments":
            recorded = world.recorded(self.full(ask.market), ask.kind)
            if recorded and (whole := listed(recorded, listings)):
                return whole
            return body([instrument(listing) for listing in listings])
        return body([volume(listing, number) for number, listing in enumerate(listings, 1)])

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        if status == _NOT_FOUND:
            return error(_OK, "51001", "Instrument ID does not exist")
        if status == _BUSY:
            return error(_OK, "50013", "Systems are busy. Please try again later.")
        return error(status, "50011" if status == _TOO_MANY else "50000", "Too Many Requests")

    @override
    def recorded(self, row: Row) -> Recorded | None:
        if row.ev == "rest":
            market = MARKETS.get(row.url.partition("instType=")[2].partition("&")[0])
            known = market is not None and "/public/instruments" in row.url
            return Recorded(market, row.data, rest="instruments") if known and market else None
        try:
            told = _told.decode(row.data)
        except (msgspec.DecodeError, UnicodeDecodeError):  # answers, pongs
            return None
        channel, name = told.arg.channel, told.arg.instrument
        kind = KINDS.get(channel)
        if kind is None:
            return None
        market = MARKETS.get(told.arg.type, "") if not name else market_of(name)
        if channel == INDEX:
            market = FOLLOWERS[0]
        if not market:
            return None
        key = self.key(market, f"{channel}:{name or told.arg.type}")
        symbol = "" if channel in {INDEX, LIQUIDATIONS} else name
        if kind != "book":
            return Recorded(market, row.data, (key,), (kind,), symbol)
        at, follows = (_id_of(told.data, name) for name in ("seqId", "prevSeqId"))
        whole = told.action == "snapshot"
        return Recorded(
            market, row.data, (key,), (kind,), symbol, numbered=at is not None, snapshots=True,
            whole=whole, follows=None if whole else follows, at=at,
        )  # fmt: skip

    @override
    def reader(self, rows: Sequence[Row] = ()) -> Callable[[Row], Recorded | None]:
        contracts = {name.decode() for row in rows for name in _NAMED.findall(row.data[:_HEAD_MAX_BYTES])}

        def read(row: Row) -> Recorded | None:
            found = None if row.ev == "send" else self.recorded(row)
            if found is None or found.rest or f" {INDEX}:" not in found.keys[0]:
                return found
            index = found.keys[0].rpartition(":")[2]
            markets = {market_of(name) for name in contracts if follows(name, index)}
            market = next((one for one in FOLLOWERS if one in markets), found.market)
            return replace(found, market=market, keys=(self.key(market, f"{INDEX}:{index}"),))

        return read

    @override
    def unused_frame(self, row: Row) -> str:
        arg = _loose.decode(row.data).arg
        return f"{arg.channel}:{arg.instrument or arg.type}" if arg else ""

    @override
    def spoken_ns(self, received_ns: int, frames: Sequence[bytes]) -> int:
        # A recording whose times were moved is still read as its books speak (PROTOCOLS 5.1, 5.5.7).
        books = [frame for frame in frames if _BOOKS_FRAME in frame[:_HEAD_MAX_BYTES]]
        if not books:
            return received_ns
        if not any(_ID in frame for frame in books):
            return min(received_ns, IDS_SINCE_NS - 1)
        is_summed = any(_SUM.search(frame) for frame in books)
        return min(received_ns, SUMS_UNTIL_NS - 1) if is_summed else max(received_ns, SUMS_UNTIL_NS)

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        base, quote, *rest = symbol.split("-")
        inverse = market != "spot" and quote == "USD"
        expires_ms = 0
        if market == "futures":
            ends = datetime.strptime(rest[-1], "%y%m%d").replace(tzinfo=UTC)
            expires_ms = (ends - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
        return Listing(
            market=market, symbol=symbol, base=base, quote=quote, settle=base if inverse else quote,
            kind={"spot": "spot", "swap": "perpetual"}.get(market, "future"), price_decimals=8, size_decimals=8,
            contract_value="" if market == "spot" else "100" if inverse else "0.01", inverse=inverse,
            expires_ms=expires_ms,
        )  # fmt: skip

    @override
    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        return left_by(frames)


VENUE = Okx()
