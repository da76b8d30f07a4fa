"""The loop of every sink process: read, write, commit what is due, report."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cryptoflow import clock, events, metrics
from cryptoflow.config import Settings
from cryptoflow.errors import RetryError
from sinks._read import Reader
from sinks._sink import Patience, Sink, SinkFacts

READ_MAX_RECORDS = 200
_READ_WAIT_S = 0.1
_REPORT_EVERY_S = 1.0


def run(
    sink: Sink, settings: Settings, stop: threading.Event, facts: Callable[[SinkFacts], None] | None = None
) -> None:
    """Feed a sink until `stop` is set, then commit once more within `sinks.shutdown_limit_s`.

    Raises StopError when going on would hide something; nothing is committed then.
    """
    patience = Patience(stop, settings.sinks.shutdown_limit_s)
    reader = Reader(settings, sink.topics())
    report = _Reporter(sink, reader, facts)
    try:
        report.waiting()
        identities = reader.identify(patience)
        if not identities:
            return
        reader.start(sink.open(identities, patience))
        while not stop.is_set():
            for record in reader.read(READ_MAX_RECORDS, _READ_WAIT_S):
                sink.write(record)
            reader.rewind(sink.commit(patience))
            report.maybe()
        sink.commit(patience, final=True)
        report.now()
    except RetryError as error:
        if not stop.is_set():
            raise
        # Nothing is lost: the next start asks the store what landed.
        events.SinkUnresolved(error=str(error)).emit()
    finally:
        sink.close()
        reader.close()


class _Reporter:
    """Tell facts and lag about once a second."""

    def __init__(self, sink: Sink, reader: Reader, facts: Callable[[SinkFacts], None] | None) -> None:
        self._sink = sink
        self._reader = reader
        self._facts = facts
        self._next_s = 0.0

    def waiting(self) -> None:
        if self._facts:
            self._facts(SinkFacts(live=True, ready=False, detail={"waiting": "broker, topics and tables"}))

    def maybe(self) -> None:
        if clock.monotonic_s() >= self._next_s:
            self.now()

    def now(self) -> None:
        self._next_s = clock.monotonic_s() + _REPORT_EVERY_S
        lag = self._reader.lag(self._sink.committed())
        for (topic, partition), records in lag.items():
            metrics.sink_lag_records.labels(topic, str(partition)).set(records)
        if self._facts:
            lag_of = {f"{topic}[{partition}]": records for (topic, partition), records in lag.items()}
            detail: dict[str, object] = {"lag": lag_of, "at_ns": clock.now_ns(), **self._sink.detail()}
            self._facts(SinkFacts(live=True, ready=True, detail=detail))
