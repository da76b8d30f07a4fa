"""One connection counts where ids do not hold across connections."""

from __future__ import annotations

from typing import Any

import msgspec

from agents._spares import SWITCH_GUARD_NS
from tests.doubles.raw_frames import IN_STREAM, MS, Log, core, gap, quote, rows, snapshot, trade


def switch(conn: str, *streams: str, since_ns: int = 0) -> dict[str, Any]:
    """Make the body of a switch frame."""
    return {"conn": conn, "streams": streams, "since_ns": since_ns}


def level(size: str) -> dict[str, Any]:
    """Make the body of a frame of the book."""
    return {"b": [["1", size]]}


def begin(log: Log, conn: str) -> None:
    """Send the snapshot a connection begins with."""
    log.put("book_snapshot", level("1"), conn=conn, meta=IN_STREAM)


def test_the_first_connection_heard_counts_until_a_switch() -> None:
    """Frames of a spare connection are no rows and no repeats; they are counted by kind."""
    log = Log(market="s")
    log.put("quotes", quote(1), conn="a")
    log.put("quotes", quote(1), conn="b")
    log.put("quotes", quote(2), conn="a")
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "conn") == ["a", "a"]
    assert outputs.passed_over == {("invented", "s", "quotes"): 1}
    assert not outputs.duplicates


def test_each_stream_has_a_connection_of_its_own() -> None:
    """Electing for the book says nothing of quotes."""
    log = Log(market="s")
    log.put("quotes", quote(1), conn="a")
    log.put("switch", switch("b", "book"))
    log.put("quotes", quote(2), conn="b")
    begin(log, "b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "conn") == ["a"]
    assert rows(outputs, "md.book", "conn") == ["b"]


def test_what_the_predecessor_served_is_no_row_again() -> None:
    """Frames received at or before `since_ns` came on the connection before; those after it are rows."""
    log = Log(market="s")
    log.put("quotes", quote(1), conn="a")
    log.put("gap", gap("quotes", from_ns=1001 * MS))
    log.put("switch", switch("b", "quotes", since_ns=1004 * MS))
    for number in (2, 3, 4):
        log.put("quotes", quote(number), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "conn", "update_id") == [("a", 1), ("b", 3), ("b", 4)]
    assert outputs.passed_over == {("invented", "s", "quotes"): 1}


def overlapping(log: Log) -> None:
    """Switch quotes from a connection that lives to another, and go on within and after the guard."""
    log.put("quotes", quote(1), conn="a")
    log.put("switch", switch("b", "quotes"))
    log.put("quotes", quote(2), conn="a")
    log.put("quotes", quote(2), conn="b")
    log.now_ns += SWITCH_GUARD_NS
    log.put("quotes", quote(3), conn="b")


def test_a_switch_between_living_connections_is_a_gap_of_the_guard() -> None:
    """What the two brought around it cannot be told apart: neither lost in silence nor a row twice."""
    log = Log(market="s")
    overlapping(log)
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "conn", "update_id") == [("a", 1), ("b", 3)]
    assert rows(outputs, "md.gaps", "stream", "revision", "cause", "from_ns", "to_ns", "resolved_by") == [
        ("quotes", 0, "switch", 1001 * MS, None, None),
        ("quotes", 1, "switch", 1001 * MS, 1002 * MS + SWITCH_GUARD_NS, "next"),
    ]


def test_a_producer_that_publishes_late_doubles_nothing() -> None:
    """Its switch is older than what counted before it in the log: the guard begins where that ends."""
    log = Log(market="s")
    for number in range(5):
        log.put("quotes", quote(number), conn="a")
        log.now_ns += SWITCH_GUARD_NS
    newest_ns, log.now_ns = log.now_ns - SWITCH_GUARD_NS, 1000 * MS
    log.put("switch", switch("b", "quotes"))
    for number in range(7):
        log.put("quotes", quote(number), conn="b")
        log.now_ns += SWITCH_GUARD_NS
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "update_id", "conn") == [
        *((number, "a") for number in range(5)),
        *((number, "b") for number in (5, 6)),
    ]
    assert rows(outputs, "md.gaps", "revision", "cause", "from_ns", "to_ns") == [
        (0, "switch", newest_ns, None),
        (1, "switch", newest_ns, newest_ns + SWITCH_GUARD_NS),
    ]


def test_a_loss_from_which_the_connection_came_back_saves_no_guard() -> None:
    """Nor does a loss of the spare's feed."""
    for conn in ("a", "f/x"):
        log = Log(market="s")
        log.put("quotes", quote(0), conn="a")
        log.put("gap", gap("quotes", from_ns=1001 * MS, to_ns=1002 * MS), conn=conn)
        overlapping(log)
        assert "switch" in rows(core().process(log.records), "md.gaps", "cause")


def test_a_book_is_taken_up_at_the_next_snapshot() -> None:
    """Until then its updates are no rows and it is not valid; the switch itself is no gap."""
    log = Log(market="s")
    begin(log, "a")
    log.put("book", level("2"), conn="a")
    log.put("switch", switch("b", "book", since_ns=2**62))
    log.put("book", level("3"), conn="b")
    log.put("book", level("4"), conn="b")
    log.put("book", level("5"), conn="a")
    begin(log, "b")
    log.put("book", level("6"), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "raw_offset") == [0, 1, 6, 7]
    assert not rows(outputs, "md.gaps")
    assert [one.raw_offset for one in outputs.reseeds] == [3]


def test_a_switch_to_the_connection_that_counts_changes_nothing() -> None:
    """The producer says so for the first connection too: its book goes on."""
    log = Log(market="s")
    begin(log, "a")
    log.put("switch", switch("a", "book", "quotes"))
    log.put("book", level("2"), conn="a")
    assert rows(core().process(log.records), "md.book", "raw_offset") == [0, 2]


def test_a_dead_snapshot_of_the_connection_elected_begins_nothing() -> None:
    """The book is still awaited; a dead frame of a spare connection breaks nothing."""
    log = Log(market="s")
    begin(log, "a")
    log.put("book", b"\xff", conn="b")
    log.put("switch", switch("b", "book"))
    log.put("book_snapshot", b"\xff", conn="b", meta=IN_STREAM)
    log.put("book", level("2"), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "raw_offset") == [0]
    assert not rows(outputs, "md.gaps")
    assert [one.raw_offset for one in outputs.reseeds] == [3]
    assert rows(outputs, "md.dead_letters", "raw_offset") == [1, 3]


def test_a_book_that_is_awaited_is_not_valid() -> None:
    """From the switch to the snapshot of the connection elected nothing proves it; neither sums nor rules keep it."""
    log = Log(market="s")
    log.put("book_snapshot", level("1"), conn="a", meta=IN_STREAM)
    log.put("book", level("2"), conn="a")
    log.put("switch", switch("b", "book", since_ns=1002 * MS))
    log.put("book", level("3"), conn="b")
    log.put("book_snapshot", level("3"), conn="b", meta=IN_STREAM)
    one, found = core(), []
    for record in log.records:
        one.process([record])
        parts = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]
        found.append((parts["sequence"]["book"]["valid"], parts["maintain_books"]["sound"]))
    assert found == [(True, True), (True, True), (False, False), (False, False), (True, True)]


def test_books_asked_for_over_rest_belong_to_no_connection() -> None:
    """They are rows whoever counts, and elect nobody."""
    log = Log(market="s")
    log.put("book_snapshot", level("1"), conn="producer")
    begin(log, "a")
    log.put("book_snapshot", level("1"), conn="producer")
    assert rows(core().process(log.records), "md.book", "raw_offset") == [0, 1, 2]


def test_kinds_whose_ids_hold_across_connections_are_not_elected() -> None:
    """Neither in this market nor in one without scoped kinds does a switch drop rows."""
    for market, body in (("s", trade), ("m", trade), ("m", quote)):
        log, kind = Log(market=market), "trades" if body is trade else "quotes"
        log.put("switch", switch("a", "trades", "quotes", "book"))
        log.put(kind, body(1), conn="b")
        log.put(kind, body(2), conn="a")
        assert rows(core().process(log.records), f"md.{kind}", "conn") == ["b", "a"]
    log = Log()
    log.put("switch", switch("a", "book"))
    log.put("book_snapshot", snapshot(1), conn="b", meta=IN_STREAM)
    assert rows(core().process(log.records), "md.book", "conn") == ["b", "b"]


def test_the_election_survives_the_checkpoint() -> None:
    """Who counts, since when, and that a book is awaited are state."""
    log = Log(market="s")
    begin(log, "a")
    log.put("quotes", quote(1), conn="a")
    log.put("switch", switch("b", "book", "quotes", since_ns=1005 * MS))
    log.put("book", level("3"), conn="b")
    log.put("quotes", quote(2), conn="b")
    begin(log, "b")
    log.put("quotes", quote(3), conn="b")
    at_once = core().process(log.records)
    assert rows(at_once, "md.quotes", "update_id") == [1, 3]
    for cut in range(1, len(log.records)):
        first, second = core(), core()
        outputs = [first.process(log.records[:cut])]
        second.restore({key: (offset, state) for key, offset, state in first.dirty()})
        outputs.append(second.process(log.records[cut:]))
        for topic in ("md.quotes", "md.book", "md.gaps"):
            assert rows(outputs, topic) == rows(at_once, topic)


def test_a_book_goes_on_until_the_snapshot_of_a_connection_that_another_producer_elected() -> None:
    """The one before counts as long as it comes; then a gap says that nothing joins the two, and none is left open."""
    log = Log(market="s")
    begin(log, "a")
    log.put("switch", switch("b", "book"))
    log.put("book", level("2"), conn="a")
    log.put("book", level("2"), conn="b")
    log.put("book", level("3"), conn="b")
    begin(log, "b")
    log.put("book", level("4"), conn="a")
    log.put("book", level("4"), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "kind", "raw_offset") == [
        ("book_snapshots", 0), ("book_deltas", 2), ("gap", 5), ("book_snapshots", 5), ("book_deltas", 7),
    ]  # fmt: skip
    assert rows(outputs, "md.gaps", "stream", "revision", "cause", "from_ns", "to_ns", "resolved_by") == [
        ("book", 0, "switch", 1003 * MS, None, None),
        ("book", 1, "switch", 1003 * MS, 1006 * MS, "snapshot"),
    ]
    assert [one.raw_offset for one in outputs.reseeds] == [3]


def test_whoever_is_elected_after_the_heir_takes_its_place() -> None:
    """Also the one that counts already: then nothing changes."""
    for conn, taken in (("a", []), ("c", ["c"])):
        log = Log(market="s")
        begin(log, "a")
        log.put("switch", switch("b", "book"))
        log.put("switch", switch(conn, "book"))
        for one in "bc":
            begin(log, one)
        found = rows(core().process(log.records), "md.book", "kind", "conn")
        assert [one for kind, one in found if kind == "book_snapshots"] == ["a", *taken]
