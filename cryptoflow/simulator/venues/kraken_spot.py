"""Kraken spot, WebSocket v2, as simulated. PROTOCOLS 7.1."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence

import msgspec
from typing_extensions import override

from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._kraken import levels_text, size_text, stamp
from cryptoflow.simulator.venues._kraken_book import ShownBook, ToldBook
from cryptoflow.simulator.venues._kraken_recorded import Reader, listed, miscounted, unused
from cryptoflow.simulator.venues._kraken_session import DEPTHS, MARKET, SpotSession
from cryptoflow.simulator.venues._values import (
    Channel,
    Fill,
    Frame,
    Limits,
    Listing,
    Recorded,
    RestAnswer,
    RestAsk,
    Row,
)
from cryptoflow.simulator.venues._venue import Desk, Session, Venue, Voice, World

DEPTH_SHOWN = 100
"""The depth a generated run expects to be asked for."""

THIN_LEVELS = 4
_THIN_EVERY = 5
_TRADES_MAX = 1000
_OK, _NOT_FOUND = 200, 404
_FORMER = {"BTC": "XBT", "DOGE": "XDG"}


class SpotVoice(Voice):
    """Write v2 frames (PROTOCOLS 7.1.4)."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare keys, the symbol's text and what subscribers of each depth hold."""
        super().__init__(venue, model, keys)
        self._symbol = model.name.encode()
        self._keys = {key.partition(" ")[2].partition(":")[0]: key for key in keys}
        self._books = {
            key: ShownBook(model, int(channel.partition("@")[2]))
            for channel, key in self._keys.items()
            if channel.startswith("book@")
        }
        digits = re.sub(r"\D", "", model.name) or "0"
        self._thin = int(digits) % _THIN_EVERY == 0

    @override
    def trade(self, fill: Fill, out: list[Frame]) -> None:
        key = self._keys.get("trade")
        if key is None:
            return
        model, side, at = self.model, b"sell" if fill.taker_sells else b"buy", stamp(fill.at_ms, 123)
        entries = [
            b'{"symbol":"%b","side":"%b","price":%b,"qty":%b,"ord_type":"market","trade_id":%d,"timestamp":"%b"}'
            % (self._symbol, side, model.price(fill.ticks), size_text(model, size), number, at)
            for number, size in fill.parts()
        ]
        out.append((key, b'{"channel":"trade","type":"update","data":[%b]}' % b",".join(entries)))

    @override
    def quote(self, now_ms: int, out: list[Frame]) -> None:
        key = self._keys.get("ticker")
        if key is not None:
            out.append((key, self._ticker(b"update", now_ms)))

    def _ticker(self, form: bytes, now_ms: int) -> bytes:
        model = self.model
        bid, ask = model.best
        sizes = [size_text(model, model.books[side][ticks]) for side, ticks in enumerate(model.best)]
        return (
            b'{"channel":"ticker","type":"%b","data":[{"symbol":"%b","bid":%b,"bid_qty":%b,"ask":%b,"ask_qty":%b,'
            b'"last":%b,"timestamp":"%b"}]}'
            % (
                form, self._symbol, model.price(bid), sizes[0], model.price(ask), sizes[1],
                model.price(bid), stamp(now_ms),
            )
        )  # fmt: skip

    @override
    def depth(self, now_ms: int, out: list[Frame]) -> None:
        for key, book in self._books.items():
            bids, asks = (levels_text(self.model, changes) for changes in book.move())
            text = (
                b'{"channel":"book","type":"update","data":[{"symbol":"%b","bids":[%b],"asks":[%b],'
                b'"checksum":%d,"timestamp":"%b"}]}' % (self._symbol, bids, asks, book.checksum(), stamp(now_ms, 7))
            )
            out.append((key, text))

    @override
    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        if key == self._keys.get("ticker"):
            return [self._ticker(b"snapshot", now_ms)]
        book = self._books.get(key)
        if book is None:
            return ()
        full = self._snapshot(book, None, b',"checksum":%d' % book.checksum())
        # PROTOCOLS 7.1.5.5 (!): a thin snapshot without a checksum came before the full one.
        return [self._snapshot(book, THIN_LEVELS, b""), full] if self._thin else [full]

    def _snapshot(self, book: ShownBook, count: int | None, tail: bytes) -> bytes:
        bids, asks = (levels_text(self.model, book.levels(side, count)) for side in (0, 1))
        return b'{"channel":"book","type":"snapshot","data":[{"symbol":"%b","bids":[%b],"asks":[%b]%b}]}' % (
            self._symbol, bids, asks, tail,
        )  # fmt: skip

    @override
    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes:
        model = self.model
        trades = [
            b'["%b","%b",%d.%03d123,"%b","m","",%d]'
            % (
                model.price(fill.ticks), model.size(size), *divmod(fill.at_ms, 1000),
                b"s" if fill.taker_sells else b"b", number,
            )
            for fill in fills
            for number, size in fill.parts()
        ]  # fmt: skip
        name = model.name.replace("/", "").encode()
        return b'{"error":[],"result":{"%b":[%b],"last":"0"}}' % (name, b",".join(trades[-(limit or _TRADES_MAX) :]))


class KrakenSpot(Venue):
    """Answer for Kraken spot."""

    exchange = "kraken"
    markets = (MARKET,)
    prefix = "/kraken/spot"
    hosts = frozenset({"ws.kraken.com", "beta-ws.kraken.com", "api.kraken.com"})
    orders_books = False
    # PROTOCOLS 7.1.3; the REST rate (!) is about one a second.
    limits = Limits(
        messages_max=20, connects_max=150, connects_window_s=600.0, client_silence_s=60.0,
        rest_weight_max=30, rest_window_s=15.0, rest_over_status=_OK,
    )  # fmt: skip
    number_pattern = re.compile(rb'"(?:price|qty|bid|ask|bid_qty|ask_qty)":-?[0-9.]+(?:e-?[0-9]+)?')
    field_pattern = re.compile(rb',"(?:qty|ask_qty|trade_id)":[^,}]+')

    @override
    def endpoints(self, market: str) -> Mapping[str, str]:
        return {"v2": "/v2"}

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        return SpotSession(self, desk) if path == "/v2" else None

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        base = f"SYM{number:04d}"
        return Listing(
            market=market, symbol=f"{base}/USD", base=base, quote="USD", settle="USD", size_decimals=8,
            price_decimals=rng.choice((1, 2, 5)), middle=rng.randrange(5_000, 500_000),
        )  # fmt: skip

    @override
    def channels(self, listing: Listing) -> Sequence[Channel]:
        symbol = listing.symbol
        return [
            Channel(self.key(MARKET, f"trade:{symbol}"), ("trades",), symbol, numbered=True),
            Channel(self.key(MARKET, f"ticker:{symbol}"), ("quotes",), symbol),
            Channel(self.key(MARKET, f"book@{DEPTH_SHOWN}:{symbol}"), ("book",), symbol, numbered=True, snapshots=True),
        ]

    @override
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        return SpotVoice(self, model, keys)

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        kinds = {"AssetPairs": "instruments", "Ticker": "volumes", "Trades": "trades", "SystemStatus": "status"}
        kind = kinds.get(path.removeprefix("/0/public/"))
        if kind is None or not path.startswith("/0/public/"):
            return None
        return RestAsk(kind, MARKET, 1, query.get("pair", ""), int(query.get("count", _TRADES_MAX)), query=query)

    @override
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        listings = world.listings(self.full(MARKET))
        if ask.kind == "instruments":
            recorded = world.recorded(self.full(MARKET), ask.kind)
            whole = listed(recorded, {one.symbol: _pair(one) for one in listings})
            return whole or _result({_rest_name(one): _pair(one) for one in listings})
        if ask.kind == "volumes":
            return _result({one.symbol: _ticker(number) for number, one in enumerate(listings, 1)})
        if ask.kind == "status":
            return _result({"status": "online", "timestamp": stamp(world.now_ms).decode()})
        return None

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        if status == _NOT_FOUND:
            return RestAnswer(_OK, b'{"error":["EQuery:Unknown asset pair"]}')
        if status == _OK:
            return RestAnswer(_OK, b'{"error":["EAPI:Rate limit exceeded"]}')  # PROTOCOLS 7.1.3: with HTTP 200
        return RestAnswer(status, b'{"error":["EService:Unavailable"]}', {"Retry-After": str(wait_s)} if wait_s else {})

    @override
    def recorded(self, row: Row) -> Recorded | None:
        return self.reader()(row)

    @override
    def reader(self, rows: Sequence[Row] = ()) -> Callable[[Row], Recorded | None]:
        return Reader(self, rows).read

    @override
    def unused_frame(self, row: Row) -> str:
        return unused(row.data)

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        base, _, quote = symbol.partition("/")
        told = ToldBook(DEPTHS[-1])
        for sample in samples:
            if b'"book"' in sample and b'"snapshot"' in sample:
                told.take(sample)
        prices, sizes = told.decimals()
        return Listing(
            market=market, symbol=symbol, base=base, quote=quote, settle=quote,
            price_decimals=prices, size_decimals=sizes,
        )  # fmt: skip

    @override
    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        told = ToldBook(int(key.partition("@")[2].partition(":")[0]))
        for frame in frames:
            told.take(frame)
        return told.snapshot() if told.is_proven else None

    @override
    def miscounted(self, payload: bytes) -> bytes | None:
        return miscounted(payload)


def _result(body: object) -> bytes:
    return msgspec.json.encode({"error": [], "result": body})


def _rest_name(listing: Listing) -> str:
    return f"X{_FORMER.get(listing.base, listing.base)}Z{listing.quote}"


def _pair(listing: Listing) -> dict[str, object]:
    base, quote = (_FORMER.get(one, one) for one in (listing.base, listing.quote))
    return {
        "altname": f"{base}{quote}", "wsname": f"{base}/{quote}", "aclass_base": "currency", "base": f"X{base}",
        "aclass_quote": "currency", "quote": f"Z{quote}", "pair_decimals": listing.price_decimals,
        "lot_decimals": listing.size_decimals, "lot_multiplier": 1, "status": "online",
        "tick_size": format(10**-listing.price_decimals, f".{listing.price_decimals}f"),
    }  # fmt: skip


def _ticker(number: int) -> dict[str, object]:
    return {"v": ["1.0", f"{1000 * number}.0"], "p": ["1.0", "2.0"]}


VENUE = KrakenSpot()
