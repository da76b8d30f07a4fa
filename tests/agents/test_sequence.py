"""Continuity of books."""

from __future__ import annotations

import dataclasses

from typing_extensions import override

from agents._core import PartitionCore
from agents._run import Run
from agents._turn import Turn
from agents.sequence import OPERATOR, Sequence
from exchanges import BookState, DeltaVerdict, Exchange
from exchanges.bybit import EXCHANGE as BYBIT
from schemas import encode_frame, encode_raw
from schemas._reseed import ReseedRequest
from tests.doubles.invented_venue import MARKET, RECENT_MAX_DELTAS, ConsecutiveRules
from tests.doubles.raw_frames import IN_STREAM, MS, Log, core, delta, gap, rows, snapshot


def test_a_book_never_started_is_no_gap() -> None:
    """Deltas before the first snapshot are rows, and neither a gap nor a request."""
    log = Log()
    log.put("book", delta(10, 11))
    log.put("book", delta(12, 12))
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "kind", "last_update_id") == [("book_deltas", 11), ("book_deltas", 12)]
    assert not outputs.reseeds
    assert not rows(outputs, "md.gaps")


def test_a_break_asks_for_a_snapshot_once() -> None:
    """One request per break, with the receive time of the frame that showed it."""
    log = Log()
    for body in (delta(1, 2), delta(5, 6), delta(7, 7)):
        log.put("book", body)
    assert core().process(log.records).reseeds == [ReseedRequest("invented", "m", "AB", 1002 * MS, raw_offset=1)]


def test_a_stale_snapshot_asks_again() -> None:
    """A snapshot older than the deltas at hand cannot splice: its rows leave, and another is asked for."""
    log = Log()
    log.put("book", delta(10, 11))
    log.put("book_snapshot", snapshot(5))
    log.put("book_snapshot", snapshot(10))
    outputs = core().process(log.records)
    assert [one.raw_offset for one in outputs.reseeds] == [1]
    assert rows(outputs, "md.book", "kind").count("book_snapshots") == 4


def test_a_snapshot_that_does_not_join_an_unbroken_chain_is_no_gap() -> None:
    """Subscribed after the snapshot was made: another snapshot is needed, but no update is missing."""
    log = Log()
    log.put("book_snapshot", snapshot(5))
    log.put("book", delta(10, 11))
    outputs = core().process(log.records)
    assert len(outputs.reseeds) == 1
    assert not rows(outputs, "md.gaps")


def test_a_dead_frame_of_the_book_breaks_it() -> None:
    """Nobody knows what it changed: gap cause unreadable, and a request."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("book", b"\xff")
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "cause", "from_id") == [("book", "unreadable", 11)]
    assert rows(outputs, "md.book", "kind")[-1] == "gap"
    assert len(outputs.reseeds) == 1


def test_a_dead_snapshot_is_asked_for_again_only_when_needed() -> None:
    """A valid book does not need the snapshot that could not be read."""
    log = Log()
    log.put("book_snapshot", b"\xff")
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("book_snapshot", b"\xff")
    outputs = core().process(log.records)
    assert [one.raw_offset for one in outputs.reseeds] == [0]


def test_repeats_are_dropped_and_older_deltas_are_not() -> None:
    """An update older than the snapshot is rows; the same update again, or the same snapshot, is a repeat."""
    log = Log()
    log.put("book", delta(3, 4))
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(5, 10))
    log.put("book", delta(5, 10), conn="b")
    log.put("book_snapshot", snapshot(9), conn="b")
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "raw_offset") == [0, 1, 1, 2]
    assert outputs.duplicates == {("invented", "m", "book"): 1, ("invented", "m", "book_snapshot"): 1}


def test_a_producers_gap_breaks_the_book() -> None:
    """After a gap frame the book needs a snapshot, though the next delta continues the chain."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 10))
    log.put("gap", gap("book"))
    log.put("book", delta(11, 11))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision") == [0]
    assert [one.raw_offset for one in outputs.reseeds] == [2]


def test_the_ids_remembered_are_bounded() -> None:
    """The state of a book does not grow with the log."""
    one, log = core(), Log()
    log.put("book_snapshot", snapshot(0))
    for first in range(1, 4 * RECENT_MAX_DELTAS):
        log.put("book", delta(first, first))
    sizes = []
    for start in range(0, len(log.records), RECENT_MAX_DELTAS):
        one.process(log.records[start : start + RECENT_MAX_DELTAS])
        sizes.append(len(one.dirty()[0][2]))
    assert sizes[-1] == sizes[-2]


def test_a_snapshot_of_the_stream_begins_the_book_anew() -> None:
    """It ends the gap by itself, bounds it by its id, and the chain goes on after it; nobody has to fetch."""
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    log.put("book", delta(10, 12))
    log.put("book", delta(15, 16))
    log.put("book_snapshot", snapshot(20), meta=IN_STREAM)
    log.put("book", delta(21, 21))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision", "resolved_by", "from_id", "to_id", "raw_offset") == [
        (0, None, 13, 14, 2),
        (1, "snapshot", 13, 14, 3),
    ]
    assert [one.raw_offset for one in outputs.reseeds] == [2]
    log.put("gap", gap("book"))
    log.put("book_snapshot", snapshot(30), meta=IN_STREAM)
    assert rows(core().process(log.records), "md.gaps", "from_id", "to_id", "resolved_by")[2:] == [
        (22, None, None),
        (22, 30, "snapshot"),
    ]


def test_a_snapshot_ahead_of_a_whole_book_tells_what_was_missed() -> None:
    """Updates it stands for never came: a gap from the last one to it, closed at once. None when it adds nothing."""
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    log.put("book", delta(10, 12))
    log.put("book_snapshot", snapshot(12), meta=IN_STREAM)
    log.put("book_snapshot", snapshot(15), meta=IN_STREAM)
    log.put("book", delta(16, 16))
    log.put("book_snapshot", snapshot(1), meta=IN_STREAM)
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision", "resolved_by", "from_id", "to_id", "raw_offset") == [
        (0, None, 13, 15, 3),
        (1, "snapshot", 13, 15, 3),
    ]
    assert not outputs.reseeds


def test_a_snapshot_of_the_stream_may_come_again_with_its_id() -> None:
    """Only snapshots asked for over REST are repeats by their id: one of the stream is a row whenever it comes."""
    log = Log()
    for _ in range(2):
        log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
        log.put("book_snapshot", snapshot(9))
    outputs = core().process(log.records)
    assert rows(outputs, "md.book", "raw_offset") == [0, 0, 1, 1, 2, 2]
    assert outputs.duplicates == {("invented", "m", "book_snapshot"): 1}


def test_a_dead_snapshot_of_the_stream_breaks_a_valid_book() -> None:
    """It replaced the book, and nobody knows by what."""
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    log.put("book_snapshot", b"\xff", meta=IN_STREAM)
    log.put("book", delta(10, 10))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "cause", "from_id") == [("book", "unreadable", 10)]
    assert [one.raw_offset for one in outputs.reseeds] == [1]


def test_ids_that_go_back_are_judged_by_the_rules_alone() -> None:
    """A venue whose ids may fall (PROTOCOLS 5.5.4) is neither repeated nor broken, in one call or in many."""

    class FallingRules(ConsecutiveRules):
        """Every delta names its predecessor; an id says nothing of order."""

        @override
        def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
            """Judge one delta."""
            state.last = state.high = last
            return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    market = dataclasses.replace(MARKET, book_rules=FallingRules())
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    log.add(*(log.frame("book", delta(one, one)) for one in (10, 5, 6, 10, 5)))
    for cut in (1, 2):
        one = PartitionCore({"invented": Exchange("invented", {"m": market})}, "raw.invented", 3)
        outputs = [one.process(log.records[at : at + cut]) for at in range(0, 2, cut)]
        assert rows(outputs, "md.book", "last_update_id")[2:] == [10, 5, 6, 10, 5]
        assert not any(each.duplicates for each in outputs)


def test_a_run_without_ids_is_quiet() -> None:
    """A book without ids takes its updates whole: the quick way answers for them."""
    log = Log(market="s")
    log.put("book_snapshot", {"b": [["1", "1"]]}, meta=IN_STREAM)
    for size in range(5):
        log.put("book", {"b": [["1", str(size)]]})
    seen = []

    def watched(state: Sequence, run: Run) -> Sequence | None:
        seen.append(OPERATOR.quiet(state, run))
        return seen[-1]

    one = core(chain=(dataclasses.replace(OPERATOR, quiet=watched),))
    one.process(log.records[:1])
    one.process(log.records[1:])
    assert seen[-1] is not None
    assert seen[-1].book.valid


def test_a_run_in_which_the_book_becomes_valid_is_not_quiet() -> None:
    """Whoever closes gaps has to be told, though no update of the run breaks anything."""

    class ResumingRules(ConsecutiveRules):
        """An update that ends in a zero brings the book back, whatever was lost."""

        @override
        def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
            """Judge one delta."""
            state.valid = state.valid or last % 10 == 0
            return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    market = dataclasses.replace(MARKET, book_rules=ResumingRules())
    seen = []

    def watched(state: Sequence, run: Run) -> Sequence | None:
        seen.append(OPERATOR.quiet(state, run))
        return seen[-1]

    log = Log()
    for first in (8, 9, 10, 11):
        log.put("book", delta(first, first))
    chain = (dataclasses.replace(OPERATOR, quiet=watched),)
    one = PartitionCore({"invented": Exchange("invented", {"m": market})}, "raw.invented", 3, chain=chain)
    for at, is_quiet in ((0, True), (2, False), (3, True)):
        one.process(log.records[at : {0: 2, 2: 3, 3: 4}[at]])
        assert (seen[-1] is not None) is is_quiet


def test_only_what_makes_the_book_valid_or_begins_it_splices_it() -> None:
    """A book asked for over REST says nothing of a valid one; a snapshot of the stream does each time."""
    told: list[bool] = []

    def step(state: Sequence, turn: Turn) -> None:
        OPERATOR.step(state, turn)
        told.append(turn.spliced)

    log = Log()
    log.put("book", delta(10, 10))
    log.put("book_snapshot", snapshot(9))
    log.put("book_snapshot", snapshot(10))
    log.put("book_snapshot", snapshot(20), meta=IN_STREAM)
    log.put("book", delta(21, 21))
    core(chain=(dataclasses.replace(OPERATOR, step=step, quiet=lambda _state, _run: None),)).process(log.records)
    assert told == [False, True, False, True, False]


def test_a_book_without_ids_breaks_at_a_gap_and_heals_at_a_snapshot() -> None:
    """An unreadable record or a gap frame invalidates it; only a snapshot of the stream makes it valid."""
    log = Log(market="s")
    log.put("book_snapshot", {"b": [["1", "1"]]}, meta=IN_STREAM)
    log.put("gap", gap("book"))
    log.put("book", {"b": [["1", "2"]]})
    log.put("book_snapshot", {"b": [["1", "1"]]})
    log.put("book_snapshot", {"b": [["1", "1"]]}, meta=IN_STREAM)
    log.records.append((5, b"invented.s.AB", b"{"))
    outputs = core().process(log.records)
    told = rows(outputs, "md.gaps", "stream", "revision", "from_id", "resolved_by", "raw_offset")
    assert [row for row in told if row[0] == "book"] == [
        ("book", 0, None, None, 1),
        ("book", 1, None, "snapshot", 4),
        ("book", 0, None, None, 5),
    ]
    assert [one.raw_offset for one in outputs.reseeds] == [1, 3, 5]


def bybit_book(number: int, at_ms: int, form: str = "delta") -> bytes:
    """Make a book frame of Bybit."""
    head = f'{{"topic":"orderbook.50.XUSDT","type":"{form}","ts":{at_ms + 1},"cts":{at_ms}'
    return f'{head},"data":{{"s":"XUSDT","b":[["{number}","1"]],"a":[],"u":{number}}}}}'.encode()


def test_a_restart_of_the_service_on_two_connections_is_rows_once() -> None:
    """Its id is 1 each time: the engine's time tells it from a further restart, which is kept."""
    log: list[tuple[str, str, bytes]] = [
        ("a", "book_snapshot", bybit_book(5000, 1, "snapshot")),
        ("b", "book_snapshot", bybit_book(5000, 1, "snapshot")),
        *[(conn, "book", bybit_book(5001, 2)) for conn in "ab"],
        ("a", "book", bybit_book(5002, 3)),
        ("a", "book_snapshot", bybit_book(1, 10)),
        ("a", "book", bybit_book(2, 11)),
        ("b", "book", bybit_book(5002, 3)),
        ("b", "book_snapshot", bybit_book(1, 10)),
        ("b", "book", bybit_book(2, 11)),
        *[(conn, "book", bybit_book(3, 12)) for conn in "ba"],
        *[(conn, "book_snapshot", bybit_book(1, 20)) for conn in "ab"],
        *[(conn, "book", bybit_book(2, 21)) for conn in "ab"],
    ]
    frames = [
        encode_frame(conn, number, (1000 + number) * MS, kind, raw, meta=IN_STREAM if "snapshot" in kind else None)
        for number, (conn, kind, raw) in enumerate(log)
    ]
    records = [
        (n, b"bybit.linear.XUSDT", encode_raw("bybit", "linear", "XUSDT", "test", [f])) for n, f in enumerate(frames)
    ]
    outputs = PartitionCore({"bybit": BYBIT}, "raw.bybit", 3).process(records)
    assert rows(outputs, "md.book", "kind", "last_update_id", "exchange_ns") == [
        ("book_snapshots", 5000, 1 * MS),
        ("book_deltas", 5001, 2 * MS),
        ("book_deltas", 5002, 3 * MS),
        ("book_snapshots", 1, 10 * MS),
        ("book_deltas", 2, 11 * MS),
        ("book_deltas", 3, 12 * MS),
        ("book_snapshots", 1, 20 * MS),
        ("book_deltas", 2, 21 * MS),
    ]
    assert not rows(outputs, "md.gaps")
    assert not outputs.reseeds
