"""Decoding groups of frames."""

from __future__ import annotations

from agents._batch import Batch
from agents._flatten import NO_ID, flatten
from agents._group import Group
from exchanges import Parser
from schemas import RawFrame
from tests.doubles.invented_venue import PARSERS
from tests.doubles.raw_frames import Log, core, quote, rows


def group_of(parser: Parser, *raws: bytes) -> tuple[Batch, Group]:
    """Flatten frames with a parser."""
    import msgspec

    batch = Batch()
    batch.frames = [RawFrame(c="a", n=number, t=1, k="trades", raw=msgspec.Raw(raw)) for number, raw in enumerate(raws)]
    batch.index()
    group = Group("trades", parser, list(range(len(raws))))
    flatten(batch, group)
    return batch, group


def with_ids(**changes: bool) -> Parser:
    """Return the trades parser with another kind of id."""
    import dataclasses

    return dataclasses.replace(PARSERS["trades"], **changes)  # type: ignore[arg-type]  # flags only


def test_ids_without_order_are_hashed() -> None:
    """Equal ids have equal numbers, others have others."""
    raws = [b'{"trades":[{"i":%d,"p":"1","q":"1"}]}' % one for one in (1, 2, 1)]
    _, group = group_of(with_ids(ordered=False, contiguous=False), *raws)
    assert group.ids is not None
    first, second, third = group.ids
    assert first == third != second
    assert NO_ID not in group.ids


def test_a_dead_frame_keeps_its_place() -> None:
    """Entries stay aligned with ordinals when a frame in the middle cannot be read."""
    good = b'{"trades":[{"i":%d,"p":"1","q":"1"}]}'
    batch, group = group_of(PARSERS["trades"], good % 1, b"{}", b'{"trades":[],"auction":2}', good % 3)
    assert list(batch.dead) == [1]
    assert group.columns.counts == [1, 0, 0, 1]
    assert group.unlisted == {2: 2}
    assert group.ids == [1, 3]
    assert [group.rows_of(entry, entry + 1) for entry in range(4)] == [(0, 1), (1, 1), (1, 1), (1, 2)]


def test_frames_cannot_shift_each_other() -> None:
    """A frame whose bytes hold two messages, or none, is dead alone; it does not become its neighbour's."""
    log = Log()
    two = b'{"u":7,"b":"1","a":"1"},{"u":8,"b":"1","a":"1"}'
    log.add(*(log.frame("quotes", one) for one in (quote(1), two, b"", quote(2))))
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "update_id", "frame_no") == [(1, 0), (2, 3)]
    assert rows(outputs, "md.dead_letters", "frame_no") == [1, 2]


def test_bytes_that_are_no_json_are_never_rows() -> None:
    """A frame the producer could not pass on as JSON is dead, also where only a field no row needs is damaged."""
    log = Log()
    damaged = b'{"u":1,"b":"1","a":"1","note":"\xff"}'
    log.add(log.frame("quotes", damaged, valid_json=False), log.frame("quotes", quote(2)))
    outputs = core().process(log.records)
    assert rows(outputs, "md.quotes", "update_id") == [2]
    assert rows(outputs, "md.dead_letters", "frame_no") == [0]
