"""Rows taken already."""

from __future__ import annotations

import dataclasses

import pytest

from agents._core import PartitionCore
from agents.dedupe_rows import MISSING_MAX_INTERVALS
from exchanges import Exchange
from tests.doubles.invented_venue import MARKET
from tests.doubles.raw_frames import PARTITION, RAW_TOPIC, Log, core, gap, quote, rows, trade

RECENT_MAX_IDS = MARKET.parsers["quotes"].recent_max_ids


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


def test_trades_fetched_over_rest_are_taken_once_where_they_are_missing() -> None:
    """Missing ids become rows; ids taken already are repeats; ids above the highest are left to the stream."""
    log = Log(market="s")
    for ids in ((5,), (9,)):
        log.put("trades", trade(*ids))
    log.put("trades_backfill", trade(5, 6, 7, 10))
    log.put("trades_backfill", trade(7, 8))
    log.put("trades", trade(10))
    outputs = core().process(log.records)
    assert rows(outputs, "md.trades", "trade_id") == ["5", "9", "6", "7", "8", "10"]
    assert outputs.duplicates == {("invented", "s", "trades_backfill"): 3}


def test_missing_trades_are_asked_for_once_where_they_can_be_fetched() -> None:
    """Each hole is one request, at the place in the log that shows it; late, fetched and absent ids ask nothing."""
    for market, expected in (("s", [(6, 8, 1), (11, 11, 2), (13, 14, 2)]), ("m", [])):
        log = Log(market=market)
        log.put("trades", trade(5))
        log.put("trades", trade(9))
        log.put("trades", trade(10, 12, 15))
        log.put("trades", trade(7))
        if market == "s":
            log.put("trades_backfill", trade(8))
            log.put("trades_backfill", {"trades": []}, meta={"absent_from": 13, "absent_to": 18})
        log.put("gap", gap("trades"))
        log.put("trades", trade(19 if market == "s" else 16))
        requests = core().process(log.records).reseeds
        assert [(one.from_id, one.to_id, one.raw_offset) for one in requests] == expected
        assert {one.kind for one in requests} <= {"trades"}
        assert all((one.exchange, one.market, one.symbol) == ("invented", "s", "AB") for one in requests)


def test_fetched_trades_keep_the_source_of_their_record() -> None:
    """A row says that it was not heard live."""
    log = Log(market="s")
    for ids in ((5,), (7,)):
        log.put("trades", trade(*ids))
    log.put("trades_backfill", trade(6))
    offset, key, value = log.records[2]
    log.records[2] = (offset, key, value.replace(b'"source":"test"', b'"source":"backfill"'))
    assert rows(core().process(log.records), "md.trades", "trade_id", "source")[-1] == ("6", "backfill")


def test_fetched_trades_before_the_first_one_heard_are_no_rows_of_a_stream_never_heard() -> None:
    """Nothing tells what is missing from a stream that was not heard."""
    log = Log(market="s")
    log.put("trades_backfill", trade(6))
    assert not rows(core().process(log.records), "md.trades")


def test_ids_that_never_existed_are_not_taken_for_missing() -> None:
    """Inside the missing intervals, at their ends, and just above the highest id."""
    for first, last, ids in ((6, 8, []), (7, 7, [6, 8]), (5, 6, [7, 8]), (8, 20, [6, 7])):
        log = Log(market="s")
        for one in (5, 9):
            log.put("trades", trade(one))
        log.put("trades_backfill", {"trades": []}, meta={"absent_from": first, "absent_to": last})
        log.put("trades_backfill", trade(6, 7, 8))
        log.put("trades", trade(21 if last == 20 else 10))
        outputs = core().process(log.records)
        assert rows(outputs, "md.trades", "trade_id")[2:-1] == [str(one) for one in ids]
        assert rows(outputs, "md.gaps", "from_id", "revision")[:2] == [(6, 0), (6, 1)]
        assert len([row for row in rows(outputs, "md.gaps", "from_id") if row != 6]) == 0


def test_a_range_of_ids_that_is_none_is_a_dead_letter() -> None:
    """Also beside fetched trades in one record; what can be read of the record is."""
    log = Log(market="s")
    log.put("trades", trade(5))
    log.put("trades", trade(9))
    log.add(
        log.frame("trades_backfill", {"trades": []}, meta={"absent_from": 8, "absent_to": 7}),
        log.frame("trades_backfill", trade(6)),
        log.frame("trades_backfill", b"", meta={"absent_from": "x"}),
        log.frame("trades_backfill", trade(7)),
    )
    outputs = core().process(log.records)
    assert rows(outputs, "md.dead_letters", "error", "frame_kind") == [("bad_absent", "trades_backfill")] * 2
    assert rows(outputs, "md.trades", "trade_id") == ["5", "9", "6", "7"]


@pytest.mark.parametrize(("recent_max_ids", "repeated"), [(600, 600), (256, 255)])
def test_ids_without_order_are_remembered_as_a_venue_needs_it(recent_max_ids: int, repeated: int) -> None:
    """A frame of many rows that comes again is a repeat as a whole where there is room for its ids."""
    parser = dataclasses.replace(
        MARKET.parsers["trades"], contiguous=False, ordered=False, recent_max_ids=recent_max_ids
    )
    market = dataclasses.replace(MARKET, parsers={**MARKET.parsers, "trades": parser})
    log = Log()
    log.put("trades", trade(*range(1000, 1599)))
    log.put("trades", trade(1))
    log.put("trades", trade(*range(1000, 1599)), conn="b")
    log.put("trades", trade(1), conn="b")
    outputs = PartitionCore({"invented": Exchange("invented", {"m": market})}, RAW_TOPIC, PARTITION).process(
        log.records
    )
    assert outputs.duplicates == {("invented", "m", "trades"): repeated}
