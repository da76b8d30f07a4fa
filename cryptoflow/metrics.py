"""Counters, gauges and histograms: what a process counts of itself.

All names start with `cryptoflow_` and are part of the contract (docs/reference/metrics.md). What is
an event as well is counted by emitting it (events.py).
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_PREFIX = "cryptoflow_"
_STREAM = ("exchange", "market", "stream", "shard")

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
fills_given_up_total = Counter(
    _PREFIX + "fills_given_up_total", "ranges of missing trades given up after all attempts", ("exchange", "market")
)
stream_silence_seconds = Gauge(_PREFIX + "stream_silence_seconds", "time since a stream's last frame", _STREAM)
ws_connections = Gauge(_PREFIX + "ws_connections", "open WebSocket connections", ("exchange", "market"))
rest_weight_used = Gauge(_PREFIX + "rest_weight_used", "REST weight used in the current minute", ("host",))
rest_requests_total = Counter(_PREFIX + "rest_requests_total", "REST requests", ("host", "status"))
rest_request_seconds = Histogram(_PREFIX + "rest_request_seconds", "REST request time", ("host",))
feed_latency_seconds = Histogram(
    _PREFIX + "feed_latency_seconds",
    "exchange clock to receive, of one row per batch; negative where the exchange's clock is ahead of ours",
    _STREAM,
    buckets=[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
)
clock_offset_seconds = Gauge(
    _PREFIX + "clock_offset_seconds",
    "our clock less the exchange's, and the fastest way here: the smallest latency of a minute",
    ("exchange",),
)
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
