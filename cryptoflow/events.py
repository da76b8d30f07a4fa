"""What a process says of itself: one type per thing that can happen, one log line, one metric.

Emitting an event logs it and counts it together, so log and counter cannot disagree.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from cryptoflow import metrics
from cryptoflow.logs import Event, MarketEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStarted(Event):
    """Say what started, with which version."""

    text: ClassVar[str] = "process started"
    role: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessStopping(Event):
    """Say that a stop was asked for, and why."""

    text: ClassVar[str] = "process stopping"
    role: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FatalError(Event):
    """Say why the process ends at once."""

    level: ClassVar[int] = logging.ERROR
    text: ClassVar[str] = "process ends: going on would lose or hide data"
    role: str
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkWaiting(Event):
    """Say what a starting sink waits for."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "sink waits"
    waits_for: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkUnresolved(Event):
    """Say that a sink ended before it knew the outcome of a commit; the next start reads the table."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "sink ended with a commit unresolved"
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchCommitted(Event):
    """Say what a table gained."""

    text: ClassVar[str] = "committed"
    table: str
    rows: int
    files: int
    batch: str
    snapshot: int
    attempts: int

    @override
    def count(self) -> None:
        """Count the rows."""
        metrics.rows_committed_total.labels(self.table).inc(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDiscarded(Event):
    """Say that a batch did not continue where the table ends, because another writer was there."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "batch discarded: the table has moved on"
    table: str
    rows: int
    batch: str

    @override
    def count(self) -> None:
        """Count the rows."""
        metrics.idempotency_dupe_total.labels(self.table).inc(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitConflict(Event):
    """Say that a commit met another one."""

    text: ClassVar[str] = "commit met another one"
    table: str
    attempt: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitUnknown(Event):
    """Say that a commit was not answered cleanly: it may have landed."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "commit outcome unknown"
    table: str
    attempt: int
    error: str

    @override
    def count(self) -> None:
        """Count it."""
        metrics.commit_unknown_total.labels(self.table).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogAway(Event):
    """Say that the catalog or the object store does not answer."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "catalog or object store does not answer"
    table: str
    step: str
    attempt: int
    error: str

    @override
    def count(self) -> None:
        """Count uploads tried again."""
        if self.step == "upload":
            metrics.s3_upload_retries_total.labels(self.table).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(MarketEvent):
    """Say that a WebSocket is open."""

    text: ClassVar[str] = "connection opened"
    endpoint: str
    conn: str
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost(MarketEvent):
    """Say why a connection ended; a gap frame says what it means."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connection lost"
    endpoint: str
    conn: str
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReplaced(MarketEvent):
    """Say that a replacement took over without a gap."""

    text: ClassVar[str] = "connection replaced"
    endpoint: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed(MarketEvent):
    """Say that a connection could not be opened."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connecting failed"
    endpoint: str
    detail: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFailed(MarketEvent):
    """Say that the venue refused or did not answer a subscription."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "subscription failed"
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSequenceBroken(MarketEvent):
    """Say that the numbers a venue counts all frames of a connection with have a hole."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connection sequence broken"
    conn: str
    detail: str
    shard: str

    @override
    def count(self) -> None:
        """Count the break."""
        metrics.seq_gaps_total.labels(self.exchange, self.market, "connection", self.shard).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSilent(MarketEvent):
    """Say that an acknowledged stream is silent beyond its limit."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "stream silent"
    stream: str
    limit_s: float
    silent_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfPaused(Event):
    """Say that this process did not run for a while."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "this process was paused: connections are opened again"
    paused_s: float
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BookBroken(MarketEvent):
    """Say that a sequence break was seen while receiving; the log's own gap comes from the agent."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "book sequence broken"
    symbol: str
    shard: str

    @override
    def count(self) -> None:
        """Count the break."""
        metrics.seq_gaps_total.labels(self.exchange, self.market, "book", self.shard).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesFilled(MarketEvent):
    """Say that missing trades were fetched over REST; `found` of the ids from `first` to `last` came."""

    level: ClassVar[int] = logging.INFO
    text: ClassVar[str] = "missing trades fetched"
    symbol: str
    first: int
    last: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FillGivenUp(MarketEvent):
    """Say that missing trades could not be fetched: the ids from `first` to `last` stay a gap until asked for again."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "missing trades given up"
    symbol: str
    first: int
    last: int
    attempts: int
    detail: str

    @override
    def count(self) -> None:
        """Count the range."""
        metrics.fills_given_up_total.labels(self.exchange, self.market).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class BookResynced(MarketEvent):
    """Say that a book snapshot was fetched, and how it fits the deltas."""

    level: ClassVar[int] = logging.DEBUG
    text: ClassVar[str] = "book snapshot fetched"
    symbol: str
    reason: str
    verdict: str
    shard: str

    @override
    def count(self) -> None:
        """Count the snapshot."""
        metrics.resyncs_total.labels(self.exchange, self.market, "book", self.shard).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class RestFailed(Event):
    """Say that a REST request failed and when it is tried again."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "REST request failed"
    host: str
    path: str
    detail: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolStarted(Event):
    """Say that frames go to the spool because the broker is behind or away."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "spooling: the broker is behind or away"
    reason: str
    unacknowledged_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolDrained(Event):
    """Say that everything spooled was handed to the broker in order."""

    text: ClassVar[str] = "spool drained"
    records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolDamaged(Event):
    """Say that a part of the spool could not be read back."""

    level: ClassVar[int] = logging.ERROR
    text: ClassVar[str] = "spool damaged"
    path: str
    lost_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesDropped(Event):
    """Say that frames could not be kept; a gap frame per symbol says which."""

    level: ClassVar[int] = logging.ERROR
    text: ClassVar[str] = "frames dropped"
    reason: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFilling(Event):
    """Say that a bounded queue is above its alert level."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "queue filling"
    channel: str
    occupancy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartGap(Event):
    """Say from when to when an earlier run's end left streams unheard."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "gap since the last run"
    symbols: int
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLost(Event):
    """Say that retention removed raw records that were still needed, and that the worker goes on as told."""

    level: ClassVar[int] = logging.ERROR
    text: ClassVar[str] = "raw records are lost: retention was faster than the worker"
    topic: str
    partition: int
    first_offset: int
    next_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsReadAgain(Event):
    """Say that the consumer handed over records beyond the next one and was sent back; nothing is lost."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "raw records were passed over and are read again"
    topic: str
    partition: int
    next_offset: int
    came_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressLimited(Event):
    """Say that a venue limited a local address: it rests, others serve."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "address limited by the venue"
    host: str
    address: str
    status: int
    rest_s: float
    addresses_left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolsChanged(MarketEvent):
    """Say which symbols a running producer took up and which it gave up, and why."""

    text: ClassVar[str] = "symbols changed"
    added: int
    removed: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingChosen(Event):
    """Say that nothing that is listed fits the configured symbols: the process waits for a listing or an order."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "nothing to record"
    detail: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolWaiting(MarketEvent):
    """Say that a symbol was added by order which the market does not list: it is recorded once it is listed."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "symbol ordered is not listed"
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverEnded(MarketEvent):
    """Say that this replica holds just what it owns among `replica_count` replicas."""

    text: ClassVar[str] = "handover ended"
    replica_count: int
    taken: int
    given: int
    declared: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverWaiting(Event):
    """Say that the new owner of symbols was not seen in the log: they are recorded here until it is."""

    level: ClassVar[int] = logging.ERROR
    text: ClassVar[str] = "handover waits: no other replica records these symbols"
    exchange: str
    symbols: int
    limit_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnverifiedRule(Event):
    """Say that a rule PROTOCOLS marks as unverified (!) was met or broken, once per process."""

    text: ClassVar[str] = "unverified rule sighted"
    rule: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolListed(MarketEvent):
    """Say that a venue trades an instrument it did not trade before."""

    text: ClassVar[str] = "symbol listed"
    symbol: str
    native_symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolDelisted(MarketEvent):
    """Say that a venue ended an instrument or lists it no more; its streams are given up."""

    text: ClassVar[str] = "symbol delisted"
    native_symbol: str
    was_recorded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRenamed(MarketEvent):
    """Say that an instrument goes on under another native name, or that its canonical name changed."""

    text: ClassVar[str] = "symbol renamed"
    old: str
    new: str
    symbol: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingLeftOut(Event):
    """Say which rows of a recording the simulator does not replay: the streams with most of them."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "recorded rows are not replayed"
    rows: int
    streams: str
