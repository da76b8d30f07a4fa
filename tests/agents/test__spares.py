"""Another feed's connection takes over where ids do not hold, and goes on where the one before ended."""

from __future__ import annotations

from typing import Any

import pytest

from agents._spares import FRAMES_MAX, SAME_NS, SWITCH_GUARD_NS, Counted, Spare, is_of_another
from agents.elect_connections import TAKE_OVER_NS
from tests.doubles.raw_frames import IN_STREAM, MS, Log, alive, core, gap, quote, rows

SECOND_NS = 1_000_000_000
OWN, SPARE = "e/a", "f/b"
TOLD, SPARE_TOLD = "e/own", "f/own"


def switch(conn: str, *streams: str) -> dict[str, Any]:
    """Make the body of a switch frame."""
    return {"conn": conn, "streams": streams}


def put(log: Log, conn: str, *numbers: int) -> None:
    """Bring quotes on a connection."""
    for number in numbers:
        log.put("quotes", quote(number), conn=conn)


def lose(log: Log, conn: str = TOLD, *streams: str) -> None:
    """Say that a feed has lost its stream."""
    log.put("gap", gap(*(streams or ("quotes",)), from_ns=log.now_ns), conn=conn)


def spare_goes_on(log: Log, seconds: int, first: int = 2) -> None:
    """Let the spare bring a quote a second, and the connection that counts none."""
    for number in range(first, first + seconds):
        log.now_ns += SECOND_NS
        put(log, SPARE, number)


def quotes(log: Log) -> tuple[list[Any], list[Any]]:
    """Return the rows of quotes, and of gaps in quotes."""
    outputs = core().process(log.records)
    columns = "stream", "revision", "cause", "from_ns", "to_ns"
    return rows(outputs, "md.quotes", "conn", "update_id"), [
        one[1:] for one in rows(outputs, "md.gaps", *columns) if one[0] == "quotes"
    ]


def test_a_spare_takes_over_from_a_producer_that_is_dead() -> None:
    """Nobody elects it: it was heard for long while the other was not. What it brought before is a gap."""
    log = Log(market="s")
    put(log, OWN, 1)
    put(log, SPARE, 1)
    spare_goes_on(log, 8)
    taken = 2 + TAKE_OVER_NS // SECOND_NS
    found, gaps = quotes(log)
    assert found == [(OWN, 1), *((SPARE, number) for number in range(taken, 10))]
    ends_ns = 1002 * MS + (taken - 1) * (SECOND_NS + MS)
    assert gaps == [(0, "switch", 1001 * MS, None), (1, "switch", 1001 * MS, ends_ns)]


def test_a_spare_that_brought_all_goes_on_without_a_gap() -> None:
    """The newest frame that counted was its newest, too."""
    log = Log(market="s")
    for number in (1, 2):
        put(log, OWN, number)
        put(log, SPARE, number)
    lose(log)
    put(log, SPARE, 3, 4)
    assert quotes(log) == ([(OWN, 1), (OWN, 2), (SPARE, 3), (SPARE, 4)], [])


def test_what_a_spare_brought_before_it_counted_is_a_gap() -> None:
    """From the newest that counted to the first that counts again."""
    log = Log(market="s")
    put(log, OWN, 1)
    put(log, SPARE, 1, 2)
    lose(log)
    put(log, SPARE, 3)
    found, gaps = quotes(log)
    assert found == [(OWN, 1), (SPARE, 3)]
    assert gaps == [(0, "disconnect", 1001 * MS, None), (1, "disconnect", 1001 * MS, 1005 * MS)]


def test_a_spare_that_is_behind_repeats_nothing() -> None:
    """What it brings until the newest that counted was counted already."""
    log = Log(market="s")
    put(log, OWN, 0)
    put(log, SPARE, 0)
    put(log, OWN, 1, 2, 3)
    lose(log)
    put(log, SPARE, 1, 2, 3, 4)
    assert quotes(log) == ([(OWN, number) for number in range(4)] + [(SPARE, 4)], [])


@pytest.mark.parametrize("wait_ns", [0, 2 * SWITCH_GUARD_NS])
def test_a_spare_that_never_brought_the_newest_counts_after_the_guard(wait_ns: int) -> None:
    """What it brings within the guard may have counted or not, and is a gap; nothing is where it brings none."""
    log = Log(market="s")
    put(log, OWN, 1)
    log.put("switch", switch(SPARE, "quotes"), conn=SPARE_TOLD)
    lose(log)
    log.now_ns += wait_ns
    put(log, SPARE, 2)
    log.now_ns += SWITCH_GUARD_NS
    put(log, SPARE, 3)
    found, gaps = quotes(log)
    assert found == [(OWN, 1), *([(SPARE, 2)] if wait_ns else []), (SPARE, 3)]
    assert [one[:3] for one in gaps] == (
        [] if wait_ns else [(0, "disconnect", 1001 * MS), (1, "disconnect", 1001 * MS)]
    )


def test_a_spare_that_began_after_the_newest_has_perhaps_brought_what_follows() -> None:
    """Also where that came before the newest did: the connection that counts was late."""
    log = Log(market="s")
    put(log, OWN, 0)
    put(log, SPARE, 2)
    put(log, OWN, 1)
    lose(log)
    log.now_ns += 2 * SWITCH_GUARD_NS
    put(log, SPARE, 3)
    found, gaps = quotes(log)
    assert found == [(OWN, 0), (OWN, 1), (SPARE, 3)]
    assert [one[:3] for one in gaps] == [(0, "disconnect", 1003 * MS), (1, "disconnect", 1003 * MS)]


def test_when_the_spare_is_lost_too_the_gap_begins_with_what_counted_last() -> None:
    """It waited for the frame after that, and nobody brought it."""
    log = Log(market="s")
    put(log, OWN, 0)
    put(log, SPARE, 0)
    put(log, OWN, 1, 2)
    lose(log)
    log.put("gap", gap("quotes", from_ns=1002 * MS), conn=SPARE_TOLD)
    log.put("switch", switch("e/c", "quotes"), conn=TOLD)
    put(log, "e/c", 5)
    found, gaps = quotes(log)
    assert found == [(OWN, 0), (OWN, 1), (OWN, 2), ("e/c", 5)]
    assert [one[:3] for one in gaps] == [(0, "disconnect", 1004 * MS), (1, "disconnect", 1004 * MS)]


def test_what_a_spare_lost_before_it_took_over_is_no_gap() -> None:
    """The connection that counted then brought it. The producer may say so late."""
    log = Log(market="s")
    put(log, OWN, 0)
    put(log, SPARE, 0)
    put(log, OWN, 1, 2)
    lose(log)
    log.put("gap", gap("quotes", from_ns=1002 * MS, to_ns=1003 * MS), conn=SPARE_TOLD)
    put(log, SPARE, 2, 3)
    assert quotes(log) == ([(OWN, 0), (OWN, 1), (OWN, 2), (SPARE, 3)], [])


def test_electing_the_spare_that_took_over_joins_nothing() -> None:
    """Its producer says what is so already; where it goes on is found all the same."""
    log = Log(market="s")
    put(log, OWN, 0)
    put(log, SPARE, 0)
    put(log, OWN, 1, 2)
    lose(log)
    log.put("switch", switch(SPARE, "quotes"), conn=SPARE_TOLD)
    put(log, SPARE, 1, 2, 3)
    assert quotes(log) == ([(OWN, 0), (OWN, 1), (OWN, 2), (SPARE, 3)], [])


def test_a_spare_that_is_only_ahead_takes_nothing_over() -> None:
    """While the connection that counts goes on, the other stays a spare, however quiet both are between."""
    log = Log(market="s")
    for number in range(1, 5):
        put(log, *((SPARE, number) if number > 1 else (OWN, number)))
        put(log, OWN, number)
        log.now_ns += 2 * TAKE_OVER_NS
    found, gaps = quotes(log)
    assert {conn for conn, _ in found} == {OWN}
    assert gaps == []


@pytest.mark.parametrize("is_told", [True, False])
def test_what_a_spare_alone_was_sent_on_subscribing_is_not_missing(is_told: bool) -> None:
    """A sign of life of the connection that counts says that it has brought all there was."""
    log = Log(market="s")
    put(log, OWN, 1)
    log.now_ns += SECOND_NS
    put(log, SPARE, 1000)
    log.now_ns += SECOND_NS
    if is_told:
        log.put("alive", alive("quotes"), conn=TOLD)
    log.now_ns += 2 * TAKE_OVER_NS
    put(log, SPARE, 2)
    put(log, OWN, 2)
    found, gaps = quotes(log)
    assert found == [(OWN, 1), (OWN if is_told else SPARE, 2)]
    assert bool(gaps) is not is_told


def test_a_producer_elects_only_spares_while_another_counts() -> None:
    """One that comes back finds the other in its place; one of the same feed is elected as ever."""
    for conn, counts in (("f/b", False), ("f:2/b", False), ("e:2/b", True), ("e/c", True)):
        log = Log(market="s")
        put(log, OWN, 1)
        log.put("switch", switch(conn, "quotes"))
        log.now_ns += SWITCH_GUARD_NS
        put(log, OWN, 2)
        put(log, conn, 3)
        found, gaps = quotes(log)
        assert [one for one, _ in found] == ([OWN, conn] if counts else [OWN, OWN])
        assert bool(gaps) is counts


def test_a_producer_elects_where_the_other_was_not_heard_for_long() -> None:
    """A sign of life is heard; a spare that is not takes nothing over."""
    for is_heard in (True, False):
        log = Log(market="s")
        put(log, OWN, 1)
        for _ in range(4):
            log.now_ns += TAKE_OVER_NS
            if is_heard:
                log.put("alive", alive("quotes"), conn=TOLD)
        log.put("switch", switch(SPARE, "quotes"), conn=SPARE_TOLD)
        log.now_ns += SWITCH_GUARD_NS
        put(log, SPARE, 2)
        assert (SPARE, 2) not in quotes(log)[0] if is_heard else (SPARE, 2) in quotes(log)[0]


def test_a_spare_that_lost_the_stream_takes_nothing_over() -> None:
    """Not before it is elected or heard again."""
    log = Log(market="s")
    put(log, OWN, 1)
    put(log, SPARE, 1)
    lose(log, SPARE_TOLD)
    lose(log)
    log.put("switch", switch("e/c", "quotes"), conn=TOLD)
    put(log, "e/c", 2)
    found, gaps = quotes(log)
    assert found == [(OWN, 1), ("e/c", 2)]
    assert [one[0] for one in gaps] == [0, 1]


def begin(log: Log, conn: str) -> None:
    """Send the snapshot a connection begins with."""
    log.put("book_snapshot", {"b": [["1", "1"]]}, conn=conn, meta=IN_STREAM)


def change(log: Log, conn: str) -> None:
    """Change the book."""
    log.put("book", {"b": [["1", str(log.now_ns)]]}, conn=conn)


def book(log: Log) -> tuple[list[Any], list[Any], list[int]]:
    """Return the kinds and connections of the book's rows, its gaps, and where snapshots were asked for."""
    outputs = core().process(log.records)
    gaps = [one[1:] for one in rows(outputs, "md.gaps", "stream", "revision", "cause") if one[0] == "book"]
    kinds = [one for one in rows(outputs, "md.book", "kind", "conn") if one[0] != "gap"]
    return kinds, gaps, [one.raw_offset for one in outputs.reseeds]


def test_a_book_that_was_lost_goes_on_with_the_spares_snapshot() -> None:
    """It is asked for at once; what comes before it is no row."""
    log = Log(market="s")
    begin(log, OWN)
    change(log, SPARE)
    lose(log, TOLD, "book")
    change(log, SPARE)
    begin(log, SPARE)
    change(log, SPARE)
    kinds, gaps, asked = book(log)
    assert kinds == [("book_snapshots", OWN), ("book_snapshots", SPARE), ("book_deltas", SPARE)]
    assert gaps == [(0, "disconnect"), (1, "disconnect")]
    assert asked == [2, 3]


def test_a_book_that_was_lost_goes_on_with_whoever_brings_a_snapshot_first() -> None:
    """The producer that lost it elects its next connection; the spare's snapshot is none of the book then."""
    log = Log(market="s")
    begin(log, OWN)
    change(log, SPARE)
    lose(log, TOLD, "book")
    log.put("switch", switch("e/c", "book"), conn=TOLD)
    for conn in ("e/c", SPARE):
        begin(log, conn)
    for conn in ("e/c", SPARE):
        change(log, conn)
    kinds, gaps, _ = book(log)
    assert kinds == [("book_snapshots", OWN), ("book_snapshots", "e/c"), ("book_deltas", "e/c")]
    assert gaps == [(0, "disconnect"), (1, "disconnect")]


def test_a_spares_book_takes_over_from_a_producer_that_is_dead() -> None:
    """The book is broken as soon as that is known, and goes on with the snapshot that is asked for."""
    log = Log(market="s")
    begin(log, OWN)
    for _ in range(8):
        log.now_ns += SECOND_NS
        change(log, SPARE)
    begin(log, SPARE)
    change(log, SPARE)
    kinds, gaps, asked = book(log)
    assert kinds == [("book_snapshots", OWN), ("book_snapshots", SPARE), ("book_deltas", SPARE)]
    assert gaps == [(0, "switch"), (1, "switch")]
    assert asked == [1 + TAKE_OVER_NS // SECOND_NS]


def test_of_frames_that_say_the_same_the_nearest_in_time_is_the_same() -> None:
    """A venue may say the same twice; one that says it much later is another frame."""
    counted = Counted(OWN, 10 * SECOND_NS, 7)
    spare = Spare(SPARE, 0)
    for digest, at_ns in ((7, 9 * SECOND_NS), (7, 10 * SECOND_NS + 1), (7, 11 * SECOND_NS), (8, 12 * SECOND_NS)):
        spare.heard(digest, at_ns, counted)
    assert spare.place(counted) == 1
    assert spare.ahead(counted) == 11 * SECOND_NS
    assert Spare(SPARE, 0, [(7, 10 * SECOND_NS + SAME_NS + 1)]).place(counted) is None


def test_when_a_spare_got_ahead_is_known_however_much_it_brings() -> None:
    """Its frames are bounded; the time is kept beside them until more counts."""
    counted, spare = Counted(OWN, SECOND_NS, 0), Spare(SPARE, 0)
    for digest in range(2 * FRAMES_MAX):
        spare.heard(digest, SECOND_NS + digest, counted)
        spare.ahead(counted)
    assert len(spare.frames) == FRAMES_MAX
    assert spare.ahead(counted) == SECOND_NS + 1
    newest = 2 * FRAMES_MAX - 1
    assert spare.ahead(Counted(OWN, SECOND_NS + newest, newest)) == 0


def test_lines_of_one_producer_are_no_spares_of_each_other() -> None:
    """A feed's label may name a line."""
    assert is_of_another("e/a", "f/b")
    assert is_of_another("a", "f:2/b")
    assert not is_of_another("e:1/a", "e:2/b")
    assert not is_of_another("a", ":2/b")
