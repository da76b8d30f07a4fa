"""Count what a take gave: the worker's metrics, and how late frames reach us."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from agents._messages import ALIVE, GAP, INSTRUMENT, STREAMS, SWITCH
from agents._outgoing import MdOutput
from agents._owner import Outputs
from cryptoflow.metrics import (
    agent_frame_seconds,
    book_checksums_total,
    clock_offset_seconds,
    dead_letters_total,
    duplicates_dropped_total,
    feed_latency_seconds,
    gaps_open,
    passed_over_total,
    reader_messages_total,
)
from exchanges import BACKFILL, BOOK_SNAPSHOT, CONTROL

_SPARE = "spare"
_NS = 1e9
_STREAMS = {f"md.{name}": name for name in ("trades", "quotes", "book", "liquidations", "funding")}
_KINDS = STREAMS | {BOOK_SNAPSHOT, BACKFILL, CONTROL, GAP, ALIVE, SWITCH, INSTRUMENT}
_OTHER = "other"
"""Stands for the kinds of frames that only a foreign record can have."""

_LIVE = frozenset({"live", "test"})
WINDOW_S = 60.0
"""Receive time over which the smallest latency of an exchange is its clock offset [s]."""


class Counts:
    """Move the metrics of one process, once per take."""

    def __init__(self) -> None:
        """Start without having seen an exchange."""
        self._smallest: dict[str, Smallest] = {}
        self._markets: set[tuple[str, str]] = set()

    def gaps(self, found: Mapping[tuple[str, str], int]) -> None:
        """Tell the gaps open now by exchange and market; a market whose partitions went to others has none here."""
        self._markets.update(found)
        for place in self._markets:
            gaps_open.labels(*place).set(found.get(place, 0))

    def take(self, exchange: str, partition: int, topic: str, records: int, outputs: Outputs, seconds: float) -> None:
        """Count a take of raw records that lasted `seconds`."""
        reader_messages_total.labels(topic).inc(records)
        if outputs.frames:
            agent_frame_seconds.labels(exchange).observe(seconds / outputs.frames)
        for (name, market, kind), count in outputs.duplicates.items():
            duplicates_dropped_total.labels(name, market, kind if kind in _KINDS else _OTHER).inc(count)
        for (name, stage), count in outputs.dead.items():
            dead_letters_total.labels(name, stage).inc(count)
        for verdicts, count in outputs.checksums.items():
            book_checksums_total.labels(*verdicts).inc(count)
        for spare, count in outputs.passed_over.items():
            passed_over_total.labels(*spare, _SPARE).inc(count)
        for market, stream, latency_s, received_s in latencies(outputs.md):
            feed_latency_seconds.labels(exchange, market, stream, str(partition)).observe(latency_s)
            smallest = self._smallest.setdefault(exchange, Smallest(WINDOW_S))
            clock_offset_seconds.labels(exchange).set(smallest.of(received_s, latency_s))


def latencies(outputs: Iterable[MdOutput]) -> Iterator[tuple[str, str, float, float]]:
    """Yield market, stream, latency and receive time [s] of the last row of each md record that has an exchange time.

    Rows that were not received as they happened say nothing: replays, fills over REST, trades told again.
    Negative where the exchange's clock is ahead of ours.
    """
    for output in outputs:
        stream = _STREAMS.get(output.topic)
        if stream is None:
            continue
        batch, last = output.batch, output.batch.num_rows - 1
        exchange_ns, received_ns, source, market = (
            batch.column(name)[last].as_py() for name in ("exchange_ns", "received_ns", "source", "market")
        )
        told_again = stream == "trades" and batch.column("history")[last].as_py()
        if exchange_ns is not None and source in _LIVE and not told_again:
            yield market, stream, (received_ns - exchange_ns) / _NS, received_ns / _NS


class Smallest:
    """Keep the smallest of the values seen in a moving window."""

    def __init__(self, window_s: float) -> None:
        """Start empty."""
        self._window_s = window_s
        self._rising: deque[tuple[float, float]] = deque()

    def of(self, at_s: float, value: float) -> float:
        """Return the smallest value of the window that ends at `at_s`, `value` among them."""
        kept = self._rising
        while kept and kept[-1][1] >= value:
            kept.pop()
        kept.append((at_s, value))
        while kept[0][0] < at_s - self._window_s:
            kept.popleft()
        return kept[0][1]
