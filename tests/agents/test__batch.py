"""Records flattened into frames and groups."""

from __future__ import annotations

from agents._batch import PART_BITS, Batch
from agents._group import Dead
from agents._symbol import Symbol
from schemas import decode_raw
from tests.doubles.invented_venue import MARKET
from tests.doubles.raw_frames import Log, delta, quote, snapshot, trade


def symbol() -> Symbol:
    """Return a symbol without state."""
    return Symbol("invented.m.AB", "invented", "m", "AB", MARKET, [])


def test_a_record_knows_its_entries_by_kind() -> None:
    """Frames get ordinals over the call; a record's frames of a kind are one range of the kind's group."""
    log, batch, one = Log(), Batch(), symbol()
    log.add(log.frame("trades", trade(1)), log.frame("quotes", quote(1)), log.frame("trades", trade(2)))
    log.add(log.frame("trades", trade(3), part=2))
    for offset, _, value in log.records:
        batch.add(one, offset, decode_raw(value))
    batch.index()
    assert [(view.first, view.last, view.spans) for view in batch.views] == [
        (0, 3, [("trades", 0, 2), ("quotes", 0, 1)]),
        (3, 4, [("trades", 2, 3)]),
    ]
    assert batch.groups_of(batch.views[0])["trades"].ordinals == [0, 2, 3]
    assert batch.identities == [0, 1 << PART_BITS, 2 << PART_BITS, (3 << PART_BITS) + 2]


def test_only_records_of_readable_data_are_plain() -> None:
    """Snapshots, frames of our own, empty and broken records go frame by frame."""
    log, batch, one = Log(), Batch(), symbol()
    log.put("book", delta(1, 1))
    log.put("book_snapshot", snapshot(1))
    log.put("gap", {})
    log.add()
    for offset, _, value in log.records:
        batch.add(one, offset, decode_raw(value))
    batch.add_broken(one, 9, b"{", Dead("envelope", "x", "y"))
    assert [view.plain for view in batch.views] == [True, False, False, False, False]
    assert batch.broken == {3: b"{"}
