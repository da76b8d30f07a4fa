"""Gap rows: when they open, join, close, and with which bounds."""

from __future__ import annotations

from tests.doubles.raw_frames import IN_STREAM, MS, Log, alive, core, delta, gap, quote, rows, snapshot, trade

BOUNDS = ("stream", "revision", "cause", "from_id", "to_id", "ids_missing", "resolved_by")


def test_a_skipped_id_is_one_gap_between_two_trades() -> None:
    """Ids that are missing open a gap at the last trade heard and close it at the next, with their bounds."""
    log = Log()
    log.put("trades", trade(5))
    log.put("trades", trade(9))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", *BOUNDS) == [
        ("trades", 0, "sequence", 6, 8, None, None),
        ("trades", 1, "sequence", 6, 8, 3, "next"),
    ]
    assert rows(outputs, "md.gaps", "from_ns", "to_ns") == [(1001 * MS, None), (1001 * MS, 1002 * MS)]
    assert len(set(rows(outputs, "md.gaps", "gap_id"))) == 1


def test_late_ids_resolve_a_gap() -> None:
    """When all missing ids arrived, each once, the gap gets a further revision and nothing is missing."""
    log = Log()
    for ids in ((5,), (8,), (7,), (6,), (6,)):
        log.put("trades", trade(*ids))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", *BOUNDS)[2:] == [("trades", 2, "sequence", 6, 7, 0, "late")]
    assert rows(outputs, "md.trades", "trade_id") == ["5", "8", "7", "6"]
    assert outputs.duplicates == {("invented", "m", "trades"): 1}


def test_one_disconnect_opens_one_gap_per_stream() -> None:
    """Every stream of the evidence gets a gap of its own id; later evidence joins; each ends with its stream."""
    log = Log()
    log.put("trades", trade(5))
    log.put("gap", gap("trades", "quotes", from_ns=77))
    log.put("gap", gap("trades", "quotes", cause="restart", from_ns=99, missing=2))
    log.put("quotes", quote(1))
    log.put("trades", trade(8))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", *BOUNDS, "from_ns", "frames_missing") == [
        ("trades", 0, "disconnect", 6, None, None, None, 77, None),
        ("quotes", 0, "disconnect", None, None, None, None, 77, None),
        ("quotes", 1, "disconnect", None, None, None, "next", 77, 2),
        ("trades", 1, "disconnect", 6, 7, 2, "next", 77, 2),
    ]
    assert len(set(rows(outputs, "md.gaps", "gap_id"))) == 2


def test_a_disconnect_that_missed_nothing_is_still_a_closed_gap() -> None:
    """The stream was not observed, so the gap is a row; the next id being the next says that nothing is missing."""
    log = Log()
    log.put("trades", trade(5))
    log.put("gap", gap("trades"))
    log.put("trades", trade(6))
    assert rows(core().process(log.records), "md.gaps", *BOUNDS)[1:] == [
        ("trades", 1, "disconnect", None, None, 0, "next")
    ]


def test_a_gap_ends_when_its_stream_was_declared_sound() -> None:
    """The evidence's own end, or a later `alive`, bounds the gap of a quiet stream, not its next trade."""
    log = Log()
    log.put("trades", trade(5))
    log.put("gap", gap("trades", to_ns=1001 * MS + 1))
    log.put("trades", trade(6))
    log.put("gap", gap("trades"))
    log.put("alive", alive("trades"))
    log.put("alive", alive("trades"))
    log.put("trades", trade(7))
    assert rows(core().process(log.records), "md.gaps", "to_ns") == [None, 1001 * MS + 1, None, 1005 * MS]


def test_a_gap_told_after_it_is_over_ends_at_once() -> None:
    """Its producer says until when; the stream was heard since, perhaps from another, and may not be heard again."""
    log = Log()
    log.put("quotes", quote(1))
    log.put("quotes", quote(2))
    log.put("gap", gap("quotes", cause="restart", from_ns=900 * MS, to_ns=1002 * MS))
    log.put("gap", gap("quotes", cause="restart", from_ns=900 * MS, to_ns=1002 * MS + 1))
    assert rows(core().process(log.records), "md.gaps", "stream", "revision", "from_ns", "to_ns") == [
        ("quotes", 0, 900 * MS, None),
        ("quotes", 1, 900 * MS, 1002 * MS),
        ("quotes", 0, 900 * MS, None),
    ]


def test_ids_that_went_on_prove_that_nothing_was_missed() -> None:
    """Of a time before the newest id they know better than a producer that could not tell: no gap, no broken book."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 12))
    log.put("trades", trade(5))
    log.put("gap", gap("trades", "book", cause="restart", from_ns=900 * MS, to_ns=1002 * MS))
    log.put("book", delta(13, 13))
    log.put("trades", trade(6))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps") == []
    assert outputs.reseeds == []


def test_a_book_without_ids_is_not_proven_by_what_came_since() -> None:
    """Nothing tells whether an update is missing in it: it breaks, until its next snapshot."""
    log = Log(market="s")
    log.put("book_snapshot", {"b": [["1", "1"]]}, meta=IN_STREAM)
    log.put("book", {"b": [["1", "2"]]})
    log.put("gap", gap("book", cause="restart", from_ns=900 * MS, to_ns=1002 * MS))
    assert rows(core().process(log.records), "md.gaps", "stream", "revision") == [("book", 0)]


def test_alive_ends_the_gap_of_a_stream_without_contiguous_ids() -> None:
    """A connection that is well and silent has nothing to say: the gap is over."""
    log = Log()
    log.put("gap", gap("liquidations", "quotes", "book"))
    log.put("alive", alive("liquidations", "book"))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "revision", "resolved_by")[3:] == [("liquidations", 1, "alive")]


def test_a_broken_book_is_a_gap_until_a_snapshot_splices() -> None:
    """The gap names the ids missing, stands in the book's topic before the breaking delta, and ends at the splice."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 12))
    log.put("book", delta(15, 16))
    log.put("book", delta(17, 17))
    log.put("book_snapshot", snapshot(16))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", *BOUNDS, "raw_offset") == [
        ("book", 0, "sequence", 13, 14, None, None, 2),
        ("book", 1, "sequence", 13, 14, None, "snapshot", 4),
    ]
    told = rows(outputs, "md.book", "raw_offset", "row_index", "kind", "reason", "first_update_id", "last_update_id")
    assert told[3:5] == [(2, 0, "gap", "sequence", 13, 14), (2, 1, "book_deltas", None, 15, 16)]


def test_the_first_delta_after_a_disconnect_bounds_the_gap_of_the_book() -> None:
    """What the book missed reaches to the id before the first delta of the new chain."""
    log = Log()
    log.put("book_snapshot", snapshot(9))
    log.put("book", delta(10, 12))
    log.put("gap", gap("book"))
    log.put("book", delta(20, 21))
    log.put("book_snapshot", snapshot(20))
    assert rows(core().process(log.records), "md.gaps", *BOUNDS) == [
        ("book", 0, "disconnect", 13, None, None, None),
        ("book", 1, "disconnect", 13, 19, None, "snapshot"),
    ]


def test_an_unreadable_record_is_a_gap_in_every_stream_heard() -> None:
    """Nobody can tell what a raw record held that cannot be decoded."""
    log = Log()
    log.put("trades", trade(5))
    log.put("quotes", quote(1))
    log.records.append((2, b"invented.m.AB", b"{"))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "stream", "revision", "cause", "from_ns") == [
        ("quotes", 0, "unreadable", 1002 * MS),
        ("trades", 0, "unreadable", 1001 * MS),
    ]


def test_holes_inside_one_frame_are_gaps_of_their_own() -> None:
    """Two holes at one position have two gap ids."""
    log = Log()
    log.put("trades", trade(1))
    log.put("trades", trade(3, 5, 7))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision", "from_id", "to_id") == [
        (revision, one, one) for one in (2, 4, 6) for revision in (0, 1)
    ]
    assert len(set(rows(outputs, "md.gaps", "gap_id"))) == 3


def test_fetched_trades_resolve_a_gap() -> None:
    """The gap was closed by the stream; when all its ids are fetched it is resolved, not before."""
    log = Log(market="s")
    for ids in ((5,), (9,)):
        log.put("trades", trade(*ids))
    log.put("trades_backfill", trade(6, 7))
    log.put("trades_backfill", trade(8))
    assert rows(core().process(log.records), "md.gaps", *BOUNDS, "raw_offset")[2:] == [
        ("trades", 2, "sequence", 6, 8, 0, "backfill", 3)
    ]


def test_ids_that_never_existed_resolve_a_gap() -> None:
    """Alone or with others that were fetched; the last word names how."""
    for meta, expected in (((6, 8), "absent"), ((0, 100), "absent"), ((6, 7), None)):
        log = Log(market="s")
        for ids in ((5,), (9,)):
            log.put("trades", trade(*ids))
        log.put("trades_backfill", b"", meta={"absent_from": meta[0], "absent_to": meta[1]})
        told = rows(core().process(log.records), "md.gaps", "revision", "resolved_by")[2:]
        assert told == ([(2, expected)] if expected else [])
        log.put("trades_backfill", trade(8))
        assert rows(core().process(log.records), "md.gaps", "resolved_by")[2:] == [expected or "backfill"]


def test_fetched_trades_do_not_end_an_open_gap() -> None:
    """Only the stream itself says that it is heard again."""
    log = Log(market="s")
    log.put("trades", trade(5))
    log.put("trades", trade(8))
    log.put("gap", gap("trades"))
    log.put("trades_backfill", trade(6))
    assert rows(core().process(log.records), "md.gaps", "revision") == [0, 1, 0]
    log.put("trades_backfill", b"", meta={"absent_from": 9, "absent_to": 10})
    log.put("trades", trade(11))
    assert rows(core().process(log.records), "md.gaps", *BOUNDS)[3:] == [
        ("trades", 1, "disconnect", None, None, 0, "next")
    ]


def test_a_gap_row_says_what_its_evidence_says() -> None:
    """The words of the evidence that opened it, so that a row can be traced to the connection they name."""
    log = Log()
    log.put("trades", trade(5))
    log.put("gap", gap("trades") | {"detail": "no answer (connection b/7c)"})
    log.put("gap", gap("trades") | {"detail": "no answer (connection b/8d)"})
    log.put("trades", trade(6))
    assert rows(core().process(log.records), "md.gaps", "detail") == ["no answer (connection b/7c)"] * 2
