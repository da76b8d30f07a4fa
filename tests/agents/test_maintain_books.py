"""Books proven by the venue's sums."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from agents import maintain_books
from agents._core import PartitionCore
from agents._levels import KeptBook
from agents._run import Run
from agents.maintain_books import OPERATOR
from exchanges import Exchange
from tests.doubles.invented_scoped import SCOPED, SumCheck, sum_of
from tests.doubles.invented_venue import MARKET
from tests.doubles.raw_frames import IN_STREAM, Log, core, delta, gap, rows, snapshot

DEEP = {"reason": "subscribe", "stream": "book.2"}
TERMS = {"native": "AB", "base": "A", "quote": "B", "price_decimals": 2, "size_decimals": 1}
BIDS, ASKS = {"9.00": "1.0", "8.00": "2.0"}, {"11.00": "1.0", "12.00": "3.0"}


def levels(bids: dict[str, str] | None = None, asks: dict[str, str] | None = None, told: int | None = None) -> object:
    """Make the body of a frame of the book."""
    return {"b": list((bids or {}).items()), "a": list((asks or {}).items()), "sum": told}


def started(**terms: object) -> Log:
    """Begin a log with a definition and a snapshot whose sum is right."""
    log = Log(market="s")
    log.put("instrument", {**TERMS, **terms})
    log.put("book_snapshot", levels(BIDS, ASKS, sum_of(BIDS, ASKS)), meta=DEEP)
    return log


def test_sums_that_match_are_counted() -> None:
    """Snapshot and updates are proven; a level that another pushes out of the depth is gone without a word."""
    log = started()
    bids = {"9.00": "1.0", "9.50": "4.0"}
    log.put("book", levels({"9.50": "4.0"}, told=sum_of(bids, ASKS)))
    del bids["9.50"]
    log.put("book", levels({"9.50": "0.0"}, told=sum_of(bids, ASKS)))
    outputs = core().process(log.records)
    assert outputs.checksums == {("invented", "s", "ok"): 3}
    assert not rows(outputs, "md.gaps")


def test_a_sum_that_does_not_match_breaks_the_book_until_a_snapshot() -> None:
    """A gap from the last trusted frame, a request, and nothing is compared until a snapshot of the stream heals it."""
    log = started()
    log.put("book", levels({"9.00": "5.0"}, told=1))
    log.put("book", levels({"9.00": "6.0"}, told=2))
    log.put("book_snapshot", levels(BIDS, ASKS, sum_of(BIDS, ASKS)), meta=DEEP)
    log.put("book", levels({"9.00": "7.0"}, told=sum_of({**BIDS, "9.00": "7.0"}, ASKS)))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision", "stream", "cause", "resolved_by", "raw_offset") == [
        (0, "book", "checksum", None, 2),
        (1, "book", "checksum", "snapshot", 4),
    ]
    assert [one.raw_offset for one in outputs.reseeds] == [2]
    assert outputs.checksums == {("invented", "s", "ok"): 3, ("invented", "s", "mismatch"): 1}
    told = rows(outputs, "md.book", "kind", "reason", "raw_offset")
    assert ("gap", "checksum", 2) in told
    assert [kind for kind, _, offset in told if offset == 2] == ["gap", "book_deltas"]


def test_a_snapshot_of_the_stream_replaces_a_sound_book() -> None:
    """Levels it does not name are gone; its own sum and those after it are proven on it alone."""
    log = started()
    bids, asks = {"9.25": "2.0"}, {"10.00": "1.0"}
    log.put("book_snapshot", levels(bids, asks, sum_of(bids, asks)), meta=DEEP)
    log.put("book", levels({"9.50": "4.0"}, told=sum_of({**bids, "9.50": "4.0"}, asks)))
    outputs = core().process(log.records)
    assert outputs.checksums == {("invented", "s", "ok"): 3}
    assert not rows(outputs, "md.gaps")


def test_a_snapshot_whose_own_sum_is_wrong_heals_nothing() -> None:
    """The gap stays open; the book is asked for again."""
    log = started()
    log.put("gap", gap("book"))
    log.put("book_snapshot", levels(BIDS, ASKS, 1), meta=DEEP)
    log.put("book", levels({"9.00": "6.0"}, told=2))
    outputs = core().process(log.records)
    assert rows(outputs, "md.gaps", "revision", "cause") == [(0, "disconnect")]
    assert [one.raw_offset for one in outputs.reseeds] == [2, 3]


def test_a_frame_without_a_sum_is_no_mismatch() -> None:
    """A thin snapshot without one, then a full one that replaces it (PROTOCOLS 7.1.5)."""
    log = Log(market="s")
    log.put("instrument", TERMS)
    log.put("book_snapshot", levels({"5.00": "1.0"}), meta=DEEP)
    log.put("book_snapshot", levels(BIDS, ASKS, sum_of(BIDS, ASKS)), meta=DEEP)
    outputs = core().process(log.records)
    assert outputs.checksums == {("invented", "s", "ok"): 1, ("invented", "s", "absent"): 1}
    assert not rows(outputs, "md.gaps")


def test_decimals_that_are_not_known_prove_nothing() -> None:
    """Before the symbol is defined a sum cannot be told; from the definition's place in the log on it can."""
    log = Log(market="s")
    log.put("book_snapshot", levels(BIDS, ASKS, sum_of(BIDS, ASKS)), meta=DEEP)
    log.put("instrument", TERMS)
    log.put("book", levels({"9.00": "1.0"}, told=sum_of(BIDS, ASKS)))
    outputs = core().process(log.records)
    assert outputs.checksums == {("invented", "s", "absent"): 1, ("invented", "s", "ok"): 1}


def test_a_snapshot_asked_for_over_rest_replaces_nothing() -> None:
    """Only the book's own stream says where it begins."""
    log = started()
    log.put("book_snapshot", levels({"1.00": "1.0"}))
    log.put("book", levels({"8.00": "2.0"}, told=sum_of(BIDS, ASKS)))
    assert core().process(log.records).checksums == {("invented", "s", "ok"): 2}


def test_a_book_that_broke_is_forgotten() -> None:
    """After a gap the levels held are worth nothing: no sum is compared, and the state is small."""
    log = started()
    log.put("gap", gap("book"))
    log.put("book", levels({"9.00": "6.0"}, told=2))
    one = core()
    outputs = one.process(log.records)
    assert outputs.checksums == {("invented", "s", "ok"): 1}
    kept = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["maintain_books"]
    assert kept == {"sound": False, "depth": None, "bids": [], "asks": [], "given_crossed": False}


def test_markets_without_a_check_keep_no_book() -> None:
    """Their levels leave as rows and cost nothing here."""
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    one = core()
    assert not one.process(log.records).checksums
    assert not msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["maintain_books"]["sound"]


def test_a_run_of_proven_updates_is_quiet() -> None:
    """The quick way verifies every sum as the slow one does, and refuses a run with one that does not match."""
    log = started()
    for size in ("5.0", "6.0", "7.0"):
        log.put("book", levels({"9.00": size}, told=sum_of({**BIDS, "9.00": size}, ASKS)))
    seen: list[KeptBook | None] = []

    def watched(state: KeptBook, run: Run) -> KeptBook | None:
        seen.append(OPERATOR.quiet(state, run))
        return seen[-1]

    chain = tuple(
        dataclasses.replace(one, quiet=watched) if one.name == OPERATOR.name else one for one in core()._chain
    )
    one = core(chain=chain)
    one.process(log.records[:2])
    assert one.process(log.records[2:]).checksums == {("invented", "s", "ok"): 3}
    assert seen[-1] is not None
    log.put("book", levels({"9.00": "8.0"}, told=3))
    one.process(log.records[5:])
    assert seen[-1] is None


def test_a_book_survives_the_checkpoint() -> None:
    """Killed after any record, the restored book proves the next sum."""
    log = started()
    for size in ("5.0", "6.0"):
        log.put("book", levels({"9.00": size}, told=sum_of({**BIDS, "9.00": size}, ASKS)))
    for cut in range(1, len(log.records)):
        first, second = core(), core()
        before = first.process(log.records[:cut]).checksums
        second.restore({key: (offset, state) for key, offset, state in first.dirty()})
        assert before + second.process(log.records[cut:]).checksums == {("invented", "s", "ok"): 3}


def test_a_mismatch_is_the_end_of_the_chain() -> None:
    """Continuity forgets the book too: nothing later calls it valid before a snapshot."""
    log = started()
    log.put("book", levels({"9.00": "5.0"}, told=1))
    one = core()
    one.process(log.records)
    assert msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["sequence"]["book"]["valid"] is False


def test_a_snapshot_behind_the_chain_replaces_nothing() -> None:
    """Where ids hold across connections, an overlapping connection may begin at an update the book contains."""
    market = dataclasses.replace(MARKET, book_check=SumCheck())
    log = Log()
    log.put("book_snapshot", snapshot(9), meta=IN_STREAM)
    log.put("book", delta(10, 10))
    log.put("book", delta(11, 11))
    log.put("book_snapshot", snapshot(10), meta=IN_STREAM)
    one = PartitionCore({"invented": Exchange("invented", {"m": market})}, "raw.invented", 3)
    one.process(log.records)
    kept = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]["maintain_books"]
    assert [price for price, *_ in kept["bids"]] == ["1.25", "1.5", "10.5", "11.5"]


def test_a_crossed_book_is_broken_until_a_snapshot() -> None:
    """A bid at or above an ask means a loss that no sum has told: a gap, a request, and the next snapshot heals it."""
    for bid in ("11.00", "11.50"):
        log = started()
        log.put("book", levels({bid: "5.0"}))
        log.put("book", levels({bid: "0.0"}))
        log.put("book_snapshot", levels(BIDS, ASKS, sum_of(BIDS, ASKS)), meta=DEEP)
        one = core()
        outputs = one.process(log.records)
        assert rows(outputs, "md.gaps", "revision", "stream", "cause", "resolved_by", "raw_offset", "detail") == [
            (0, "book", "crossed", None, 2, f"the best bid is {bid}, the best ask 11.00"),
            (1, "book", "crossed", "snapshot", 4, f"the best bid is {bid}, the best ask 11.00"),
        ]
        assert [request.raw_offset for request in outputs.reseeds] == [2]
        told = rows(outputs, "md.book", "kind", "reason", "raw_offset")
        assert [kind for kind, _, offset in told if offset == 2] == ["gap", "book_deltas"]


def test_a_crossed_book_is_the_end_of_the_chain() -> None:
    """Continuity forgets the book too: nothing later calls it valid before a snapshot."""
    log = started()
    log.put("book", levels({"11.00": "5.0"}))
    one = core()
    one.process(log.records)
    parts = msgspec.msgpack.decode(one.dirty()[0][2])["parts"]
    assert (parts["sequence"]["book"]["valid"], parts["maintain_books"]["sound"]) == (False, False)


def test_what_crosses_within_a_frame_is_nothing() -> None:
    """Only the book after the whole frame counts."""
    log = started()
    log.put("book", levels({"11.00": "5.0"}, {"11.00": "0.0"}))
    assert not rows(core().process(log.records), "md.gaps")


def test_a_crossed_snapshot_is_the_venues_own_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its book may be crossed, which is noted once, until an update ends that: then it may not be again."""
    seen: list[str] = []
    monkeypatch.setattr(maintain_books, "saw", lambda rule, _what: seen.append(rule))
    log = started()
    log.put("book_snapshot", levels({"11.00": "5.0"}, ASKS), meta=DEEP)
    log.put("book", levels({"11.50": "5.0"}))
    one = core()
    outputs = [one.process(log.records)]
    assert seen == ["an invented rule"]
    restored = core()
    restored.restore({key: (offset, state) for key, offset, state in one.dirty()})
    log.put("book", levels({"11.50": "0.0", "11.00": "0.0", "10.00": "1.0"}))
    log.put("book", levels({"10.50": "1.0"}))
    outputs.append(restored.process(log.records))
    assert not rows(outputs, "md.gaps")
    log.put("book", levels({"11.00": "5.0"}))
    assert rows(restored.process(log.records), "md.gaps", "cause", "raw_offset") == [("crossed", 6)]


def test_a_venue_that_does_not_ask_for_it_may_be_crossed() -> None:
    """Ids or a sum that is right prove such a book: it is passed on as it is."""
    market = dataclasses.replace(SCOPED, cross_check=None)
    log = started()
    log.put("book", levels({"11.00": "5.0"}, told=sum_of({**BIDS, "11.00": "5.0"}, ASKS)))
    one = PartitionCore({"invented": Exchange("invented", {"s": market})}, "raw.invented", 3)
    outputs = one.process(log.records)
    assert not rows(outputs, "md.gaps")
    assert outputs.checksums == {("invented", "s", "ok"): 2}
