"""The questions every venue answers. A venue is a value: it opens no socket and reads no clock."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exchanges._book import BookRules
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


@dataclass(frozen=True, slots=True)
class Stream:
    """Describe one subscription kind of a market.

    `channel` is the venue's channel (`aggTrade`), `endpoint` the key of the connection it lives on.
    `period_s` is the longest normal silence where the venue documents one, else None: the watchdog
    learns the rate. Streams with `default=False` are subscribed only when asked for by channel.
    """

    kind: StreamKind
    channel: str
    endpoint: str
    period_s: float | None = None
    default: bool = True


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Describe one WebSocket endpoint and its documented limits."""

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


@dataclass(frozen=True, slots=True)
class RestRequest:
    """Describe one REST GET: path below the market's REST base, query, and its weight."""

    path: str
    query: Mapping[str, str]
    weight: int


@dataclass(frozen=True, slots=True)
class Routed:
    """Say where a frame belongs: its kind and native symbol; `stream` is the venue's stream name.

    Frames without a symbol have kind `control` and an empty symbol.
    """

    kind: str
    symbol: str
    stream: str = ""


CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Ack:
    """Hold the answer to a subscribe or unsubscribe request; `error` is empty when accepted."""

    request_id: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Peek:
    """Hold the update ids of a book frame, -1 where absent; `snapshot` for in-stream snapshots."""

    first: int
    last: int
    prev: int
    snapshot: bool = False


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


@dataclass(frozen=True)
class Market:
    """Answer all questions about one market of an exchange.

    `parsers` is keyed by frame kind: the StreamKind values, and `book_snapshot` for snapshots.
    `rest_weight_per_minute` is the budget of `rest_host`; `weight_header` names the response header
    that reports its use.
    """

    name: str
    streams: tuple[Stream, ...]
    endpoints: tuple[Endpoint, ...]
    rest_base: str
    rest_weight_per_minute: int
    weight_header: str
    stream_name: Callable[[Stream, str], str]
    subscribe: Callable[[int, Sequence[str]], bytes]
    unsubscribe: Callable[[int, Sequence[str]], bytes]
    route: Callable[[bytes], Routed]
    ack: Callable[[bytes], Ack | None]
    is_reconnect_notice: Callable[[bytes], bool]
    peek_book: Callable[[bytes], Peek]
    peek_snapshot: Callable[[bytes], Peek]
    snapshot_request: Callable[[str], RestRequest] | None
    instruments_request: RestRequest
    instruments: Callable[[bytes], list[tuple[InstrumentDefinition, bytes]]]
    instrument: Callable[[bytes], InstrumentDefinition]
    parsers: Mapping[str, Parser]
    book_rules: BookRules

    def endpoint(self, name: str) -> Endpoint:
        """Return an endpoint by name. Raises KeyError."""
        return {endpoint.name: endpoint for endpoint in self.endpoints}[name]


@dataclass(frozen=True)
class Exchange:
    """Name a venue and its markets."""

    name: str
    markets: Mapping[str, Market] = field(default_factory=dict)
