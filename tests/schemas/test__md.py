"""Md records prove their order; the one trimming helper gives every row exactly once."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import Mark, MdHeader, Verdict, decode_md, encode_md, topics

RAW = "raw.binance"


def header(first: int, last: int, prev: int, rows: int = 1, partition: int = 0) -> MdHeader:
    """Describe a record of rows from raw offsets first to last."""
    return MdHeader(raw_topic=RAW, raw_partition=partition, first=first, last=last, rows=rows, prev=prev)


@pytest.mark.parametrize(
    ("record", "verdict"),
    [
        (header(11, 12, 10), Verdict.TAKE),
        (header(15, 15, 9), Verdict.TAKE),
        (header(9, 12, 8), Verdict.TRIM),
        (header(10, 11, 9), Verdict.TRIM),
        (header(9, 10, 8), Verdict.SKIP),
        (header(3, 4, -1), Verdict.SKIP),
        (header(12, 13, 11), Verdict.HOLE),
        (header(11, 11, 11), Verdict.HOLE),
    ],
)
def test_a_record_is_judged_by_the_mark(record: MdHeader, verdict: Verdict) -> None:
    """With mark 10: what is new is taken, what overlaps trimmed, what is known skipped, a hole stops."""
    mark = Mark({(RAW, 0): 10})
    assert mark.judge(record) is verdict
    assert mark.marks == {(RAW, 0): 10}


def test_a_fresh_reader_starts_before_everything() -> None:
    """Without a mark the first record is taken if it is the first there is, else it is a hole."""
    assert Mark().judge(header(0, 3, -1)) is Verdict.TAKE
    assert Mark().judge(header(5, 6, 4)) is Verdict.HOLE


def test_partitions_have_marks_of_their_own() -> None:
    """Moving one raw partition leaves the others where they were."""
    mark = Mark()
    mark.move(header(0, 7, -1, partition=1))
    assert mark.marks == {(RAW, 1): 7}
    assert mark.judge(header(0, 2, -1, partition=0)) is Verdict.TAKE


def batch_of(offsets: list[int]) -> pa.RecordBatch:
    """Make a batch of rows that came from the given raw offsets."""
    return pa.record_batch({"raw_offset": pa.array(offsets, pa.int64())})


@dataclass
class Reader:
    """Read as every reader does: judge, trim, take, move."""

    mark: Mark
    taken: list[int]

    def read(self, record: MdHeader, offsets: list[int]) -> None:
        """Take what is new of one record."""
        verdict = self.mark.judge(record)
        assert verdict is not Verdict.HOLE
        if verdict is Verdict.SKIP:
            return
        batch = batch_of(offsets)
        kept = self.mark.trim(record, batch) if verdict is Verdict.TRIM else batch
        self.taken += kept["raw_offset"].to_pylist()
        self.mark.move(record)


def cut(offsets: list[int], sizes: list[int]) -> list[list[int]]:
    """Cut distinct raw offsets into records of the given sizes, over and over."""
    parts, start = [], 0
    while start < len(offsets):
        size = sizes[len(parts) % len(sizes)]
        parts.append(offsets[start : start + size])
        start += size
    return parts


SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=4)


LIVES = st.lists(st.tuples(st.integers(0, 60), SIZES, st.integers(1, 5)), max_size=6)


@given(st.sets(st.integers(0, 60)).map(sorted), LIVES)
def test_replays_cut_differently_give_every_row_once(
    offsets: list[int], lives: list[tuple[int, list[int], int]]
) -> None:
    """A writer that dies after a few records and repeats from earlier, cut otherwise, adds and loses nothing."""
    reader = Reader(Mark(), [])
    for start, sizes, records_written in [(0, [2], 2), *lives, (0, [3], 1000)]:
        behind = [offset for offset in offsets if offset < start]
        if behind and behind[-1] > reader.mark.of(header(0, 0, 0)):
            continue  # a writer never restarts beyond what it has written
        prev = behind[-1] if behind else -1
        for part in cut([offset for offset in offsets if offset >= start], sizes)[:records_written]:
            reader.read(header(part[0], part[-1], prev, len(part)), part)
            prev = part[-1]
    assert reader.taken == offsets


@given(st.sets(st.integers(0, 60), min_size=3).map(sorted), SIZES, st.data())
def test_a_lost_record_is_a_hole(offsets: list[int], sizes: list[int], data: st.DataObject) -> None:
    """Whichever record but the last disappears, the next one is judged a hole."""
    parts = cut(offsets, sizes)
    if len(parts) < 2:
        return
    lost = data.draw(st.integers(0, len(parts) - 2))
    reader = Reader(Mark(), [])
    prev = -1
    for number, part in enumerate(parts):
        record = header(part[0], part[-1], prev, len(part))
        prev = part[-1]
        if number == lost + 1:
            assert reader.mark.judge(record) is Verdict.HOLE
            return
        if number != lost:
            reader.read(record, part)


def test_headers_survive_kafka() -> None:
    """Written headers read back equal, foreign headers beside them are ignored."""
    record = header(5, 9, 4, 120)
    assert MdHeader.from_kafka([*record.to_kafka(), ("trace", b"x")]) == record


def test_a_missing_header_is_named() -> None:
    """A record without proof of order is refused."""
    headers = [one for one in header(5, 9, 4).to_kafka() if one[0] != "prev"]
    with pytest.raises(ValueError, match="'prev' is missing"):
        MdHeader.from_kafka(headers)


def test_another_version_is_refused() -> None:
    """A reader never guesses at a layout it does not know."""
    headers = [(name, b"2" if name == "v" else value) for name, value in header(5, 9, 4).to_kafka()]
    with pytest.raises(ValueError, match="version 2 is not 1"):
        MdHeader.from_kafka(headers)


@pytest.mark.parametrize("name", sorted(topics()))
def test_batches_of_every_topic_survive_the_wire(name: str) -> None:
    """A batch of the topic's schema comes back with the same columns, types and values."""
    schema = topics()[name].schema
    batch = pa.RecordBatch.from_arrays([pa.nulls(3, field.type) for field in schema], schema=schema)
    assert decode_md(encode_md(batch)) == batch


def test_bytes_that_are_no_batch_are_refused() -> None:
    """Damage is an error, never an empty batch."""
    with pytest.raises(pa.ArrowInvalid):
        decode_md(b"not arrow at all")
