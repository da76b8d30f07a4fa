"""Bybit v5 as simulated: spot and linear contracts on one host. PROTOCOLS 4."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from urllib.parse import parse_qs, urlsplit

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._bybit import (
    KINDS,
    LINEAR,
    LIQUIDATIONS,
    PAGE_MAX,
    QUOTES,
    SPOT,
    TICKERS,
    TRADES,
    body,
    chain_of,
    error,
    instrument,
    left_by,
    listed,
    listing_of,
    page,
    split,
    volume,
)
from cryptoflow.simulator.venues._bybit_session import BybitSession
from cryptoflow.simulator.venues._bybit_voice import BybitVoice
from cryptoflow.simulator.venues._values import Channel, Limits, Listing, Recorded, RestAnswer, RestAsk, Row
from cryptoflow.simulator.venues._venue import Desk, Session, Venue, Voice, World

PUBLIC = "public"
BOOK_SHOWN = "orderbook.200"
"""The depth a generated run expects to be asked for."""

_NOT_FOUND, _FORBIDDEN, _BUSY = 404, 403, 503
_EXPIRES_MS = 1_893_456_000_000
"""When invented dated contracts end: 2030-01-01."""

_INSTRUMENTS = "/v5/market/instruments-info"
_LISTS = {_INSTRUMENTS: "instruments", "/v5/market/tickers": "volumes"}
_BOOK = "/v5/market/orderbook"
_TICKER, _ORDERBOOK, _BEST = b'{"topic":"tickers.', b'{"topic":"orderbook.', b'{"topic":"orderbook.1.'
_FACT = re.compile(rb'"(?:markPrice|indexPrice|openInterest|fundingRate|nextFundingTime|fundingIntervalHour)":"[^"]')
_WHOLE = re.compile(rb'"type":"snapshot"|"u":1,')
_CURSOR = re.compile(r"(first=\d{1,9})?")


class _Told(msgspec.Struct):
    topic: str = ""


_told = msgspec.json.Decoder(_Told)


class Bybit(Venue):
    """Answer for Bybit."""

    exchange = "bybit"
    markets = (SPOT, LINEAR)
    prefix = "/bybit"
    # PROTOCOLS 4.1: regional hosts exist.
    hosts = frozenset({
        f"{name}.{host}"
        for name in ("stream", "api", "stream-testnet", "api-testnet")
        for host in (
            "bybit.com", "bytick.com", "bybit.eu", "bybit.kz", "bybit.nl", "bybit.id", "bybit-tr.com",
            "bybitgeorgia.ge",
        )
    })  # fmt: skip
    # PROTOCOLS 4.3; topics of one request are the session's business, because only spot limits them.
    limits = Limits(
        names_max_chars=21_000, client_silence_s=600.0, connects_max=500, connects_window_s=300.0,
        rest_weight_max=600, rest_window_s=5.0, rest_over_status=_FORBIDDEN,
    )  # fmt: skip
    unable = MappingProxyType({"notice": "it announces nothing"})
    number_pattern = re.compile(rb'"(?:p|v|markPrice|openInterest)":"[0-9.]+"|\["[0-9.]+","[0-9.]+"')
    field_pattern = re.compile(rb',"v":"[^"]*"|,"u":[0-9]+|,"ts":[0-9]+(?=\}$)')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {PUBLIC: f"/v5/public/{market}"}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        market = _market_of(path)
        return BybitSession(self, desk, market) if market else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        base = f"SYM{number:04d}"
        decimals, middle = rng.choice((1, 2, 4)), rng.randrange(5_000, 500_000)
        if market == SPOT:
            return Listing(
                market=market, symbol=f"{base}USDT", base=base, quote="USDT", settle="USDT",
                price_decimals=decimals, size_decimals=6, middle=middle,
            )  # fmt: skip
        # A third each: USDT contracts, USDC contracts, dated contracts.
        quote = "USDC" if number % 3 == 2 else "USDT"  # noqa: PLR2004 - as said
        dated = not number % 3
        symbol = f"{base}PERP" if quote == "USDC" else f"{base}USDT-01JAN30" if dated else f"{base}USDT"
        return Listing(
            market=market, symbol=symbol, base=base, quote=quote, settle=quote, kind="future" if dated else "perpetual",
            price_decimals=decimals, expires_ms=_EXPIRES_MS if dated else 0, middle=middle,
        )  # fmt: skip

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        market, symbol = listing.market, listing.symbol

        def key(channel: str) -> str:
            return self.key(market, f"{channel}.{symbol}")

        found = [
            Channel(key(TRADES), ("trades",), symbol),
            Channel(key(QUOTES), ("quotes",), symbol, periodic=True),
            Channel(key(BOOK_SHOWN), ("book",), symbol, numbered=True, snapshots=True),
        ]
        if market == LINEAR:
            found.append(Channel(key(TICKERS), ("funding",), symbol))
            found.append(Channel(key(LIQUIDATIONS), ("liquidations",), symbol, watched=False))
        return found

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return BybitVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        if path != _BOOK and path not in _LISTS:
            return None
        market, limit, symbol = query.get("category", ""), query.get("limit", "0"), query.get("symbol", "")
        if market not in self.markets:
            return error(10001, "params error: Category is invalid")
        if not limit.isdecimal() or (path == _BOOK and not symbol) or not _CURSOR.fullmatch(query.get("cursor", "")):
            return error(10001, "params error: limit, symbol or cursor is invalid")
        kind = _LISTS.get(path, "snapshot")
        return RestAsk(kind, market, 1, symbol, min(int(limit) or PAGE_MAX, PAGE_MAX), query=query)

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        listings = world.listings(self.full(ask.market))
        if ask.kind == "instruments":
            recorded = world.recorded(self.full(ask.market), ask.kind)
            if recorded and (whole := listed(recorded, listings)):
                return whole
            entries = [instrument(listing) for listing in listings]
            # PROTOCOLS 1.6: contracts come in pages.
            limit = ask.limit if ask.market == LINEAR else len(entries)
            return page(ask.market, entries, limit, ask.query.get("cursor", ""))
        volumes = [volume(listing, number) for number, listing in enumerate(listings, 1)]
        return body({"category": ask.market, "list": volumes})

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        if status == _NOT_FOUND:
            return error(10001, "params error: symbol invalid")
        if status == _FORBIDDEN:
            # PROTOCOLS 4.3: no JSON, no Retry-After, and ten minutes of rest are expected.
            return RestAnswer(_FORBIDDEN, b"access too frequent")
        if status == _BUSY:
            return error(10016, "Internal System Error", _BUSY)
        return error(10006, "Too many visits!")

    @override
    def recorded(self, row: Row) -> Recorded | None:
        url = urlsplit(row.url)
        if row.ev == "rest":
            market = parse_qs(url.query).get("category", [""])[0]
            known = url.path == _INSTRUMENTS and market in self.markets
            return Recorded(market, row.data, rest="instruments") if known else None
        market = _market_of(url.path)
        try:
            topic = _told.decode(row.data).topic
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        channel, symbol = split(topic)
        kind = KINDS[market].get(channel) if market else None
        if kind is None:  # answers, klines, the tickers of spot
            return None
        key = self.key(market, topic)
        if kind != "book":
            return Recorded(market, row.data, (key,), (kind,), symbol)
        whole, at = chain_of(row.data)
        follows = None if whole or at is None else at - 1
        return Recorded(
            market, row.data, (key,), (kind,), symbol,
            numbered=True, snapshots=True, whole=whole, follows=follows, at=at,
        )  # fmt: skip

    @override
    def unused_frame(self, row: Row) -> str:
        topic = _told.decode(row.data).topic
        return f"{urlsplit(row.url).path.rpartition('/')[2]} {topic}" if topic else ""

    @override
    def spares(self, payload: bytes) -> bool:
        # A book told whole tells nothing of what came before it; a ticker without facts is no row.
        if payload.startswith(_TICKER):
            return _FACT.search(payload) is None
        is_book = payload.startswith(_ORDERBOOK) and not payload.startswith(_BEST)
        return is_book and _WHOLE.search(payload) is not None

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        return listing_of(market, symbol)

    @override
    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        return left_by(frames)


def _market_of(path: str) -> str:
    """Return the market of a socket's path; "" where there is none."""
    return next((market for market in (SPOT, LINEAR) if path == f"/v5/public/{market}"), "")


VENUE = Bybit()
