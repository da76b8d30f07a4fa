"""Advanced Trade: the connection's numbers, and when a book is valid. PROTOCOLS 6.2.5."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict, drain
from exchanges.coinbase import SPOT
from exchanges.coinbase.advanced.sequence import AdvancedBookRules, connection_sequence, content

RULES = AdvancedBookRules()
IDS = (-1, -1, -1)


@pytest.mark.parametrize(
    ("frame", "number"),
    [
        (b'{"channel":"l2_data","timestamp":"t","sequence_num":12,"events":[', 12),
        (b'{"channel":"l2_data","client_id":"","timestamp":"t","sequence_num":12,"events":[', 12),
        (b'{"channel":"heartbeats","timestamp":"t","sequence_num":4}', 4),
        (b'{"channel":"unknown_one","timestamp":"t","sequence_num":5,"events":[]}', 5),
        (b'{ "sequence_num" : 6, "channel":"ticker" }', 6),
        (b'{"channel":"ticker","timestamp":"t","sequence_num":123456789012345678901,"events":[]}', None),
        (b'{"channel":"ticker","timestamp":"t","sequence_num":-1,"events":[]}', None),
        (b'{"channel":"ticker","timestamp":"t","sequence_num":"7","events":[]}', None),
        (b'{"type":"error","message":"no"}', None),
        (b"not json", None),
        (b"", None),
    ],
)
def test_every_frame_of_a_connection_tells_its_number(frame: bytes, number: int | None) -> None:
    """The number is read before any filter, of channels nobody knows too; an error has none (PROTOCOLS 6.2.5)."""
    assert connection_sequence(frame) == number


def test_the_first_number_is_a_sighting() -> None:
    """That a connection begins at 0 is unverified and told when it is met (PROTOCOLS 6.2.4)."""
    drain()
    for _ in range(2):
        connection_sequence(b'{"channel":"ticker","timestamp":"t","sequence_num":0,"events":[]}')
    assert drain() in ([], [("PROTOCOLS 6.2.4", "a connection's first sequence_num is 0")])


def test_copies_of_a_frame_differ_in_the_envelope_alone() -> None:
    """What two connections say of one event is the same; a frame without events is compared whole."""
    event = b'"events":[{"type":"update","tickers":[{"product_id":"BTC-USD","price":"%d"}]}]}'
    one, other, next_ = (
        b'{"channel":"ticker","timestamp":"t%d","sequence_num":%d,%b' % (number, number, event % price)
        for number, price in ((1, 5), (2, 5), (3, 6))
    )
    assert content(one) == content(other) == event % 5
    assert content(next_) != content(one)
    assert content(b"{}") == b"{}"
    assert SPOT.content is content


def test_a_book_is_valid_from_its_snapshot_to_a_gap() -> None:
    """Updates before the snapshot wait, a further snapshot replaces, a gap ends it (PROTOCOLS 6.2.5)."""
    state = BookState()
    assert RULES.on_delta(state, *IDS) is DeltaVerdict.BUFFERED
    assert RULES.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    assert [RULES.on_delta(state, *IDS) for _ in range(3)] == [DeltaVerdict.APPLIED] * 3
    assert RULES.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    RULES.on_gap(state)
    assert state == BookState()
    assert RULES.on_delta(state, *IDS) is DeltaVerdict.BUFFERED
    assert state.valid is False


def test_only_the_stream_begins_a_book() -> None:
    """A snapshot from elsewhere makes no book valid and changes no valid one."""
    state = BookState()
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.STALE
    assert state.valid is False
    RULES.on_snapshot(state, -1, in_stream=True)
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.SPLICED
    assert state.valid is True
