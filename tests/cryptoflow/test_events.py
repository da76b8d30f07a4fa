"""An event is one log line and one metric; names and labels are a contract."""

from __future__ import annotations

import logging
from dataclasses import dataclass, fields
from typing import ClassVar

import pytest
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from typing_extensions import override

from cryptoflow import logs
from cryptoflow.reference.metrics import ORIGINAL_METRICS, log_events, metrics

LABELS = frozenset(
    {
        *("exchange", "market", "stream", "shard", "reason", "channel", "topic", "partition"),
        *("host", "status", "stage", "table", "role", "result"),
    }
)
"""The closed set of label names: none can take a symbol, an id or a text."""

CONTRACT = (
    *ORIGINAL_METRICS,
    *("frames_received_total", "frames_published_total", "stream_silence_seconds", "resyncs_total", "book_valid"),
    *("agent_lag_records", "agent_frame_seconds", "rows_committed_total", "commit_unknown_total", "spool_bytes"),
    *("ws_connections", "rest_weight_used", "rest_requests_total", "rest_request_seconds", "feed_latency_seconds"),
    *("clock_offset_seconds", "dead_letters_total", "sink_lag_records", "gaps_open"),
)
"""The names dashboards and alerts rely on; removing one is a breaking change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled(logs.Event):
    """Stand for any event."""

    level: ClassVar[int] = logging.WARNING
    text: ClassVar[str] = "something happened"
    counter: ClassVar[Counter] = Counter("cryptoflow_test_sampled_total", "seen by the tests alone", ("exchange",))
    exchange: str
    amount: int

    @override
    def count(self) -> None:
        self.counter.labels(self.exchange).inc(self.amount)


def test_emitting_logs_and_counts_together(caplog: pytest.LogCaptureFixture) -> None:
    """One call writes the line with the event's fields and moves its metric."""
    caplog.set_level(logging.INFO, "cryptoflow")
    Sampled(exchange="binance", amount=3).emit()
    (record,) = caplog.records
    assert (record.levelno, record.getMessage()) == (logging.WARNING, "something happened")
    assert record.__dict__["event_fields"] == {"exchange": "binance", "amount": 3}
    assert Sampled.counter.labels("binance")._value.get() == 3


@pytest.mark.parametrize("name", CONTRACT)
def test_every_metric_of_the_contract_exists(name: str) -> None:
    """Each contracted name is there, with the prefix."""
    assert f"cryptoflow_{name}" in metrics()


@pytest.mark.parametrize(("name", "metric"), metrics().items())
def test_a_metric_is_prefixed_described_and_has_closed_labels(name: str, metric: MetricWrapperBase) -> None:
    """Names carry the prefix, every metric says what it counts, and labels come from the closed set."""
    assert name.startswith("cryptoflow_")
    assert metric.describe()[0].documentation
    assert set(metric._labelnames) <= LABELS


@pytest.mark.parametrize("kind", log_events())
def test_every_event_has_a_text_and_plain_fields(kind: type[logs.Event]) -> None:
    """A line can be read without the code, and no field hides one of the line's own keys."""
    assert kind.text
    assert not {f.name for f in fields(kind)} & {"at", "logger", "trace"}
