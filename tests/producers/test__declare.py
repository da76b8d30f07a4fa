"""What a connection means for the log is written into every lane it touches."""

from __future__ import annotations

import msgspec

from exchanges import BOOK_SNAPSHOT, Per, StreamKind
from producers._declare import Declare, touched
from producers._watchdog import StreamInfo
from schemas import GapEvidence, Switch
from tests.doubles.memory_log import MemoryLog

BOOK = StreamInfo("aaa@book", StreamKind.BOOK, "AAA", None)
QUOTES = StreamInfo("aaa@quotes", StreamKind.QUOTES, "AAA", None)
TRADES = StreamInfo("bbb@trades", StreamKind.TRADES, "BBB", None)
WHOLE = StreamInfo("!liquidations", StreamKind.LIQUIDATIONS, "", None, per=Per.MARKET)


def declare(log: MemoryLog, lost: list[str], *scoped: str) -> Declare:
    """Write into the lanes of two symbols."""
    for symbol in ("AAA", "BBB"):
        log.lane(symbol)
    return Declare(log.intake, log.lanes.__getitem__, lambda: list(log.lanes), lost.append, scoped)


def test_a_gap_names_the_kinds_of_each_lane(memory_log: MemoryLog) -> None:
    """One frame per symbol; only a book's chain is lost."""
    lost: list[str] = []
    declare(memory_log, lost).gap((BOOK, QUOTES, TRADES), "disconnect", 17, "x" * 500, "b/7c")
    (first,) = [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in memory_log.frames("AAA")]
    (second,) = [msgspec.json.decode(frame.payload(), type=GapEvidence) for frame in memory_log.frames("BBB")]
    assert (first.streams, first.from_ns, first.cause, len(first.detail)) == (("book", "quotes"), 17, "disconnect", 200)
    assert first.detail.endswith("xx (connection b/7c)")
    assert second.streams == ("trades",)
    assert lost == ["AAA"]


def test_a_market_stream_touches_every_symbol() -> None:
    """Its loss is a gap in all lanes."""
    assert touched((WHOLE, TRADES), ["AAA", "BBB"]) == {"AAA": ("liquidations",), "BBB": ("trades", "liquidations")}


def test_only_scoped_kinds_are_elected(memory_log: MemoryLog) -> None:
    """The switch names the stream kinds of a lane whose ids do not hold; other lanes have none."""
    declare(memory_log, [], BOOK_SNAPSHOT, "book").switch((BOOK, QUOTES, TRADES), "conn", 5)
    (frame,) = memory_log.frames("AAA")
    assert msgspec.json.decode(frame.payload(), type=Switch) == Switch("conn", ("book",), 5)
    assert memory_log.frames("BBB") == []


def test_streams_known_to_join_elsewhere_are_elected_from_there(memory_log: MemoryLog) -> None:
    """Each kind has the time known of it; kinds of one time share a switch."""
    known = {("AAA", "quotes"): 7, ("BBB", "book"): 8}
    declare(memory_log, [], "book", "quotes").switch((BOOK, QUOTES), "conn", 5, known)
    found = [msgspec.json.decode(frame.payload(), type=Switch) for frame in memory_log.frames("AAA")]
    assert found == [Switch("conn", ("book",), 5), Switch("conn", ("quotes",), 7)]


def test_nothing_is_elected_where_ids_hold(memory_log: MemoryLog) -> None:
    """A market without scoped kinds has no switch frames."""
    declare(memory_log, []).switch((BOOK, TRADES), "conn", 5)
    assert memory_log.frames("AAA") == []
