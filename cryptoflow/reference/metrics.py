"""The page of metrics and log events."""

from __future__ import annotations

import logging
from dataclasses import fields

from prometheus_client.metrics import MetricWrapperBase

from cryptoflow import events
from cryptoflow.reference.markdown import code, head, join, table

ORIGINAL_METRICS = (
    "channel_depth",
    "channel_occupancy_ratio",
    "channel_sent_total",
    "channel_enqueue_delay_seconds",
    "reader_messages_total",
    "seq_gaps_total",
    "drops_total",
    "flush_size_bytes",
    "flush_duration_seconds",
    "s3_upload_retries_total",
    "s3tables_commit_latency_seconds",
    "idempotency_dupe_total",
)
"""Names that dashboards of the system before this one use; each is ours with the prefix."""

_METRICS = (
    "channel_depth",
    "channel_occupancy_ratio",
    "channel_sent_total",
    "channel_enqueue_delay_seconds",
    "reader_messages_total",
    "seq_gaps_total",
    "drops_total",
    "flush_size_bytes",
    "flush_duration_seconds",
    "s3_upload_retries_total",
    "s3tables_commit_latency_seconds",
    "idempotency_dupe_total",
)
"""Names that dashboards of the system before this one use; each is ours with the prefix."""

_NOTICE = "<!-- Written by `make docs` from the code; edits here are lost. -->"

_RECORDS = """\
A record kind is declared in one file of `schemas/`; its topic, its Iceberg table and this page come from there.
Every table is partitioned by `hour(received_at), exchange`. A row's identity within its table and exchange is
(`raw_partition`, `raw_offset`, `row_index`): where it came from. Prices and sizes are `decimal(38,18)`, never
rounded; `*_ns` are integer nanoseconds since the epoch, UTC. `symbolic` is a string that repeats: a dictionary
on topics, a plain string in tables. Ids are Iceberg field ids and never change."""

_TOPICS = """\
Every name is preceded by `kafka.prefix`; md and state topics also by `kafka.output_prefix`. All raw and md topics
have `kafka.partitions` partitions, fixed at creation."""

_RAW = """\
## raw: frames as received

Written by producers. Key `<exchange>.<market>.<native symbol>`, or `<exchange>.<market>._conn` for frames without
a symbol. Value: the JSON envelope of `schemas/_raw.py`, one or more frames each."""

_MD = """\
## md: rows

Written by workers. One Arrow IPC record batch per Kafka record, no key, the partition of the raw record. Headers:
`raw_topic`, `raw_partition`, `first` and `last` raw offset, `rows`, `prev` (the last raw offset before this record
that produced rows for the topic), `v`. Columns in wire order:"""

_SETTINGS = """\
Read from the YAML file named by `--config` or `CRYPTOFLOW_CONFIG`; an environment variable wins over the file.
Unknown keys are refused. Secrets are never printed."""

_METRICS = """\
Every process serves its metrics on `health_bind`:`health_port` under `/metrics`. Names are part of the contract.
Labels come from closed sets; symbols that are not configured fold into `other`."""

_LOG = """\
## Log events

One JSON object a line on stderr; the keys of an event stand beside `at`, `level` and `text`. ERROR means data lost
or a person needed; WARNING means neither yet."""


def metrics_page() -> str:
    """Describe every metric and log event."""
    rows = [
        (f"`{name}`", metric.describe()[0].type, code(_labels(metric)), metric.describe()[0].documentation)
        for name, metric in sorted(metrics().items())
    ]
    told = [
        (
            f"`{one.__name__}`",
            logging.getLevelName(one.level),
            one.text,
            code(f.name for f in fields(one)),
            _first(one),
        )
        for one in sorted(log_events(), key=lambda one: one.__name__)
    ]
    return join(
        [
            head("Metrics and log events"),
            _METRICS,
            table(("metric", "kind", "labels", "what it counts"), rows),
            "## Original names",
            table(("original", "here"), [(f"`{name}`", f"`cryptoflow_{name}`") for name in ORIGINAL_METRICS]),
            _LOG,
            table(("event", "level", "text", "keys", "when"), told),
        ]
    )


def metrics() -> dict[str, MetricWrapperBase]:
    """Return every metric of cryptoflow.events by the name it is scraped under."""
    found = [one for one in vars(events).values() if isinstance(one, MetricWrapperBase)]
    return {_scraped(metric): metric for metric in found}


def _scraped(metric: MetricWrapperBase) -> str:
    described = metric.describe()[0]
    return f"{described.name}_total" if described.type == "counter" else str(described.name)


def _labels(metric: MetricWrapperBase) -> tuple[str, ...]:
    return tuple(metric._labelnames)  # noqa: SLF001 - the library has no public way to ask


def log_events() -> list[type[events.Event]]:
    """Return every event type of cryptoflow.events."""
    kinds = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, events.Event)]
    return [one for one in kinds if one is not events.Event]


def _first(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
