"""While several connections serve a stream, what one jumps over may still come from another."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.dedupe_rows import AWAITED_MAX_INTERVALS
from agents.follow_connections import CONNECTIONS_MAX, LATE_WAIT_NS, LIVING_NS
from agents.sequence import AHEAD_MAX_DELTAS
from tests.doubles.raw_frames import IN_STREAM, MS, Log, alive, core, delta, gap, rows, snapshot, trade

BOUNDS = ("stream", "revision", "cause", "from_ns", "to_ns", "from_id", "to_id")


def gaps(log: Log) -> list[Any]:
    """Return the gap rows."""
    return rows(core().process(log.records), "md.gaps", *BOUNDS)


def book_ids(log: Log) -> list[int]:
    """Return the updates that became rows, in log order."""
    found = rows(core().process(log.records), "md.book", "kind", "last_update_id")
    return [last for kind, last in found if kind == "book_deltas"]


def begun() -> Log:
    """Return a log with a valid book and trades of connection a."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("trades", trade(1))
    return log


def overlapping(log: Log) -> None:
    """Let a new connection run ahead by two frames of each stream, and the old one catch up."""
    log.put("book", delta(13, 13), conn="b")
    log.put("trades", trade(4), conn="b")
    for last in (11, 12, 13):
        log.put("book", delta(last, last))
        log.put("trades", trade(last - 9))
    log.put("book", delta(14, 14), conn="b")
    log.put("trades", trade(5), conn="b")


def test_a_connection_that_begins_ahead_breaks_nothing() -> None:
    """What lies between comes from the other one: each row once, no gap, no request, the book stays valid."""
    log = begun()
    overlapping(log)
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps") == []
    assert outputs.reseeds == []
    assert book_ids(log) == [10, 13, 11, 12, 14]
    assert rows(outputs, "md.trades", "trade_id") == ["1", "4", "2", "3", "5"]
    assert outputs.duplicates == {("invented", "m", "book"): 1, ("invented", "m", "trades"): 1}


def test_what_nobody_brings_is_missing_after_the_wait() -> None:
    """The gap has the bounds of the jump, not of the moment the waiting ended; the book asks for a snapshot then."""
    log = begun()
    log.put("book", delta(13, 13), conn="b")
    log.put("trades", trade(4), conn="b")
    log.put("trades", trade(3))
    jumped_ns = {"book": (1002 * MS, 0), "trades": (1003 * MS, 1005 * MS)}
    assert gaps(log) == []
    log.now_ns += LATE_WAIT_NS
    log.put("alive", alive("book"), conn="b")
    outputs = core().process(log.records)
    assert [(one.kind, one.raw_offset) for one in outputs.reseeds if one.kind != "trades"] == [("book", 6)]
    book, opened, closed = gaps(log)
    assert book == ("book", 0, "sequence", jumped_ns["book"][0], None, 11, 12)
    assert opened == ("trades", 0, "sequence", jumped_ns["trades"][0], None, 2, 2)
    assert closed == ("trades", 1, "sequence", *jumped_ns["trades"], 2, 2)


def test_the_book_goes_on_after_the_wait_with_what_was_ahead() -> None:
    """A snapshot splices the chain that was waiting, and closes the gap."""
    log = begun()
    log.put("book", delta(13, 13), conn="b")
    log.put("book", delta(14, 14), conn="b")
    log.now_ns += LATE_WAIT_NS
    log.put("book", delta(15, 15), conn="b")
    log.put("book_snapshot", snapshot(14))
    log.put("book", delta(16, 16), conn="b")
    assert [row[:3] for row in gaps(log)] == [("book", 0, "sequence"), ("book", 1, "sequence")]
    assert book_ids(log) == [10, 13, 14, 15, 16]


def test_a_jump_of_the_only_connection_is_a_gap_at_once() -> None:
    """Nobody else can bring it; also when the other one was heard too long ago, or its loss was told."""
    for away in ("never", "long", "lost"):
        log = begun()
        if away == "long":
            log.now_ns += LIVING_NS
        if away == "lost":
            log.put("gap", gap("book", "trades", from_ns=1001 * MS))
        conn = "a" if away == "never" else "b"
        log.put("trades", trade(4), conn=conn)
        log.put("book", delta(13, 13), conn=conn)
        assert {(row[0], row[1]) for row in gaps(log)} >= {("trades", 1), ("book", 0)}, away


def test_evidence_of_a_loss_ends_the_waiting_of_a_book() -> None:
    """It is one gap, and what was ahead begins the new chain."""
    log = begun()
    log.put("book", delta(13, 13), conn="b")
    log.put("gap", gap("book", cause="silence", from_ns=1002 * MS))
    log.put("book_snapshot", snapshot(12))
    log.put("book", delta(14, 14), conn="b")
    assert [row[:3] for row in gaps(log)] == [("book", 0, "silence"), ("book", 1, "silence")]


def test_what_comes_after_the_wait_is_late_and_no_row_twice() -> None:
    """A connection that lags by more than the wait brings what was missing, then what the other one brought before."""
    log = begun()
    log.put("book", delta(13, 13), conn="b")
    log.now_ns += LATE_WAIT_NS
    log.put("book", delta(14, 14), conn="b")
    for last in (11, 12, 13, 14, 15):
        log.put("book", delta(last, last))
    assert book_ids(log) == [10, 13, 14, 11, 12, 15]


def test_a_repeat_of_what_waits_is_a_repeat() -> None:
    """A third connection that is ahead as well adds no row."""
    log = begun()
    for conn in ("b", "c"):
        log.put("book", delta(13, 13), conn=conn)
    assert book_ids(log) == [10, 13]


def test_a_book_waits_with_so_many_updates_only() -> None:
    """One more breaks it before its time."""
    log = begun()
    for last in range(13, 13 + AHEAD_MAX_DELTAS):
        log.put("book", delta(last, last), conn="b")
        log.put("book", delta(10, 10))
    assert gaps(log) == []
    log.put("book", delta(13 + AHEAD_MAX_DELTAS, 13 + AHEAD_MAX_DELTAS), conn="b")
    assert [row[:3] for row in gaps(log)] == [("book", 0, "sequence")]


def test_trades_wait_with_so_many_intervals_only() -> None:
    """The next jump is a gap at once."""
    log = begun()
    ids = [2 * number + 2 for number in range(1, AWAITED_MAX_INTERVALS + 2)]
    for one in ids:
        log.put("trades", trade(one), conn="b")
        log.put("trades", trade(1))
    assert {row[5:] for row in gaps(log)} == {(ids[-1] - 1, ids[-1] - 1)}


def test_connections_remembered_are_bounded() -> None:
    """The state of a symbol does not grow with its reconnects."""
    log = Log()
    for number in range(3 * CONNECTIONS_MAX):
        log.put("trades", trade(number + 1), conn=f"c{number}")
    one = core()
    one.process(log.records)
    kept = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["follow_connections"]["streams"]["trades"]
    assert list(kept) == [f"c{number}" for number in range(2 * CONNECTIONS_MAX, 3 * CONNECTIONS_MAX)]


def with_snapshots(log: Log) -> None:
    """Let a new connection begin with a snapshot of its own stream, ahead of what the old one has brought."""
    log.put("book_snapshot", snapshot(13), conn="b", meta=IN_STREAM)
    log.put("book", delta(14, 14), conn="b")


def test_a_snapshot_of_the_stream_ahead_waits_for_what_lies_between() -> None:
    """The old connection brings it: every update is a row, once, and the book never breaks."""
    log = begun()
    with_snapshots(log)
    for last in range(11, 16):
        log.put("book", delta(last, last))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps") == []
    assert outputs.reseeds == []
    assert book_ids(log) == [10, 14, 11, 12, 13, 15]


def test_a_snapshot_ahead_of_what_nobody_brings_is_a_gap() -> None:
    """After the wait the book is broken, from the last update to the snapshot, until the next snapshot."""
    log = begun()
    with_snapshots(log)
    log.now_ns += LATE_WAIT_NS
    log.put("book", delta(15, 15), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "revision", "from_id", "to_id") == [("book", 0, 11, 13)]
    assert len(outputs.reseeds) == 1
    log.put("book_snapshot", snapshot(15), conn="b", meta=IN_STREAM)
    assert rows(core().process(log.records), "md.gaps", "revision", "resolved_by") == [(0, None), (1, "snapshot")]


@given(lead=st.lists(st.integers(0, 2), max_size=60), cut=st.integers(0, 20))
def test_connections_in_any_interleaving_lose_and_repeat_nothing(lead: list[int], cut: int) -> None:
    """Three connections bring all ids in order, each from another start; however they interleave, all is whole."""
    log = begun()
    ends = {"a": 11, "b": 11 + cut % 5, "c": 11 + cut % 3}
    for choice in itertools.chain(lead, [0] * 70, [1] * 70, [2] * 70):
        conn = "abc"[choice]
        if ends[conn] > 60:
            continue
        log.put("book", delta(ends[conn], ends[conn]), conn=conn)
        log.put("trades", trade(ends[conn] - 9), conn=conn)
        ends[conn] += 1
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps") == []
    assert Counter(book_ids(log)) == Counter(range(10, 61))
    assert Counter(rows(outputs, "md.trades", "trade_id")) == Counter(str(one) for one in range(1, 52))


@pytest.mark.parametrize("first", range(1, 4))
def test_any_cut_of_the_log_gives_the_same_rows(first: int) -> None:
    """What waits is state: a worker that continues gives what one worker would have given."""
    log = begun()
    overlapping(log)
    log.put("trades", trade(9), conn="b")
    log.now_ns += LATE_WAIT_NS
    log.put("trades", trade(10), conn="b")
    whole = core().process(log.records)
    one = core()
    parts = [one.process(log.records[at : at + first]) for at in range(0, len(log.records), first)]
    for topic in ("md.gaps", "md.trades", "md.book"):
        assert rows(parts, topic) == rows(whole, topic)
