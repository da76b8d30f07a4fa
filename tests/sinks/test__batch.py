"""What a batch takes of a log, and which positions it covers."""

from __future__ import annotations

import pytest
from md_log import MdLog

from cryptoflow.errors import HoleError
from schemas import MdHeader
from sinks._batch import Intake, Piece, Position, Span
from sinks._sink import MdRecord

RAW = ("raw.binance", 0)


def test_spans_cover_what_was_taken() -> None:
    """A span begins where the store ends and ends behind the last record, with the marks reached."""
    log = MdLog("md.trades")
    intake = Intake({0: Position(), 1: Position(5, {})})
    for record in (log.append(0, [3, 4]), log.append(0, [9])):
        assert intake.take(record) is not None
    assert intake.spans() == {0: Span(None, 2, {RAW: 9})}
    assert intake.stored() == {0: None, 1: 5}
    intake.settle(intake.spans())
    assert intake.stored() == {0: 2, 1: 5}
    assert intake.spans() == {}


def test_next_is_none_only_for_a_partition_nothing_is_known_of() -> None:
    """None asks the reader for the beginning; a stored 0 is a position."""
    intake = Intake({0: Position(), 1: Position(0, {})})
    assert intake.next_of(0) is None
    assert intake.next_of(1) == 0
    intake.take(MdLog("md.trades").append(0, [1]))
    assert intake.next_of(0) == 1


def test_records_below_the_position_are_ignored() -> None:
    """A record read again moves nothing and counts as no duplicate."""
    log = MdLog("md.trades")
    record = log.append(0, [1])
    intake = Intake({0: Position(1, {RAW: 1})})
    assert intake.take(record) is None
    assert intake.spans() == {}
    assert intake.duplicates == 0


def test_known_rows_are_skipped_and_counted() -> None:
    """A record whose rows are all at or below the mark moves the position only."""
    log = MdLog("md.trades")
    log.append(0, [1, 2])
    repeat = log.append(0, [1, 2], prev=-1)
    intake = Intake({0: Position(1, {RAW: 2})})
    assert intake.take(repeat) is None
    assert intake.duplicates == 4
    assert intake.spans() == {0: Span(1, 2, {RAW: 2})}


def test_rows_at_or_below_the_mark_are_trimmed_on_decoding() -> None:
    """A record cut across the mark gives only the rows above it, although marks have moved by then."""
    log = MdLog("md.trades")
    log.append(0, [1, 2])
    piece = Intake({0: Position(1, {RAW: 2})}).take(log.append(0, [2, 3], prev=1))
    assert piece is not None
    assert set(piece.decode().column("raw_offset").to_pylist()) == {3}


def test_reset_goes_back_to_the_store() -> None:
    """After a discarded batch the same records are new again."""
    log = MdLog("md.trades")
    record = log.append(0, [1])
    intake = Intake({0: Position()})
    intake.take(record)
    intake.reset(0, Position())
    assert intake.next_of(0) is None
    assert intake.take(record) is not None


def test_adopting_accepts_a_log_whose_beginning_is_gone() -> None:
    """With `adopt` a raw partition without a mark is taken as it comes, and proved from there on."""
    log = MdLog("md.trades")
    first = log.append(0, [7], prev=5)
    intake = Intake({0: Position()}, adopt=True)
    assert intake.take(first) is not None
    assert intake.spans()[0].marks == {RAW: 7}


def test_bytes_that_are_no_batch_are_named() -> None:
    """A value that cannot be decoded stops with the record's place in the text."""
    record = MdRecord("md.trades", 3, 77, MdHeader("raw.binance", 3, 1, 1, 1, -1), b"nonsense")
    with pytest.raises(HoleError, match=r"md\.trades\[3\]@77"):
        Piece(record, None).decode()
