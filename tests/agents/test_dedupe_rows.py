"""Rows taken already."""

from __future__ import annotations

from agents.dedupe_rows import MISSING_MAX_INTERVALS, RECENT_MAX_IDS
from tests.doubles.raw_frames import Log, core, quote, rows, trade


def test_contiguous_ids_are_taken_once() -> None:
    """Overlapping connections deliver every trade twice, in any frames; each is one row."""
    log = Log()
    for conn, ids in (("a", (1, 2)), ("b", (2, 3)), ("a", (3,)), ("b", (1,)), ("a", (4,))):
        log.put("trades", trade(*ids), conn=conn)
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id", "row_index") == [("1", 0), ("2", 1), ("3", 0), ("4", 0)]
    assert outputs.duplicates == {("invented", "m", "trades"): 3}
    assert not rows(outputs, "md.gaps")


def test_ids_before_the_first_are_taken_once() -> None:
    """A trade older than the first one seen is not a repeat, and no gap."""
    log = Log()
    for ids in ((50,), (48,), (48,), (49,)):
        log.put("trades", trade(*ids))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id") == ["50", "48", "49"]
    assert not rows(outputs, "md.gaps")


def test_newest_first_within_a_frame_is_no_gap() -> None:
    """Some venues send the newest trade of a frame first."""
    log = Log()
    log.put("trades", trade(3, 2, 1))
    log.put("trades", trade(5, 4))
    assert not rows(core().process(log.records), "md.gaps")


def test_an_id_that_is_no_row_is_not_missing() -> None:
    """A fill the venue numbers and that is no trade takes its id without a gap."""
    log = Log()
    log.put("trades", trade(1))
    log.put("trades", {"trades": [], "auction": 2})
    log.put("trades", trade(3))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id") == ["1", "3"]
    assert not rows(outputs, "md.gaps")


def test_rising_ids_may_have_holes() -> None:
    """Ids that only rise: a hole is nothing, a recent one is a repeat, one that slipped through is taken."""
    log = Log()
    for number in (5, 9, 7, 9, 7, 5):
        log.put("quotes", quote(number))
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "update_id") == [5, 9, 7]
    assert outputs.duplicates == {("invented", "m", "quotes"): 3}


def test_an_id_below_all_remembered_is_a_repeat() -> None:
    """The ring is bounded: what is older than all of it was delivered long ago."""
    log = Log()
    for number in (*range(2, RECENT_MAX_IDS + 5), 1, 2):
        log.put("quotes", quote(number))
    outputs = core().process(log.records)
    assert outputs.duplicates == {("invented", "m", "quotes"): 2}


def test_twins_in_one_frame_are_two_rows() -> None:
    """Rows without an id may be equal within a frame; the same again in another frame is a repeat."""
    log = Log()
    twin = {"p": "1", "q": "2", "at": 3}
    log.put("liquidations", {"rows": [twin, twin]})
    log.put("liquidations", {"rows": [twin]}, conn="b")
    log.put("liquidations", {"rows": [{**twin, "at": 4}]})
    outputs = core().process(log.records)
    assert rows(outputs, "md.liquidations", "exchange_ns") == [3, 3, 4]
    assert outputs.duplicates == {("invented", "m", "liquidations"): 1}


def test_missing_intervals_are_bounded() -> None:
    """With too many holes the oldest are given up: an id in them counts as a repeat from then on."""
    log = Log()
    for number in range(1, 2 * MISSING_MAX_INTERVALS + 9, 2):
        log.put("trades", trade(number))
    log.put("trades", trade(2))
    log.put("trades", trade(2 * MISSING_MAX_INTERVALS))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id")[-1] == str(2 * MISSING_MAX_INTERVALS)
    assert outputs.duplicates == {("invented", "m", "trades"): 1}
