"""What a take gave is counted, and the newest frame's way here is measured."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hash_core import HashCore
from hypothesis import given
from hypothesis import strategies as st

from agents import _count
from agents._assemble import MdOutput
from agents._count import Counts, Smallest, latencies

NS = 1_000_000_000


def value(metric: Any) -> float:
    """Return what a counter or gauge stands at."""
    return float(metric._value.get())


def output(topic: str, exchange_ns: int | None, received_ns: int, **told: object) -> MdOutput:
    """Make an md record of an old row and the one that counts."""
    columns = {"exchange_ns": exchange_ns, "received_ns": received_ns, "source": "live", "market": "m", **told}
    rows = [{**columns, "exchange_ns": 1}, columns]
    return MdOutput(topic, pa.RecordBatch.from_pylist(rows), 1, 2)


def test_counters_move_once_per_take() -> None:
    """Records, duplicates, dead letters, sums and spare frames are counted together."""
    outputs = HashCore().process([])
    outputs.duplicates["binance", "usdm", "trades"] += 2
    outputs.dead["binance", "decode"] += 1
    outputs.checksums["kraken", "spot", "ok"] += 3
    outputs.passed_over["kraken", "spot", "quotes"] += 4
    outputs.frames = 8
    counters = (
        _count.reader_messages_total.labels("raw.binance"),
        _count.duplicates_dropped_total.labels("binance", "usdm", "trades"),
        _count.dead_letters_total.labels("binance", "decode"),
        _count.book_checksums_total.labels("kraken", "spot", "ok"),
        _count.passed_over_total.labels("kraken", "spot", "quotes", "spare"),
    )
    before = [value(one) for one in counters]
    Counts().take("binance", 0, "raw.binance", 2, outputs, 0.5)
    assert [value(one) - count for one, count in zip(counters, before, strict=True)] == [2, 2, 1, 3, 4]


def test_kinds_nobody_knows_are_counted_together() -> None:
    """A foreign record may name any: a label is one of a closed set."""
    outputs = HashCore().process([])
    outputs.duplicates["binance", "usdm", "candles"] += 2
    outputs.duplicates["binance", "usdm", "moons"] += 1
    counter = _count.duplicates_dropped_total.labels("binance", "usdm", "other")
    before = value(counter)
    Counts().take("binance", 0, "raw.binance", 0, outputs, 0.5)
    assert value(counter) - before == 3
    assert not [labels for labels in _count.duplicates_dropped_total._metrics if labels[2] in {"candles", "moons"}]


def test_open_gaps_of_a_market_that_went_elsewhere_are_none_here() -> None:
    """What was told before does not stay."""
    counts = Counts()
    counts.gaps({("okx", "spot"): 3, ("okx", "swap"): 1})
    counts.gaps({("okx", "swap"): 2})
    assert [value(_count.gaps_open.labels("okx", name)) for name in ("spot", "swap")] == [0, 2]


def test_latency_is_that_of_the_newest_row() -> None:
    """A batch counts once, under its market and stream; a clock ahead of ours makes it negative."""
    found = list(latencies([output("md.quotes", 5 * NS, 7 * NS), output("md.book", 8 * NS, 7 * NS)]))
    assert found == [("m", "quotes", 2.0, 7.0), ("m", "book", -1.0, 7.0)]


@pytest.mark.parametrize(
    "told",
    [
        output("md.gaps", 5, 7),
        output("md.quotes", None, 7),
        output("md.quotes", 5, 7, source="replay"),
        output("md.trades", 5, 7, source="backfill", history=False),
        output("md.trades", 5, 7, history=True),
    ],
)
def test_what_was_not_received_as_it_happened_has_no_latency(told: MdOutput) -> None:
    """A replay is as old as its recording; a trade told again is as old as its first telling."""
    assert list(latencies([told])) == []


def test_the_offset_is_the_smallest_latency_of_late() -> None:
    """A frame that was on its way longer says nothing of clocks; after a minute a small one is forgotten."""
    counts, outputs = Counts(), HashCore().process([])
    seen = []
    for received_s, latency_s in ((100, 3), (110, 2), (120, 4), (175, 5)):
        outputs.md = [output("md.quotes", (received_s - latency_s) * NS, received_s * NS)]
        counts.take("kraken", 1, "raw.kraken", 1, outputs, 0.0)
        seen.append(value(_count.clock_offset_seconds.labels("kraken")))
    assert seen == [3.0, 2.0, 2.0, 4.0]
    histogram = _count.feed_latency_seconds.labels("kraken", "m", "quotes", "1")
    assert histogram._sum.get() == 14.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=50))
def test_the_smallest_of_a_window(steps: list[tuple[int, int]]) -> None:
    """It is what looking at all values of the window would find."""
    window, at, seen = Smallest(10), 0, list[tuple[int, int]]()
    for step, new in steps:
        at += step
        seen.append((at, new))
        assert window.of(at, new) == min(one for when, one in seen if when >= at - 10)
