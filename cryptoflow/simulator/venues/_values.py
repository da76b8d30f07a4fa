"""The values a venue module and the simulator's engine hand each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Frame = tuple[str, bytes]
"""A stream's key and one payload, as `Venue.key` spells keys."""

KINDS = ("trades", "quotes", "book", "funding", "liquidations")


@dataclass(frozen=True, slots=True)
class Send:
    """Send one text frame to this connection; `Session.dress` sees it with `is_data=False`."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Start a stream on this connection; with `flows=False` it is accepted and stays silent.

    What the stream begins with (a book snapshot, recent trades) is sent at this place.
    """

    key: str
    flows: bool = True


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop a stream on this connection."""

    key: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Close this connection, after everything before has been written."""

    code: int
    reason: str


Action = Send | Start | Stop | Cut


@dataclass(frozen=True, slots=True)
class Channel:
    """Describe one stream of one run: its key, what it carries and what can be proven of it.

    `symbol` is native, empty for a stream of the whole market. `numbered` says that its frames prove
    by their ids, a checksum or the connection's number that none is missing; `watched` that a
    producer can know when it falls silent (a period, or frames enough to learn a rate); `periodic`
    that it has a documented period. `snapshots` says that subscribing a book stream brings its
    snapshot; books without come over REST.
    """

    key: str
    kinds: tuple[str, ...]
    symbol: str
    numbered: bool = False
    watched: bool = True
    periodic: bool = False
    snapshots: bool = False

    @property
    def is_book(self) -> bool:
        """Tell whether losing a frame of it breaks a book."""
        return "book" in self.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Define one invented instrument; prices are integers of 10^-price_decimals, sizes likewise.

    `contract_value` is what one unit of size is, in base or, when `inverse`, in quote; "" where
    sizes are in the base asset. `middle` is the first price, in ticks.
    """

    market: str
    symbol: str
    base: str
    quote: str
    settle: str = ""
    kind: str = "spot"
    price_decimals: int = 2
    size_decimals: int = 3
    contract_value: str = ""
    inverse: bool = False
    expires_ms: int = 0
    middle: int = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """State what the venue enforces; None where it has no such limit. Cite PROTOCOLS beside each value.

    `messages_max` client messages per `messages_window_s`; with `messages_per_address` the venue counts those
    of an address together. That is held in tests of one producer alone: here all come from one address, also
    replicas that have one each in life, so a connection is cut for its own messages only.
    `requests_per_hour_max` counts subscribe and unsubscribe requests; `names_max_chars` bounds the subscribed
    names' text on one connection.
    `subscribe_within_s` cuts a connection that subscribed nothing, `idle_push_s` one on which nothing
    was pushed, `client_silence_s` one whose client said nothing (text or protocol ping).
    `lifetime_s` is the age at which a connection is cut.
    `connects_max` connection attempts per `connects_window_s` get HTTP 429 beyond.
    `rest_weight_max` per `rest_window_s`, fixed windows; beyond `rest_over_status` (200 where the
    refusal is in the body).
    """

    messages_max: int | None = None
    messages_window_s: float = 1.0
    messages_per_address: bool = False
    streams_max: int | None = None
    args_per_request_max: int | None = None
    names_max_chars: int | None = None
    requests_per_hour_max: int | None = None
    subscribe_within_s: float | None = None
    idle_push_s: float | None = None
    client_silence_s: float | None = None
    lifetime_s: float | None = None
    connects_max: int = 300
    connects_window_s: float = 300.0
    rest_weight_max: int = 2400
    rest_window_s: float = 60.0
    rest_over_status: int = 429


@dataclass(frozen=True, slots=True)
class RestAsk:
    """Say what a REST request asks for.

    `kind` is `snapshot`, `instruments`, `trades`, `volumes`, `funding` or a name of the venue's own.
    """

    kind: str
    market: str
    weight: int = 1
    symbol: str = ""
    limit: int = 0
    from_id: int = -1
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestAnswer:
    """Hold one REST answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """Hold one row of a recording: `url` is the row's own, or that of its connection's `open` row."""

    t: int
    conn: str
    ev: str
    url: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Recorded:
    """Say what a recorded row is in a replay.

    A frame has `keys`, the streams it is sent on (whoever has one of them gets it once). A REST
    answer has none: `rest` is then the kind of RestAsk it answers. A `rest` of `snapshot` is given
    at its place, once; other REST bodies are there from the start. `numbered` as in Channel.
    `whole` says that a book begins anew with this frame. `at` is the id a book stands at after it,
    `follows` the id it must have had before; None where frames have no such ids. `jump` is as in Step.
    """

    market: str
    payload: bytes
    keys: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    symbol: str = ""
    rest: str = ""
    numbered: bool = False
    snapshots: bool = False
    whole: bool = False
    follows: int | None = None
    at: int | None = None
    jump: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """Hold one taker's trade at one price: ids `first_id` to `last_id`, `size` in all; `number` counts them from 0."""

    first_id: int
    last_id: int
    ticks: int
    size: int
    taker_sells: bool
    at_ms: int
    number: int = 0

    @property
    def count(self) -> int:
        """Return the number of single trades."""
        return self.last_id - self.first_id + 1

    def parts(self) -> list[tuple[int, int]]:
        """Return (id, size) of the single trades: all but the first have the smallest size."""
        sizes = [self.size - self.count + 1, *([1] * (self.count - 1))]
        return [(self.first_id + place, size) for place, size in enumerate(sizes)]


@dataclass(frozen=True, slots=True)
class Mark:
    """Hold prices in ticks, `rate_e8` the funding rate in 10^-8, open interest in size units."""

    mark: int
    index: int
    settle: int
    rate_e8: int
    next_funding_ms: int
    open_interest: int
    at_ms: int

    @property
    def rate(self) -> bytes:
        """Return the funding rate as decimal text."""
        return b"%b0.%08d" % (b"-" if self.rate_e8 < 0 else b"", abs(self.rate_e8))


@dataclass(frozen=True, slots=True)
class Liquidation:
    """Hold one liquidation of a long or a short position; no two of a symbol have one `at_ms`."""

    is_long: bool
    ticks: int
    size: int
    at_ms: int
