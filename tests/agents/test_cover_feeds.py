"""A gap of one feed that another covered is no gap."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from agents.cover_feeds import COVER_WAIT_NS, FEEDS_MAX, JOIN_NS
from agents.follow_connections import LATE_WAIT_NS
from tests.doubles.raw_frames import MS, Log, alive, core, delta, gap, rows, snapshot, trade

A, B = "one", "b/two"
BOUNDS = ("revision", "cause", "from_ns", "to_ns", "resolved_by", "raw_offset")


def told(log: Log, *columns: str, stream: str = "trades") -> list[Any]:
    """Return the gap rows of a stream."""
    found = rows(core().process(log.records), "md.gaps")
    return [tuple(row[name] for name in columns or BOUNDS) for row in found if row["stream"] == stream]


def both(log: Log) -> None:
    """Let both feeds be heard."""
    log.put("trades", trade(1), conn=A)
    log.put("trades", trade(1), conn=B)


def at(frame: int) -> int:
    """Return the receive time of a frame by its number."""
    return (1001 + frame) * MS


def test_evidence_of_the_only_feed_is_a_gap() -> None:
    """Also when the feed has a label; nothing waits."""
    for conn in (A, B):
        log = Log()
        log.put("trades", trade(1), conn=conn)
        log.put("gap", gap("trades", from_ns=at(0)), conn=conn)
        assert told(log) == [(0, "disconnect", at(0), None, None, 1)]


def test_a_loss_the_other_feed_was_heard_after_is_no_gap() -> None:
    """Heard before it began and at or after its start, with nothing lost: the other feed has it all."""
    log = Log()
    both(log)
    log.put("trades", trade(2), conn=B)
    log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
    log.put("trades", trade(3), conn=B)
    log.put("trades", trade(3), conn=A)
    assert told(log) == []


def test_evidence_waits_for_the_other_feeds_next_word() -> None:
    """Data or an alive mark of it end the waiting, also after the feed that lost something is back."""
    for kind, body in (("trades", trade(3)), ("alive", alive("trades"))):
        log = Log()
        both(log)
        log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
        log.put("trades", trade(2), conn=A)
        log.put(kind, body, conn=B)
        assert told(log) == []


def test_after_the_other_feeds_word_nothing_waits_any_more() -> None:
    """Also long after it the loss is no gap."""
    log = Log()
    both(log)
    log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
    log.put("trades", trade(2), conn=A)
    log.put("trades", trade(2), conn=B)
    log.now_ns += COVER_WAIT_NS
    log.put("trades", trade(3), conn=A)
    assert told(log) == []


def test_what_the_other_feed_heard_before_the_loss_is_no_word_of_it() -> None:
    """Its frame stands in the log after the evidence, and was received before what that is about."""
    log = Log()
    both(log)
    log.put("gap", gap("trades", from_ns=at(3) + 5), conn=A)
    log.put("trades", trade(2), conn=B)
    log.put("trades", trade(2), conn=A)
    log.now_ns += COVER_WAIT_NS
    log.put("trades", trade(3), conn=A)
    assert told(log, "revision", "from_ns", "raw_offset")[0] == (0, at(3) + 5, 5)


def test_the_word_of_a_feed_that_lost_the_stream_itself_covers_nothing() -> None:
    """What it received before its own loss says nothing of what came after."""
    log = Log()
    both(log)
    log.put("trades", trade(1), conn="c/three")
    log.put("gap", gap("trades", from_ns=at(6)), conn=B)
    log.put("gap", gap("trades", from_ns=at(2) + 5), conn=A)
    log.put("trades", trade(2), conn=B)
    log.put("trades", trade(2), conn=A)
    log.now_ns += COVER_WAIT_NS
    log.put("trades", trade(3), conn=A)
    assert told(log, "revision", "raw_offset")[0] == (0, 7)


def test_when_both_feeds_fail_the_gap_starts_at_the_later_loss() -> None:
    """And it ends with the first of them that returns."""
    log = Log()
    both(log)
    log.put("trades", trade(2), conn=B)
    log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
    log.put("gap", gap("trades", cause="silence", from_ns=at(2)), conn=B)
    log.put("trades", trade(4), conn=A)
    log.put("trades", trade(4), conn=B)
    assert told(log) == [
        (0, "silence", at(2), None, None, 4),
        (1, "silence", at(2), at(5), "next", 5),
    ]


def test_a_gap_ends_with_the_first_feed_that_is_back() -> None:
    """The one that declared it says when it is back itself; another was heard before that."""
    for conn, ends_ns in ((B, at(5)), (A, at(50))):
        log = Log()
        both(log)
        log.put("gap", gap("trades", from_ns=at(1) + 1), conn=B)
        log.put("gap", gap("trades", from_ns=at(1) + 2, to_ns=at(50)), conn=A)
        log.now_ns = at(4)
        log.put("trades", trade(3), conn=conn)
        assert [one[:4] for one in told(log)] == [
            (0, "disconnect", at(1) + 2, None),
            (1, "disconnect", at(1) + 2, ends_ns),
        ]


def test_a_feed_that_tells_its_loss_late_ends_the_waiting() -> None:
    """The one feed is back before the other says that it was away too: the gap lies between loss and return."""
    log = Log()
    both(log)
    log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
    log.put("trades", trade(4), conn=A)
    log.put("gap", gap("trades", cause="restart", from_ns=at(1)), conn=B)
    log.put("trades", trade(5), conn=A)
    found = told(log)
    assert found[-2:] == [(0, "restart", at(1) + 5, None, None, 4), (1, "restart", at(1) + 5, at(3), "next", 5)]


def test_waiting_has_an_end() -> None:
    """A feed that never speaks again covers nothing: the gap is declared some time after the other's return."""
    log = Log()
    both(log)
    log.put("gap", gap("trades", from_ns=at(1) + 5), conn=A)
    log.put("trades", trade(2), conn=A)
    assert told(log) == []
    log.now_ns += COVER_WAIT_NS
    log.put("trades", trade(3), conn=A)
    assert told(log) == [
        (0, "disconnect", at(1) + 5, None, None, 4),
        (1, "disconnect", at(1) + 5, at(3), "next", 4),
    ]


def test_a_feed_that_has_just_begun_covers_nothing_before() -> None:
    """What was lost before it was heard is a gap."""
    log = Log()
    log.put("trades", trade(1), conn=A)
    log.put("trades", trade(2), conn=B)
    log.put("gap", gap("trades", from_ns=at(0)), conn=A)
    assert [row[2] for row in told(log)] == [at(0)]


@pytest.mark.parametrize("is_late_in_the_log", [False, True])
def test_feeds_that_begin_with_the_same_frame_have_all_since(*, is_late_in_the_log: bool) -> None:
    """One got it later than the other, or stands later in the log: what follows it is covered all the same."""
    log = Log()
    if is_late_in_the_log:
        log.now_ns += MS
        log.put("trades", trade(1), conn=B)
        log.now_ns -= 2 * MS
        log.put("trades", trade(1), conn=A)
        log.now_ns += MS
    else:
        both(log)
    log.put("gap", gap("trades", from_ns=at(0)), conn=A)
    log.put("trades", trade(2), conn=B)
    log.put("trades", trade(3), conn=A)
    assert told(log) == []


def test_what_each_connection_numbers_for_itself_makes_no_other_frame() -> None:
    """Two copies are the same frame when they say the same."""
    log = Log()
    log.put("trades", {**trade(1), "number": 7}, conn=A)
    log.put("trades", {**trade(1), "number": 9}, conn=B)
    log.put("gap", gap("trades", from_ns=at(0)), conn=A)
    log.put("trades", trade(2), conn=B)
    assert told(log) == []


def test_the_same_bytes_long_after_are_another_frame() -> None:
    """A feed that says today what another said yesterday was not there in between."""
    log = Log()
    log.put("trades", trade(1), conn=A)
    log.now_ns += JOIN_NS
    log.put("trades", trade(1), conn=B)
    log.put("gap", gap("trades", from_ns=at(0)), conn=A)
    assert [row[2] for row in told(log)] == [at(0)]


def test_a_lost_feed_covers_again_once_it_is_heard() -> None:
    """From its return on, not before."""
    log = Log()
    both(log)
    log.put("trades", trade(2), conn=A)
    log.put("gap", gap("trades", from_ns=at(1)), conn=B)
    log.put("trades", trade(3), conn=B)
    log.put("gap", gap("trades", from_ns=at(4) + 5), conn=A)
    log.put("trades", trade(4), conn=B)
    assert told(log) == []
    log.put("gap", gap("trades", from_ns=at(4)), conn=A)
    assert [row[2] for row in told(log)] == [at(4)]


def test_a_book_that_another_feed_carries_on_stays_valid() -> None:
    """Its chain proves itself: no gap, no request, and the chain's own break is still one."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    for last in (10, 11):
        log.put("book", delta(last, last), conn=A)
        log.put("book", delta(last, last), conn=B)
    log.put("gap", gap("book", from_ns=at(3)), conn=A)
    log.put("book", delta(12, 12), conn=B)
    outputs = core().process(log.records)
    assert not outputs.reseeds
    assert told(log, stream="book") == []
    log.put("book", delta(15, 15), conn=B)
    log.now_ns += LATE_WAIT_NS
    log.put("book", delta(16, 16), conn=B)
    assert told(log, "cause", stream="book") == [("sequence",)]
    log.put("gap", gap("book", from_ns=at(4)), conn=B)
    assert len(core().process(log.records).reseeds) == 2


def test_of_scoped_streams_only_the_feed_that_counts_can_lose_something() -> None:
    """The spare's frames are no rows, so they cover nothing, and what it loses is no gap."""
    log = Log(market="s")
    for conn in (A, B):
        log.put("book_snapshot", {"b": [["1", "1"]]}, conn=conn, meta={"reason": "subscribe"})
    log.put("gap", gap("book", from_ns=at(1)), conn=B)
    assert told(log, stream="book") == []
    log.put("gap", gap("book", from_ns=at(1)), conn=A)
    log.put("book", {"b": [["1", "2"]]}, conn=B)
    assert told(log, "raw_offset", stream="book") == [(3,)]


def test_the_feeds_remembered_are_bounded() -> None:
    """The one not heard for longest is forgotten."""
    log = Log()
    for number in range(2 * FEEDS_MAX):
        log.put("funding", {"mark": "1"}, conn=f"f{number}/c")
    one = core()
    one.process(log.records)
    kept = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["cover_feeds"]["streams"]["funding"]
    assert list(kept) == [f"f{number}" for number in range(FEEDS_MAX, 2 * FEEDS_MAX)]


def test_what_is_said_of_a_feed_is_said_of_all_its_lines() -> None:
    """A line's loss is covered by another line; a loss of their producer by none of them, and is told once."""
    for feed in ("", "b"):
        log = Log()
        one, two, own = f"{feed}:1/x", f"{feed}:2/y", f"{feed}/z" if feed else "z"
        log.put("trades", trade(1), conn=one)
        log.put("trades", trade(1), conn=two)
        log.put("trades", trade(2), conn=two)
        log.put("gap", gap("trades", from_ns=at(1) + 5), conn=one)
        assert told(log) == []
        log.put("gap", gap("trades", cause="restart", from_ns=at(2)), conn=own)
        log.put("trades", trade(3), conn=two)
        assert told(log, "revision", "cause", "from_ns") == [(0, "restart", at(2)), (1, "restart", at(2))]
