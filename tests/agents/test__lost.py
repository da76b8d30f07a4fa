"""Records that retention removed are a gap in every stream they may have been of."""

from __future__ import annotations

from tests.doubles.raw_frames import IN_STREAM, MS, Log, core, quote, rows, snapshot, trade

COLUMNS = ("stream", "revision", "cause", "from_ns", "to_ns", "raw_offset")


def two_streams(conn: str = "a") -> Log:
    """Bring trades and quotes, then a hole of three records, then both again."""
    log = Log()
    log.put("trades", trade(1), conn=conn)
    log.put("quotes", quote(1), conn=conn)
    log.now_ns += 100 * MS
    for number in (2, 3, 4):
        log.put("quotes", quote(number), conn=conn)
    log.put("quotes", quote(5), conn=conn)
    log.put("trades", trade(2), conn=conn)
    return log


def test_every_stream_heard_has_a_gap_over_the_hole() -> None:
    """It begins with the last record that was read; the stream's next frame ends it, also where ids go on."""
    log = two_streams()
    one = core()
    one.process(log.records[:2])
    one.lose(5)
    found = rows(one.process(log.records[5:]), "md.gaps", *COLUMNS)
    assert found == [
        ("quotes", 0, "retention", 1002 * MS, None, 5),
        ("trades", 0, "retention", 1002 * MS, None, 5),
        ("quotes", 1, "retention", 1002 * MS, 1106 * MS, 5),
        ("trades", 1, "retention", 1002 * MS, 1107 * MS, 6),
    ]


def test_what_is_lost_is_remembered_until_the_next_record() -> None:
    """A worker may end before a quiet symbol says anything."""
    log = two_streams()
    one, other = core(), core()
    one.process(log.records[:2])
    one.lose(5)
    assert [key for key, _ in one.changed()] == ["invented.m.AB"]
    other.restore({key: (offset, state) for key, offset, state in one.dirty()})
    assert len(rows(other.process(log.records[5:]), "md.gaps")) == 4
    assert rows(other.process([(9, *log.records[6][1:])]), "md.gaps") == []


def test_a_symbol_beyond_the_hole_has_lost_nothing() -> None:
    """Its state stands at or behind the first record that is left."""
    log = two_streams()
    one = core()
    one.process(log.records[:6])
    one.clear_dirty(key for key, _, _ in one.dirty())
    one.lose(5)
    assert one.changed() == []
    assert rows(one.process(log.records[6:]), "md.gaps") == []


def test_a_book_is_broken_by_the_hole() -> None:
    """Also one whose ids say nothing: a snapshot is asked for."""
    log = Log(market="s")
    levels = {"b": [["1", "1"]]}
    log.put("book_snapshot", levels, meta=IN_STREAM)
    log.put("book", levels)
    log.put("book", levels)
    one = core()
    one.process(log.records[:1])
    one.lose(2)
    outputs = one.process(log.records[2:])
    assert rows(outputs, "md.gaps", "stream", "revision", "cause") == [("book", 0, "retention")]
    assert [reseed.raw_offset for reseed in outputs.reseeds] == [2]


def test_no_feed_covers_what_none_of_them_brought() -> None:
    """The log lost the records of all."""
    log = Log()
    for conn in ("a", "f/b"):
        log.put("quotes", quote(1), conn=conn)
    for conn in ("a", "f/b"):
        log.put("quotes", quote(2), conn=conn)
        log.put("quotes", quote(3), conn=conn)
    one = core()
    one.process(log.records[:2])
    one.lose(4)
    found = rows(one.process(log.records[4:]), "md.gaps", "stream", "revision", "cause", "from_ns")
    assert found == [("quotes", 0, "retention", 1002 * MS), ("quotes", 1, "retention", 1002 * MS)]


def test_a_symbol_of_which_nothing_was_heard_has_no_gap() -> None:
    """There is no stream to miss anything of."""
    log = Log()
    log.put("instrument", {"native": "AB", "base": "A", "quote": "B"})
    log.put("book_snapshot", snapshot(1))
    log.put("trades", trade(1))
    one = core()
    one.process(log.records[:1])
    one.lose(1)
    assert rows(one.process(log.records[2:]), "md.gaps") == []
