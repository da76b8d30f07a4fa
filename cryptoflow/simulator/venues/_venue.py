"""How a venue is simulated: the questions a venue module answers. Read this before writing one.

A venue module is `cryptoflow/simulator/venues/<exchange>[_<market>].py`; its `VENUE` is a value of a
subclass of `Venue`. It is found by its name: nothing else has to be registered. It opens no socket and
starts no task: the engine owns sockets, ledger, faults, pace and the shared random market, a venue only
says what it would send. Three classes are to be written:

1. `Venue`: names, paths, limits; REST questions and answers; invented instruments; recorded rows.
2. `Session`, one per connection: what an opened connection says, how a client's text is answered, what
   happens as time passes. It returns actions in the order they happen on the wire:
   `Send(bytes)` an ack, error, pong or heartbeat; `Start(key)` / `Stop(key)` a stream; `Cut(code, why)`.
   Data that comes before its ack is `[Start(key), Send(ack)]`. Refuse what the venue refuses:
   `self.desk.knows(key)` tells whether a stream exists, `self.desk.refuses(key)` is the fault `partial`
   (true: answer this one stream with the venue's error, the others of the request as usual).
   Limits of `Venue.limits` are enforced by the engine where the connection alone tells (messages,
   subscribe within, silence, idle, lifetime, connects, REST weight); those on requests and stream names
   with `self.overstep(keys, ...)`, which gives what is broken or "".
3. `Voice`, one per symbol of a generated market: it renders what happened in the shared model
   (`cryptoflow.simulator.market.SymbolMarket`: `voice.model`) as frames, `(key, payload)` appended to `out`.
   A stream that begins with frames of its own (book snapshot, ticker snapshot, recent trades) gives
   them in `on_subscribe`; everybody else has had all changes of the book by then, so the snapshot is
   the book as it is, standing at the id of the last depth frame (`model.sent_id`).

Keys name streams over all venues: `self.key(market, stream)` is "okx.swap books:BTC-USDT-SWAP". `stream` is
spelled as the producer's `Market.stream_name` spells the subscription (or as `Market.heard_as` does): that
is how a demo finds the channels of a recording. It has no line break.

Numbers per connection (Coinbase `sequence_num`): set `Session.numbered = True`, count in `dress`, which sees
every payload on its way to this connection, and in `skip`, which is called for a frame lost on purpose.

In a replay frames go out as recorded (through `dress`), snapshots on the socket too. Who subscribes a book
later gets `Venue.replayed_snapshot` of the frames already sent; where there is none it goes on without.

`binance_usdm.py` is the smallest complete example of a venue with REST books.
"""

from __future__ import annotations

import abc
import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

import msgspec

from cryptoflow.simulator._limits import Window
from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues._values import (
    Action,
    Channel,
    Fill,
    Frame,
    Limits,
    Liquidation,
    Listing,
    Mark,
    Recorded,
    RestAnswer,
    RestAsk,
    Row,
)

_HOUR_S = 3600.0


class World(Protocol):
    """Show the run to a venue: what exists now, generated or recorded."""

    replaying: bool

    @property
    def now_ms(self) -> int:
        """Return the venue's clock [ms]."""
        ...

    def knows(self, key: str) -> bool:
        """Tell whether a stream has data in this run."""
        ...

    def listings(self, market: str) -> Sequence[Listing]:
        """Return the instruments of a market."""
        ...

    def voice(self, market: str, symbol: str) -> Voice | None:
        """Return a generated symbol's voice; None for an unknown symbol and in a replay."""
        ...

    def recorded(self, market: str, kind: str) -> Sequence[bytes]:
        """Return the REST bodies of a kind that were recorded, oldest first."""
        ...


class Desk(Protocol):
    """Show a session what it needs beyond its client's words."""

    world: World
    number: int
    """The connection's number in the ledger."""

    limits: Limits
    """What is enforced in this run: the venue's own limits unless a test wants others."""

    def knows(self, key: str) -> bool:
        """Tell whether a stream has data in this run."""
        ...

    def refuses(self, key: str) -> bool:
        """Tell, once, that this stream is to be refused: the fault `partial`."""
        ...

    def streams(self) -> Sequence[str]:
        """Return the keys subscribed on this connection, in their order."""
        ...

    def now_s(self) -> float:
        """Return a monotonic clock [s]."""
        ...


class Session(abc.ABC):
    """Speak on one connection. The defaults say nothing, pass data as it is and cut nobody."""

    numbered: bool = False
    """True: `dress` stamps a number per connection, `number` is the last one given."""

    number: int = -1
    plain: bool = True
    """True: `dress` changes nothing, so the engine need not call it."""

    def __init__(self, venue: Venue, desk: Desk) -> None:
        """Start with nothing subscribed."""
        self.venue = venue
        self.desk = desk
        limits = desk.limits
        self._requests = Window(limits.requests_per_hour_max or 0, _HOUR_S)

    def on_open(self) -> Sequence[Action]:
        """Return what happens at once: greetings, streams of the URL."""
        return ()

    @abc.abstractmethod
    def on_text(self, message: str | bytes) -> Sequence[Action]:
        """Answer one message of the client; bytes are a binary frame."""

    def on_tick(self, now_s: float) -> Sequence[Action]:
        """Return what is due, about five times a second: heartbeats of the server."""
        del now_s
        return ()

    def on_notice(self) -> Sequence[Action]:
        """Announce that the venue will close this connection soon; empty where it has no such message."""
        return ()

    def dress(self, payload: bytes, *, is_data: bool) -> bytes:
        """Return a payload as this connection gets it: its envelope, its number."""
        del is_data
        return payload

    def skip(self, count: int = 1) -> None:
        """Pass over the numbers of frames that are lost on purpose; a negative count repeats some."""
        del count

    def overstep(self, keys: Sequence[str], *, is_subscribe: bool = True, chars: int = 0) -> str:
        """Count one (un)subscribe request for these streams; return the name of the limit it breaks, or "".

        `chars` is the length of the request's arguments where they count, else the names' own.
        The names are those of Limits: `requests_per_hour_max`, `args_per_request_max`,
        `streams_max`, `names_max_chars`.
        """
        limits = self.desk.limits
        if limits.requests_per_hour_max and not self._requests.take():
            return "requests_per_hour_max"
        if not is_subscribe:
            return ""
        if limits.args_per_request_max and len(keys) > limits.args_per_request_max:
            return "args_per_request_max"
        together = {*self.desk.streams(), *keys}
        if limits.streams_max and len(together) > limits.streams_max:
            return "streams_max"
        names = sum(len(key.partition(" ")[2]) for key in together)
        if limits.names_max_chars and max(chars, names) > limits.names_max_chars:
            return "names_max_chars"
        return ""


class Voice:
    """Render one symbol's market as the venue's frames. Streams outside `keys` need not be rendered."""

    depth_ms: ClassVar[int] = 100
    """Least time between two calls of `depth`."""

    mark_ms: ClassVar[int] = 1000
    """Time between two calls of `mark`."""

    def __init__(self, venue: Venue, model: SymbolMarket, keys: frozenset[str]) -> None:
        """Prepare what all frames have in common."""
        self.venue = venue
        self.model = model
        self.keys = keys

    def trade(self, fill: Fill, out: list[Frame]) -> None:
        """Append the frames of one taker's trade."""

    def quote(self, now_ms: int, out: list[Frame]) -> None:
        """Append the frames of a changed best bid or ask; called after every such change."""

    def depth(self, now_ms: int, out: list[Frame]) -> None:
        """Append the frames of `model.pending`, ids `model.first_id` to `model.update_id` after `model.sent_id`.

        Called only when something is pending; the model empties it afterwards.
        """

    def mark(self, mark: Mark, out: list[Frame]) -> None:
        """Append the frames of mark price, index, funding and open interest."""

    def liquidation(self, liquidation: Liquidation, out: list[Frame]) -> None:
        """Append the frames of a liquidation; a venue that prints it as a trade takes an id of its own for it."""

    def idle(self, now_ms: int, out: list[Frame]) -> None:
        """Append what the venue repeats while nothing changes; called about once a second."""

    def on_subscribe(self, key: str, now_ms: int) -> Sequence[bytes]:
        """Return what a stream begins with for who subscribes it now."""
        del key, now_ms
        return ()

    def rest_snapshot(self, limit: int, now_ms: int) -> bytes | None:
        """Return the REST book; None where the venue has none."""
        del limit, now_ms
        return None

    def fill_id(self, fill: Fill) -> int:
        """Return the newest id a trade has in the REST answer, by which trades are asked for."""
        return fill.last_id

    def rest_trades(self, fills: Sequence[Fill], limit: int) -> bytes | None:
        """Return the REST trades of these fills; None where the venue has none."""
        del fills, limit
        return None


class Venue(abc.ABC):
    """Answer every question about one venue. One value serves all runs: it keeps no state."""

    exchange: ClassVar[str]
    markets: ClassVar[tuple[str, ...]]
    prefix: ClassVar[str]
    """Where its paths begin here, "/<exchange>" or longer where two venues would collide."""

    hosts: ClassVar[frozenset[str]]
    """Hosts whose recordings this venue replays (WebSocket and REST)."""

    limits: ClassVar[Limits]
    unable: ClassVar[Mapping[str, str]] = {}
    """Faults this venue cannot have, with the reason."""

    orders_books: ClassVar[bool] = True
    """False: nothing in the updates of its books tells that two came in the wrong order."""

    resyncs_crossed: ClassVar[bool] = False
    """True: who gets a crossed book has to ask for it anew, as for one that lost updates."""

    number_pattern: ClassVar[re.Pattern[bytes]] = re.compile(rb'"[A-Za-z0-9_]+":"-?[0-9.]+"|\["[0-9.]+","[0-9.]+"')
    """Finds a price or size to spoil: `"name":"1.5"`, `"name":1.5` or the start of a level pair."""

    field_pattern: ClassVar[re.Pattern[bytes]] = re.compile(rb',"[A-Za-z0-9_]+":"[^"]*"')
    """Finds a field, with the comma before it, whose absence makes a frame unreadable."""

    def key(self, market: str, stream: str) -> str:
        """Return the key of a stream."""
        return f"{self.exchange}.{market} {stream}"

    def full(self, market: str) -> str:
        """Return a market's full name, as `World` wants it."""
        return f"{self.exchange}.{market}"

    @abc.abstractmethod
    def endpoints(self, market: str) -> Mapping[str, str]:
        """Return the path below `prefix` of every endpoint of a market, by the producer's endpoint name."""

    @abc.abstractmethod
    def session(self, path: str, desk: Desk) -> Session | None:
        """Open a connection on a path below `prefix` (with its query); None where nothing is there."""

    @abc.abstractmethod
    def listing(self, market: str, number: int, rng: random.Random) -> Listing:
        """Invent instrument `number` (from 1) of a market; its symbol is one no venue lists."""

    @abc.abstractmethod
    def channels(self, listing: Listing) -> Sequence[Channel]:
        """Return the streams of an instrument that a generated run expects to be subscribed.

        These are the ones the producer's default streams subscribe. A market-wide stream
        (symbol "") may be returned with every instrument.
        """

    @abc.abstractmethod
    def voice(self, model: SymbolMarket, keys: frozenset[str]) -> Voice:
        """Return the voice of a generated symbol."""

    @abc.abstractmethod
    def rest_ask(self, path: str, query: Mapping[str, str]) -> RestAsk | RestAnswer | None:
        """Read a GET below `prefix`: what is asked, or at once an error answer; None for an unknown path."""

    @abc.abstractmethod
    def rest_body(self, ask: RestAsk, world: World) -> bytes | RestAnswer | None:
        """Return the answer of everything but `snapshot` and `trades`; None when there is none."""

    @abc.abstractmethod
    def rest_error(self, ask: RestAsk, status: int, wait_s: int) -> RestAnswer:
        """Return a refusal: 429, 418, 403 or 503 by limit or on purpose, 404 for a symbol that is not known."""

    def rest_headers(self, used: int) -> Mapping[str, str]:
        """Return the headers of every answer; `used` is the weight spent in this window."""
        del used
        return {}

    @abc.abstractmethod
    def recorded(self, row: Row) -> Recorded | None:
        """Read one `recv` or `rest` row; None to leave it out (acks, heartbeats, streams we do not use)."""

    def reader(self, rows: Sequence[Row] = ()) -> Callable[[Row], Recorded | None]:
        """Return what reads all rows of one recording in order, `send` rows too; it may look ahead in `rows`."""
        del rows
        return lambda row: None if row.ev == "send" else self.recorded(row)

    def unused(self, row: Row) -> str:
        """Name the stream or path of a row that is left out although it holds data; "" for answers and heartbeats."""
        if row.ev != "recv":
            return f"GET {urlsplit(row.url).path}" if row.ev == "rest" else ""
        try:
            return self.unused_frame(row)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return ""

    def unused_frame(self, row: Row) -> str:
        """Name the stream of a received frame that is left out; "" for answers, heartbeats and what cannot be read."""
        del row
        return ""

    def spoken_ns(self, received_ns: int, frames: Sequence[bytes]) -> int:
        """Return when the venue spoke as these recorded frames do: their receive time unless they tell otherwise."""
        del frames
        return received_ns

    @abc.abstractmethod
    def recorded_listing(self, market: str, symbol: str, samples: Sequence[bytes]) -> Listing:
        """Define a recorded symbol for runs whose recording has no instruments; `samples` are frames of it."""

    def replayed_snapshot(self, key: str, frames: Sequence[bytes]) -> bytes | None:
        """Return the snapshot for a late subscriber of a book, from all frames sent on its stream so far."""
        del key, frames
        return None

    def spares(self, payload: bytes) -> bool:
        """Tell whether faults of single frames pass a frame over and hit the next: its loss would prove nothing."""
        del payload
        return False

    def miscounted(self, payload: bytes) -> bytes | None:
        """Return a book update with one level changed and its checksum not; None where there is no checksum."""
        del payload
        return None
