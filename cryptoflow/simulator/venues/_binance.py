"""What Binance's markets have in common: control frames, envelopes, recordings, REST errors."""

from __future__ import annotations

import abc
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from typing_extensions import override

from cryptoflow.simulator.venues._exchange_info import quote_asset
from cryptoflow.simulator.venues._values import (
    Action,
    Listing,
    Recorded,
    RestAnswer,
    RestAsk,
    Row,
    Send,
    Start,
    Stop,
)
from cryptoflow.simulator.venues._venue import Desk, Session, Venue

CHANNEL_KINDS = {
    "aggTrade": "trades",
    "trade": "trades",
    "bookTicker": "quotes",
    "depth": "book",
    "markPrice": "funding",
    "forceOrder": "liquidations",
}
"""What a channel carries, by its name before the first `@`; others are not replayed."""

_WHOLE_MARKET = {"!bookTicker": "quotes", "!markPrice": "funding", "!forceOrder": "liquidations"}
"""The same of streams of a whole market."""

_NOT_FOUND, _BAD = 404, 400
_ERROR_CODES = {429: (-1003, "Too many requests."), 418: (-1003, "Way too many requests; IP banned."), 403: (0, "WAF")}
_DEPTH_LIMITS = frozenset({5, 10, 20, 50, 100, 500, 1000})


@dataclass(frozen=True, slots=True)
class Opening:
    """Hold what a connection's URL says: endpoint ("" for an unrouted path), envelope, streams."""

    endpoint: str
    combined: bool
    streams: tuple[str, ...]


def opening(path: str, routes: Sequence[str]) -> Opening | None:
    """Read a request path (PROTOCOLS 2.1, 3.1); None when the venue has no such path."""
    parts = urlsplit(path)
    segments = [part for part in parts.path.split("/") if part]
    endpoint = segments.pop(0) if segments and segments[0] in routes else ""
    if segments == ["stream"]:
        asked = parse_qs(parts.query).get("streams", [""])[0]
        return Opening(endpoint, True, tuple(name for name in asked.split("/") if name))
    if segments and segments[0] == "ws":
        return Opening(endpoint, False, tuple(unquote(name) for name in segments[1:]))
    return None


def unwrapped(payload: bytes) -> bytes:
    """Return the `data` of a combined-stream message as the `/ws` paths send it."""
    start = payload.find(b'"data":')
    return payload if start < 0 else payload[start + 7 : -1]


class Command(msgspec.Struct):
    """Hold one control frame of a client (PROTOCOLS 2.2)."""

    method: str
    params: list[str | bool] = []
    id: int | str | None = None


_decoder = msgspec.json.Decoder(Command)


def command(message: str | bytes) -> Command | bytes:
    """Read a control frame; bytes are the venue's error answer."""
    try:
        return _decoder.decode(message)
    except msgspec.ValidationError as error:
        return msgspec.json.encode({"code": 2, "msg": f"Invalid request: {error}"})
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return msgspec.json.encode({"code": 3, "msg": f"Invalid JSON: {error}"})


def ack(request_id: int | str | None, result: object = None) -> bytes:
    """Return an acknowledgement."""
    return msgspec.json.encode({"result": result, "id": request_id})


def refusal(request_id: int | str | None, text: str) -> bytes:
    """Return an error answer."""
    return msgspec.json.encode({"code": 2, "msg": f"Invalid request: {text}", "id": request_id})


class BinanceSession(Session):
    """Answer SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS and SET_PROPERTY (PROTOCOLS 2.2)."""

    def __init__(self, venue: BinanceVenue, desk: Desk, opened: Opening) -> None:
        """Start with the streams of the URL still to be started."""
        super().__init__(venue, desk)
        self._binance = venue
        self._opened = opened
        self.plain = opened.combined

    @override
    def on_open(self) -> Sequence[Action]:
        return self._starts(self._opened.streams)

    def _key(self, stream: str) -> str:
        return self.venue.key(self._binance.markets[0], stream)

    def _starts(self, streams: Sequence[str]) -> list[Action]:
        endpoint, replaying = self._opened.endpoint, self.desk.world.replaying
        return [
            Start(self._key(name), flows=self._binance.serves(endpoint, name, replaying=replaying)) for name in streams
        ]

    @override
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        asked = command(message)
        if isinstance(asked, bytes):
            return [Send(asked)]
        keys = [self._key(name) for name in asked.params if isinstance(name, str)]
        if asked.method == "SUBSCRIBE":
            return self._subscribe(asked, keys)
        if asked.method == "UNSUBSCRIBE":
            return [*[Stop(key) for key in keys], Send(ack(asked.id))]
        if asked.method == "SET_PROPERTY" and asked.params[:1] == ["combined"]:
            self.plain = asked.params[1:2] == [True]
            return [Send(ack(asked.id))]
        if asked.method == "LIST_SUBSCRIPTIONS":
            return [Send(ack(asked.id, [key.partition(" ")[2] for key in self.desk.streams()]))]
        return [Send(refusal(asked.id, f"unknown method {asked.method}"))]

    def _subscribe(self, asked: Command, keys: Sequence[str]) -> Sequence[Action]:
        # A request is taken or refused as a whole; a name that does not exist is acked and silent (2.2 (!)).
        broken = self.overstep(keys) or ("a stream" if any(self.desk.refuses(key) for key in keys) else "")
        if broken:
            return [Send(refusal(asked.id, f"too many or refused: {broken}"))]
        return [Send(ack(asked.id)), *self._starts([name for name in asked.params if isinstance(name, str)])]

    @override
    def on_notice(self) -> Sequence[Action]:
        event = b'{"e":"serverShutdown","E":%d}' % self.desk.world.now_ms  # PROTOCOLS 2.2
        return [Send(b'{"stream":"!serverShutdown","data":%b}' % event if self.plain else event)]

    @override
    def dress(self, payload: bytes, *, is_data: bool) -> bytes:
        return unwrapped(payload) if is_data and not self.plain else payload


class BinanceVenue(Venue):
    """Hold what both markets answer alike; `routes` are the first parts of routed paths."""

    exchange = "binance"
    routes: ClassVar[tuple[str, ...]] = ()
    rest_root: ClassVar[str]
    number_pattern = re.compile(rb'"(?:p|q|b|B|a|A)":"[^"]*"|\["[0-9.]+","[0-9.]+"')
    field_pattern = re.compile(rb',"u":[0-9]+|,"p":"[^"]*"')

    def serves(self, endpoint: str, stream: str, *, replaying: bool) -> bool:
        """Tell whether data of a stream flows on an endpoint; elsewhere it is acked and silent."""
        del endpoint, stream, replaying
        return True

    @abc.abstractmethod
    def depth_weight(self, limit: int) -> int:
        """Return the weight of a depth request."""

    @override
    def session(self, path: str, desk: Desk) -> Session | None:
        opened = opening(path, self.routes)
        if opened is None or len(opened.streams) > (desk.limits.streams_max or 1):
            return None
        return BinanceSession(self, desk, opened)

    @override
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        base = f"SYM{number:04d}"
        decimals = rng.choice((1, 2, 4))
        return Listing(
            market=market, symbol=f"{base}USDT", base=base, quote="USDT", settle="USDT",
            price_decimals=decimals, middle=rng.randrange(5_000, 500_000),
        )  # fmt: skip

    @override
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        market = self.markets[0]
        symbol = query.get("symbol", "").upper()
        if path == f"{self.rest_root}/depth":
            limit = query.get("limit", "500")
            if not limit.isdigit() or not self.takes_limit(int(limit)):
                return _error(_BAD, -4021, f"{limit} is not valid depth limit.")
            return RestAsk("snapshot", market, self.depth_weight(int(limit)), symbol, int(limit))
        weights = self.rest_weights()
        name = path.removeprefix(f"{self.rest_root}/")
        if name not in weights:
            return None
        kind, weight = weights[name]
        from_id = query.get("fromId", "-1")
        rows = query.get("limit", "500")
        return RestAsk(kind, market, weight, symbol, int(rows), int(from_id), query)

    def takes_limit(self, limit: int) -> bool:
        """Tell whether a depth request may ask for so many levels."""
        return limit in _DEPTH_LIMITS

    @abc.abstractmethod
    def rest_weights(self) -> Mapping[str, tuple[str, int]]:
        """Return (kind, weight) of the paths below the root, but for depth."""

    @override
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        if status == _NOT_FOUND:
            return _error(_BAD, -1121, "Invalid symbol.")
        # A WAF tells no time (PROTOCOLS 2.3, 403); a run would then stand still for minutes.
        headers = {"Retry-After": str(wait_s)} if wait_s and status in {429, 418, 403} else {}
        return _error(status, *_ERROR_CODES.get(status, (-1000, "An unknown error occurred.")), headers)

    @override
    def rest_headers(self, used: int) -> Mapping[str, str]:
        return {"X-MBX-USED-WEIGHT-1M": str(used)}

    @override
    def recorded(self, row: Row) -> Recorded | None:
        market = self.markets[0]
        if row.ev == "rest":
            url = urlsplit(row.url)
            if url.path.endswith("/depth"):
                symbol = parse_qs(url.query).get("symbol", [""])[0].upper()
                is_book = symbol and _BOOK_ID in row.data  # else an error answer
                return Recorded(market, row.data, symbol=symbol, rest="snapshot") if is_book else None
            is_list = "/exchangeInfo" in url.path and b'"symbols"' in row.data
            return Recorded(market, row.data, rest="instruments") if is_list else None
        stream = _stream_of(row.data)
        symbol, _, channel = stream.partition("@")
        kind = CHANNEL_KINDS.get(channel.partition("@")[0]) or _WHOLE_MARKET.get(symbol)
        if kind is None:
            return None
        numbered = kind in {"trades", "book"} and symbol not in _WHOLE_MARKET
        of = "" if symbol in _WHOLE_MARKET else symbol.upper()
        return Recorded(market, row.data, (self.key(market, stream),), (kind,), of, numbered=numbered)

    @override
    def unused_frame(self, row: Row) -> str:
        return _stream_of(row.data) or _event_of(row.data)

    @override
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        decimals = 8
        for sample in samples:
            levels = msgspec.json.decode(sample).get("bids")
            if levels:
                decimals = len(levels[0][0].partition(".")[2])
                break
        quote = quote_asset(symbol)
        base = symbol.removesuffix(quote)
        return Listing(market=market, symbol=symbol, base=base, quote=quote, settle=quote, price_decimals=decimals)


class _Envelope(msgspec.Struct):
    """Hold the name of a combined stream, or what a frame without the envelope tells of itself."""

    stream: str = ""
    e: str = ""
    s: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_BOOK_ID = b'"lastUpdateId"'


def _stream_of(payload: bytes) -> str:
    try:
        return _envelope.decode(payload).stream
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _event_of(payload: bytes) -> str:
    """Name a payload of a `/ws` path, which has no envelope and so does not tell its stream (PROTOCOLS 2.1)."""
    try:
        told = _envelope.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return f"{told.s} {told.e or 'frames'} without a stream's name" if told.s else ""


def _error(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> RestAnswer:
    return RestAnswer(status, msgspec.json.encode({"code": code, "msg": text}), headers or {})
