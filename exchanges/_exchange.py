"""The questions every venue answers. A venue is a value: it opens no socket and reads no clock."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from exchanges._book import BookCheck, BookRules, CrossCheck
from schemas import Columns, InstrumentDefinition


class StreamKind(enum.StrEnum):
    """What a stream carries; also the `stream` of a gap and the kind of its raw frames."""

    TRADES = "trades"
    QUOTES = "quotes"
    BOOK = "book"
    FUNDING = "funding"
    LIQUIDATIONS = "liquidations"


class RouteError(ValueError):
    """Say that a frame's symbol and kind cannot be told; it is published under `_conn`."""


class Per(enum.StrEnum):
    """What one subscription of a stream serves: a symbol, an index, or the whole market."""

    SYMBOL = "symbol"
    INDEX = "index"
    MARKET = "market"


@dataclass(frozen=True, slots=True)
class Stream:
    """Describe one subscription kind of a market.

    `channel` is the venue's channel (`aggTrade`), `endpoint` the key of the connection it lives on.
    `period_s` is the longest normal silence where the venue documents one, else None: the watchdog
    learns the rate. Streams with `default=False` are subscribed only when asked for by channel.
    `per` says what one subscription serves: the name of a stream is made from a native symbol, from
    the index an instrument follows (`InstrumentDefinition.index`), or from "" for the whole market,
    whose frames are kept for our own symbols only. `also` names further kinds its frames carry.
    """

    kind: StreamKind
    channel: str
    endpoint: str
    period_s: float | None = None
    default: bool = True
    per: Per = Per.SYMBOL
    also: tuple[StreamKind, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Describe one WebSocket endpoint and its documented limits.

    `heartbeat` is what a client has to send every `heartbeat_interval_s`. `extra_streams` are
    subscribed on every connection besides the data (Coinbase `heartbeats`): acknowledged like them,
    control frames on the wire. `names_max_chars` bounds the text of all names subscribed on one
    connection, `book_streams_max` the book streams on it, `requests_per_hour_max` its subscribe and
    unsubscribe requests, `connections_max` those open at once from one address; None where the venue
    has no such limit. `messages_per_s` counts each connection alone or, with `messages_per_address`, all
    connections of one address together. `lifetime_s` is infinite where the venue cuts no connection.
    """

    name: str
    url: str
    streams_max: int
    messages_per_s: float
    connects_max: int
    connects_window_s: float
    lifetime_s: float
    streams_per_request_max: int = 200
    heartbeat: bytes | None = None
    heartbeat_interval_s: float | None = None
    ack_timeout_s: float = 10.0
    extra_streams: tuple[str, ...] = ()
    names_max_chars: int | None = None
    book_streams_max: int | None = None
    requests_per_hour_max: int | None = None
    connections_max: int | None = None
    messages_per_address: bool = False


@dataclass(frozen=True, slots=True)
class RestRequest:
    """Describe one REST GET: path below the market's REST base, query, and its weight."""

    path: str
    query: Mapping[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class RestHost:
    """Describe a REST host and its budget: `weight_max` in every window of `window_s`.

    `weight_header` names the response header that reports the weight used, empty where there is
    none. `back_off_s` has the least pause per HTTP status where the venue documents one and sends no
    Retry-After. `refusal(body)` reads an error that comes with status 200 (OKX `code`, Kraken
    `error`, Bybit `retCode`): its text when the request was refused, else "".
    """

    base: str
    weight_max: int
    window_s: float = 60.0
    weight_header: str = ""
    back_off_s: Mapping[int, float] = field(default_factory=dict)
    refusal: Callable[[bytes], str] = lambda _body: ""


@dataclass(frozen=True, slots=True)
class Part:
    """Hold what of a frame belongs to one symbol and kind, in the venue's own envelope.

    `raw` is the whole frame where the frame serves two kinds of one symbol.
    """

    kind: str
    symbol: str
    stream: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class Routed:
    """Say where a frame belongs: its kind and native symbol.

    `kind` is a StreamKind value, `book_snapshot` for a snapshot that comes on the socket, or
    `control` (with an empty symbol) for answers, heartbeats and notices. `stream` is the name of the
    subscription it came on, as `Market.heard_as` spells it. A frame of several symbols or kinds has
    `parts`, in order, numbered from 0; the other fields then describe the first.
    """

    kind: str
    symbol: str
    stream: str = ""
    parts: tuple[Part, ...] = ()


CONTROL = "control"
BOOK_SNAPSHOT = "book_snapshot"
BACKFILL = "trades_backfill"
"""Kind of the frames that hold trades fetched over REST; their parser's `stream` is `trades`."""

NO_REQUEST = -1
"""Request id of an answer that names none."""


@dataclass(frozen=True, slots=True)
class Ack:
    """Hold an answer about subscriptions; `error` is empty when accepted.

    `request_id` is NO_REQUEST where the venue sends none; then `streams` tells what is answered.
    `streams` names what is answered as `Market.stream_name` does; empty means the whole request.
    `subscribed` is False in the answer to giving streams up. `lists_all` says that `streams` are all
    that are active on the connection now (Coinbase).
    """

    request_id: int
    error: str = ""
    streams: tuple[str, ...] = ()
    subscribed: bool = True
    lists_all: bool = False


@dataclass(frozen=True, slots=True)
class Peek:
    """Hold the update ids of a book frame, -1 where absent; `snapshot` for in-stream snapshots.

    `at_ns` is the venue's time of a snapshot whose id may come again for another one, -1 elsewhere.
    """

    first: int
    last: int
    prev: int
    snapshot: bool = False
    at_ns: int = -1


@dataclass(frozen=True, slots=True)
class Parser:
    """Read frames of one kind: decode to `message`, then append whole frames to columns.

    `append(messages, frames, columns)` is stateless and appends every message, in order, with one
    count each; `frames[i]` is the batch's number of `messages[i]`. It raises ValueError when a
    message cannot become rows; the caller then tries them one by one.
    `id_column` names the column that identifies rows across connections (PROTOCOLS 1.4), empty
    where the venue sends no id; `contiguous` says ids of one symbol have no holes, so a missing
    one is a gap. `ordered` says ids only rise. `composite_id` lists the columns that identify a row
    where there is no single id. `unlisted_id(message)` tells the id of a message that takes one of
    the contiguous ids and is no row; None where all ids are rows, or for a message that is one.
    `stream` is the stream kind whose ids these are, where the frame kind has another name.
    `recent_max_ids` identities are remembered to tell repeats, where ids are not contiguous: a repeat
    that comes after more of them is not told, so a venue of large frames needs room for whole ones.
    """

    topic: str
    record: str
    message: Any
    append: Callable[[Sequence[Any], Sequence[int], Columns], None]
    id_column: str = ""
    contiguous: bool = False
    ordered: bool = True
    composite_id: tuple[str, ...] = ()
    unlisted_id: Callable[[Any], int | None] | None = None
    stream: str = ""
    recent_max_ids: int = 256


@dataclass(frozen=True, slots=True)
class TradeFill:
    """Say how trades are fetched by id over REST: the way to close a gap of trades.

    `request(symbol, from_id)` asks for at most `trades_max` trades from an id on (or around it, as
    the venue allows), `trades(symbol, body)` cuts an answer into (id, raw frame) in rising order,
    each frame a JSON value that the market's `trades_backfill` parser reads. `channel` is the stream of
    trades whose ids these are; trades of another one are not asked for. Empty: all count alike.
    """

    request: Callable[[str, int], RestRequest]
    trades: Callable[[str, bytes], list[tuple[int, bytes]]]
    trades_max: int
    channel: str = ""


@dataclass(frozen=True)
class Market:
    """Answer all questions about one market of an exchange.

    `parsers` is keyed by frame kind: the StreamKind values, `book_snapshot`, `trades_backfill`.
    `stream_name(stream, key)` names a subscription: `key` as `Stream.per` says. `heard_as(name)`
    turns such a name into what `route` reads from its frames, where they tell less (a depth).
    `request_group(name)` tells names apart that may not share one request.

    `snapshot_request` is the REST book, spliced by the book rules; None where the venue has none.
    With `in_stream_snapshots` the book stream itself brings a snapshot when it is subscribed: a
    broken book is subscribed again, and the REST book only serves the schedule.
    `connection_sequence(frame)` reads the number that counts all frames of a connection from
    `connection_sequence_start` on, where the venue has one (Coinbase): the producer then proves
    continuity. `scoped_kinds` are the frame kinds whose ids, or whose absence of ids, do not hold
    across connections: of them only one connection counts at a time, as `switch` frames say.
    `content` leaves out of a frame what each connection numbers for itself, so that two copies are equal.
    `book_check` and `cross_check` tell of a broken book where ids do not; the agents keep the book for them.
    `instruments` reads each page of `instruments_requests`; `next_page(request, body)` asks for a
    further page. `volumes` reads the traded value in quote units by native symbol.
    `earlier` holds retired dialects, newest first: (end in receive ns, the market as it was read).
    """

    name: str
    streams: tuple[Stream, ...]
    endpoints: tuple[Endpoint, ...]
    rest: RestHost
    stream_name: Callable[[Stream, str], str]
    subscribe: Callable[[int, Sequence[str]], bytes]
    unsubscribe: Callable[[int, Sequence[str]], bytes]
    route: Callable[[bytes], Routed]
    ack: Callable[[bytes], Ack | None]
    is_reconnect_notice: Callable[[bytes], bool]
    peek_book: Callable[[bytes], Peek]
    peek_snapshot: Callable[[bytes], Peek]
    snapshot_request: Callable[[str], RestRequest] | None
    instruments_requests: tuple[RestRequest, ...]
    instruments: Callable[[bytes], list[tuple[InstrumentDefinition, bytes]]]
    instrument: Callable[[bytes], InstrumentDefinition]
    parsers: Mapping[str, Parser]
    book_rules: BookRules
    heard_as: Callable[[str], str] = lambda name: name
    request_group: Callable[[str], str] = lambda _name: ""
    in_stream_snapshots: bool = False
    connection_sequence: Callable[[bytes], int | None] | None = None
    connection_sequence_start: int = 0
    scoped_kinds: frozenset[str] = frozenset()
    book_check: BookCheck | None = None
    cross_check: CrossCheck | None = None
    content: Callable[[bytes], bytes] = lambda frame: frame
    next_page: Callable[[RestRequest, bytes], RestRequest | None] = lambda _request, _body: None
    volumes_request: RestRequest | None = None
    volumes: Callable[[bytes], Mapping[str, Decimal]] | None = None
    trade_fill: TradeFill | None = None
    earlier: tuple[tuple[int, Market], ...] = ()

    @property
    def keeps_book(self) -> bool:
        """Tell whether the agents keep the levels of its books, to prove them."""
        return self.book_check is not None or self.cross_check is not None

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint by name. Raises KeyError."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}[name]

    def at(self, received_ns: int) -> Market:
        """Return the market as its frames are to be read that were received at a moment."""
        found = self
        for end_ns, market in self.earlier:
            if received_ns >= end_ns:
                break
            found = market
        return found


@dataclass(frozen=True)
class Exchange:
    """Name a venue and its markets."""

    name: str
    markets: Mapping[str, Market] = field(default_factory=dict)


def parser(exchange: Exchange, market: str, kind: str, received_ns: int) -> Parser:
    """Return what reads a frame kind as the venue sent it at a moment. Raises KeyError."""
    return exchange.markets[market].at(received_ns).parsers[kind]
