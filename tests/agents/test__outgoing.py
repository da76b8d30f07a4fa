"""Records on their way out: headers, chains, cuts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pyarrow as pa

from agents._outgoing import Names, Wrapper, cut
from schemas import Mark, MdHeader, Verdict, decode_md
from schemas._reseed import ReseedRequest


@dataclass(frozen=True)
class Output:
    """Be rows of one topic."""

    topic: str
    batch: pa.RecordBatch
    first: int
    last: int


def output(offsets: list[int], topic: str = "md.trades") -> Output:
    """Make rows with these raw offsets."""
    batch = pa.RecordBatch.from_pydict({"raw_offset": pa.array(offsets, pa.int64())})
    return Output(topic, batch, offsets[0], offsets[-1])


def wrapper(record_max_bytes: int = 1_000_000) -> Wrapper:
    """Make a wrapper with a prefix."""
    return Wrapper("raw.x", 3, Names(lambda name: f"test.{name}", "test.control.reseed"), record_max_bytes)


def header(record: object) -> MdHeader:
    """Read a record's headers."""
    return MdHeader.from_kafka(record.headers)  # type: ignore[attr-defined]


def test_prev_names_the_last_rows_before_on_the_same_topic() -> None:
    """Each topic has a chain of its own, beginning at nothing."""
    made = wrapper()
    first = made.wrap([output([1, 2]), output([2], "md.quotes"), output([5])], [])
    later = made.wrap([output([9], "md.quotes")], [])
    assert [header(record).prev for record in first["test.md.trades"]] == [-1, 2]
    assert header(first["test.md.quotes"][0]).prev == -1
    assert header(later["test.md.quotes"][0]).prev == 2
    assert {record.partition for records in first.values() for record in records} == {3}


def test_a_chain_never_goes_back() -> None:
    """After a start below `prev` the repeated records still name what is delivered."""
    made = wrapper()
    made.prev["md.trades"] = 10
    again = made.wrap([output([4, 5]), output([11])], [])["test.md.trades"]
    assert [header(record).prev for record in again] == [10, 10]
    assert made.prev["md.trades"] == 11


def test_an_output_without_rows_leaves_nothing() -> None:
    """Empty batches are neither sent nor chained."""
    empty = Output("md.trades", output([1]).batch.slice(0, 0), 1, 1)
    made = wrapper()
    assert made.wrap([empty], []) == {}
    assert made.prev == {}


def test_large_outputs_are_cut_between_raw_records_only() -> None:
    """The parts hold all rows in order, each raw record whole, and a reader takes them one after another."""
    offsets = [1] * 40 + [2] * 3 + [5] * 60 + [6, 7, 8]
    made = wrapper(300).wrap([output(offsets)], [])["test.md.trades"]
    assert len(made) > 2
    mark = Mark()
    rows = []
    for record in made:
        assert mark.judge(header(record)) is Verdict.TAKE
        mark.move(header(record))
        found = decode_md(record.value).column("raw_offset").to_pylist()
        assert (found[0], found[-1], len(found)) == (header(record).first, header(record).last, header(record).rows)
        rows += found
    assert rows == offsets
    assert len({header(record).first for record in made}) == len(made)


def test_the_rows_of_one_raw_record_stay_together() -> None:
    """Rows of one raw record are never split over two md records, whatever their size."""
    assert [(batch.num_rows, first, last) for batch, first, last in cut(output([4] * 100), 300)] == [(100, 4, 4)]


def test_a_reseed_request_names_the_place_in_the_log() -> None:
    """The producer learns which book broke when, and where that stands."""
    (record,) = wrapper().wrap([], [ReseedRequest("binance", "usdm", "BTCUSDT", 5, raw_offset=7)])[
        "test.control.reseed"
    ]
    assert record.partition == 0
    assert json.loads(record.value) == {
        "exchange": "binance",
        "market": "usdm",
        "symbol": "BTCUSDT",
        "broken_at_ns": 5,
        "raw_topic": "raw.x",
        "raw_partition": 3,
        "raw_offset": 7,
    }
