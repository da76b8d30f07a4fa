"""Books of OKX as they were sent before 2026-06-23. PROTOCOLS 5.1, 5.5.7."""

from __future__ import annotations

import pytest
from golden import parsed, rows_of

from exchanges import Peek
from exchanges.okx import SWAP
from exchanges.okx.legacy import CHECKSUM_END_NS, IDS_SINCE_NS, peek_book, peek_snapshot

OLDEST = SWAP.at(IDS_SINCE_NS - 1)
SUMMED = SWAP.at(CHECKSUM_END_NS - 1)
LEVELS = '"asks":[["60000.2","0","0","0"]],"bids":[["60000.0","91","0","7"]],"ts":"1652459225464"'
WITHOUT = f'{{"action":"update","data":[{{{LEVELS},"checksum":-934515145}}]}}'.encode()
WITH = f'{{"action":"update","data":[{{{LEVELS},"checksum":0,"prevSeqId":5,"seqId":9}}]}}'.encode()


def test_a_book_without_ids_is_read() -> None:
    """Rows have the checksum and no ids."""
    parser = OLDEST.parsers["book"]
    for row in rows_of(parser, parsed(parser, [WITHOUT])):
        assert row["checksum"] == -934515145
        assert not {"last_update_id", "prev_update_id"} & set(row)


def test_ids_are_read_where_they_are() -> None:
    """A checksum of 0 is a value of those years; ids stand beside it in both dialects."""
    for market in (OLDEST, SUMMED):
        parser = market.parsers["book"]
        for row in rows_of(parser, parsed(parser, [WITH])):
            assert (row["checksum"], row["last_update_id"], row["prev_update_id"]) == (0, 9, 5)


def test_today_needs_ids() -> None:
    """A frame without them is unreadable where books are proven by them."""
    with pytest.raises(ValueError, match=r"prevSeqId|seqId"):
        parsed(SWAP.parsers["book"], [WITHOUT])


def test_snapshots_are_read_from_socket_and_rest() -> None:
    """Both with or without an id."""
    parser = OLDEST.parsers["book_snapshot"]
    frames = [WITHOUT.replace(b"update", b"snapshot"), f'{{"code":"0","data":[{{{LEVELS}}}]}}'.encode()]
    assert parsed(parser, frames).counts == [2, 2]


def test_peeks_tell_what_is_missing() -> None:
    """-1 where there is no id; a snapshot has no predecessor."""
    assert peek_book(WITHOUT) == Peek(-1, -1, -1)
    assert peek_book(WITH) == Peek(-1, 9, 5)
    assert peek_book(WITH.replace(b"update", b"snapshot")) == Peek(-1, 9, -1, snapshot=True)
    assert peek_snapshot(WITHOUT.replace(b"update", b"snapshot")) == Peek(-1, -1, -1, snapshot=True)
    for read in (peek_book, peek_snapshot):
        with pytest.raises(ValueError, match="data"):
            read(b"{}")
