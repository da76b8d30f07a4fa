"""An event is one log line and one metric; names and labels are a contract."""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import dataclass, fields
from typing import ClassVar

import pytest
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from typing_extensions import override

from cryptoflow import events
from cryptoflow.reference.metrics import ORIGINAL_METRICS, log_events, metrics

LABELS = frozenset(
    {
        *("exchange", "market", "stream", "shard", "reason", "channel", "topic", "partition"),
        *("host", "status", "stage", "table", "role"),
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
class Sampled(events.Event):
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


def test_a_line_is_one_json_object() -> None:
    """A log line parses as JSON, in UTC, with the event's fields as keys and a trace on one line."""
    formatter = events.JsonFormatter()
    formatter.converter = time.gmtime
    try:
        json.loads("{\n")
    except ValueError:
        record = logging.LogRecord("cryptoflow", logging.ERROR, __file__, 1, "went %s", ("wrong",), sys.exc_info())
    record.created, record.msecs = 1_700_000_000.25, 250.0
    record.__dict__["event_fields"] = {"exchange": "kraken"}
    line = formatter.format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert (told["at"], told["level"], told["text"]) == ("2023-11-14T22:13:20.250Z", "ERROR", "went wrong")
    assert told["exchange"] == "kraken"
    assert "JSONDecodeError" in told["trace"]


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
def test_every_event_has_a_text_and_plain_fields(kind: type[events.Event]) -> None:
    """A line can be read without the code, and no field hides one of the line's own keys."""
    assert kind.text
    assert not {f.name for f in fields(kind)} & {"at", "logger", "trace"}
