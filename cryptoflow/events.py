"""What a process says of itself: one type per thing that can happen, one log line, one metric.

Emitting an event logs it and counts it together, so log and counter cannot disagree. Gauges and
histograms that are no event stand at the end. All names start with `cryptoflow_` and are part of
the contract (docs/reference/metrics.md).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import ClassVar

from prometheus_client import Counter, Gauge, Histogram
from typing_extensions import override

from cryptoflow.logs import Event

_PREFIX = "cryptoflow_"
_STREAM = ("exchange", "market", "stream", "shard")

# --- counters and gauges named by the contract ------------------------------------------------------

frames_received_total = Counter(_PREFIX + "frames_received_total", "frames received", _STREAM)
frames_published_total = Counter(_PREFIX + "frames_published_total", "frames acknowledged by the broker", _STREAM)
drops_total = Counter(_PREFIX + "drops_total", "frames dropped", (*_STREAM, "reason"))
frames_recovered_total = Counter(
    _PREFIX + "frames_recovered_total", "frames found in the spool of an earlier run", _STREAM
)
frames_in_flight = Gauge(_PREFIX + "frames_in_flight", "frames received, neither published nor dropped", ("shard",))
channel_depth = Gauge(_PREFIX + "channel_depth", "frames waiting in a bounded queue", ("channel",))
channel_occupancy_ratio = Gauge(_PREFIX + "channel_occupancy_ratio", "depth over limit of a queue", ("channel",))
channel_sent_total = Counter(_PREFIX + "channel_sent_total", "frames put on a queue", ("channel",))
channel_enqueue_delay_seconds = Histogram(
    _PREFIX + "channel_enqueue_delay_seconds", "wait for a place in a queue", ("channel",)
)
reader_messages_total = Counter(_PREFIX + "reader_messages_total", "Kafka records read", ("topic",))
seq_gaps_total = Counter(_PREFIX + "seq_gaps_total", "sequence breaks seen", _STREAM)
resyncs_total = Counter(_PREFIX + "resyncs_total", "book snapshots fetched again", _STREAM)
stream_silence_seconds = Gauge(_PREFIX + "stream_silence_seconds", "time since a stream's last frame", _STREAM)
ws_connections = Gauge(_PREFIX + "ws_connections", "open WebSocket connections", ("exchange", "market"))
rest_weight_used = Gauge(_PREFIX + "rest_weight_used", "REST weight used in the current minute", ("host",))
rest_requests_total = Counter(_PREFIX + "rest_requests_total", "REST requests", ("host", "status"))
rest_request_seconds = Histogram(_PREFIX + "rest_request_seconds", "REST request time", ("host",))
feed_latency_seconds = Histogram(_PREFIX + "feed_latency_seconds", "exchange clock to receive", _STREAM)
clock_offset_seconds = Gauge(_PREFIX + "clock_offset_seconds", "our clock less the exchange's, smoothed", ("exchange",))
spool_bytes = Gauge(_PREFIX + "spool_bytes", "bytes waiting in the spool", ("shard",))
book_valid = Gauge(_PREFIX + "book_valid", "books valid", ("exchange", "market"))
gaps_open = Gauge(_PREFIX + "gaps_open", "gaps open", ("exchange", "market"))
duplicates_dropped_total = Counter(
    _PREFIX + "duplicates_dropped_total", "repeats dropped by their id", ("exchange", "market", "stream")
)
passed_over_total = Counter(
    _PREFIX + "passed_over_total",
    "frames that are no rows: of a spare connection (reason spare)",
    ("exchange", "market", "stream", "reason"),
)
book_checksums_total = Counter(
    _PREFIX + "book_checksums_total",
    "sums over books, by what they said: ok, mismatch, absent",
    ("exchange", "market", "result"),
)
agent_lag_records = Gauge(_PREFIX + "agent_lag_records", "raw records not yet processed", ("topic", "partition"))
agent_frame_seconds = Histogram(_PREFIX + "agent_frame_seconds", "processing time per frame", ("exchange",))
dead_letters_total = Counter(_PREFIX + "dead_letters_total", "frames that could not be read", ("exchange", "stage"))
flush_size_bytes = Histogram(
    _PREFIX + "flush_size_bytes", "encoded bytes of a flush", ("table",), buckets=[2.0**n for n in range(10, 31, 2)]
)
flush_duration_seconds = Histogram(_PREFIX + "flush_duration_seconds", "time of a flush", ("table",))
s3_upload_retries_total = Counter(_PREFIX + "s3_upload_retries_total", "uploads tried again", ("table",))
s3tables_commit_latency_seconds = Histogram(
    _PREFIX + "s3tables_commit_latency_seconds", "time of one commit request", ("table",)
)
idempotency_dupe_total = Counter(
    _PREFIX + "idempotency_dupe_total", "rows or batches recognised as already written", ("table",)
)
rows_committed_total = Counter(_PREFIX + "rows_committed_total", "rows committed", ("table",))
commit_unknown_total = Counter(_PREFIX + "commit_unknown_total", "commits whose outcome was unknown", ("table",))
sink_lag_records = Gauge(_PREFIX + "sink_lag_records", "md records not yet committed", ("topic", "partition"))


# --- events -----------------------------------------------------------------------------------------


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
        rows_committed_total.labels(self.table).inc(self.rows)


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
        idempotency_dupe_total.labels(self.table).inc(self.rows)


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
        commit_unknown_total.labels(self.table).inc()


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
            s3_upload_retries_total.labels(self.table).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOpened(Event):
    """Say that a WebSocket is open."""

    text: ClassVar[str] = "connection opened"
    exchange: str
    market: str
    endpoint: str
    conn: str
    streams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLost(Event):
    """Say why a connection ended; a gap frame says what it means."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connection lost"
    exchange: str
    market: str
    endpoint: str
    conn: str
    cause: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReplaced(Event):
    """Say that a replacement took over without a gap."""

    text: ClassVar[str] = "connection replaced"
    exchange: str
    market: str
    endpoint: str
    old: str
    new: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectFailed(Event):
    """Say that a connection could not be opened."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connecting failed"
    exchange: str
    market: str
    endpoint: str
    detail: str
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFailed(Event):
    """Say that the venue refused or did not answer a subscription."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "subscription failed"
    exchange: str
    market: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSequenceBroken(Event):
    """Say that the numbers a venue counts all frames of a connection with have a hole."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "connection sequence broken"
    exchange: str
    market: str
    conn: str
    detail: str
    shard: str

    @override
    def count(self) -> None:
        """Count the break."""
        seq_gaps_total.labels(self.exchange, self.market, "connection", self.shard).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSilent(Event):
    """Say that an acknowledged stream is silent beyond its limit."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "stream silent"
    exchange: str
    market: str
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
class BookBroken(Event):
    """Say that a sequence break was seen while receiving; the log's own gap comes from the agent."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "book sequence broken"
    exchange: str
    market: str
    symbol: str
    shard: str

    @override
    def count(self) -> None:
        """Count the break."""
        seq_gaps_total.labels(self.exchange, self.market, "book", self.shard).inc()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesFilled(Event):
    """Say that missing trades were fetched over REST; `found` of the ids from `first` to `last` came."""

    level: ClassVar[int] = logging.INFO
    text: ClassVar[str] = "missing trades fetched"
    exchange: str
    market: str
    symbol: str
    first: int
    last: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BookResynced(Event):
    """Say that a book snapshot was fetched, and how it fits the deltas."""

    level: ClassVar[int] = logging.DEBUG
    text: ClassVar[str] = "book snapshot fetched"
    exchange: str
    market: str
    symbol: str
    reason: str
    verdict: str
    shard: str

    @override
    def count(self) -> None:
        """Count the snapshot."""
        resyncs_total.labels(self.exchange, self.market, "book", self.shard).inc()


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
class SymbolsChanged(Event):
    """Say which symbols a running producer took up and which it gave up, and why."""

    text: ClassVar[str] = "symbols changed"
    exchange: str
    market: str
    added: int
    removed: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverEnded(Event):
    """Say that this replica holds just what it owns among `replica_count` replicas."""

    text: ClassVar[str] = "handover ended"
    exchange: str
    market: str
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
