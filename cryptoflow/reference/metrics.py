"""The page of metrics and log events."""

from __future__ import annotations

import logging
from dataclasses import fields

from prometheus_client import Metric
from prometheus_client.metrics import MetricWrapperBase

from cryptoflow import events, logs
from cryptoflow import metrics as declared
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
        (f"`{name}`", _described(metric).type, code(_labels(metric)), _described(metric).documentation)
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
    """Return every metric of cryptoflow.metrics by the name it is scraped under."""
    found = [one for one in vars(declared).values() if isinstance(one, MetricWrapperBase)]
    return {_scraped(metric): metric for metric in found}


def _scraped(metric: MetricWrapperBase) -> str:
    described = _described(metric)
    return f"{described.name}_total" if described.type == "counter" else described.name


def _described(metric: MetricWrapperBase) -> Metric:
    return next(iter(metric.describe()))


def _labels(metric: MetricWrapperBase) -> tuple[str, ...]:
    return tuple(metric._labelnames)  # noqa: SLF001 - the library has no public way to ask


def log_events() -> list[type[logs.Event]]:
    """Return every event type of cryptoflow.events."""
    kinds = [one for one in vars(events).values() if isinstance(one, type) and issubclass(one, logs.Event)]
    return [one for one in kinds if one not in {logs.Event, logs.MarketEvent}]


def _first(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]
