"""Batches put together."""

from __future__ import annotations

import pyarrow as pa

from agents._assemble import BYTES_MAX, record_ends, split
from tests.doubles.raw_frames import Log, core, delta, rows, snapshot, trade


def test_rows_of_several_kinds_stand_in_raw_order() -> None:
    """Deltas, snapshots and gap rows share a topic; a gap row stands before the rows of its frame."""
    log = Log()
    log.add(
        *(
            log.frame(*given)
            for given in (
                ("book", delta(1, 1)),
                ("book_snapshot", snapshot(1)),
                ("book", delta(2, 2)),
                ("book", delta(9, 9)),
            )
        )
    )
    log.put("book_snapshot", snapshot(9))
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "kind", "row_index") == [
        ("book_deltas", 0),
        ("book_snapshots", 1),
        ("book_snapshots", 2),
        ("book_deltas", 3),
        ("gap", 4),
        ("book_deltas", 5),
        ("book_snapshots", 0),
        ("book_snapshots", 1),
    ]


def test_row_index_counts_what_is_left() -> None:
    """Rows that were dropped leave no hole in the count."""
    log = Log()
    log.put("trades", trade(1))
    log.put("trades", trade(1, 2, 1, 3))
    assert rows(core().process(log.records), "md.trades", "trade_id", "row_index") == [("1", 0), ("2", 0), ("3", 1)]


def test_record_ends() -> None:
    """A run of equal numbers ends where another begins."""
    assert record_ends(pa.array([4, 4, 7, 8, 8], pa.int64())) == [2, 3, 5]


def test_many_bytes_are_cut_like_many_rows() -> None:
    """Large cells count by their bytes; one raw record stays whole."""
    text = "x" * (BYTES_MAX // 4)
    batch = pa.RecordBatch.from_pydict({"raw_offset": [1, 1, 2, 5, 5, 5, 5], "payload": [text] * 7})
    parts = list(split("md.dead_letters", batch, 1_000))
    assert [(part.first, part.last, part.batch.num_rows) for part in parts] == [(1, 2, 3), (5, 5, 4)]
