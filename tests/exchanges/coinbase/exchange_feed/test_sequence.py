"""Exchange feed: when a book is valid, and how trades are asked for by id. PROTOCOLS 6.1.5."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.coinbase import FEED, SPOT
from exchanges.coinbase.exchange_feed.sequence import TRADE_FILL, TRADES_MAX, ExchangeFeedBookRules

RULES = ExchangeFeedBookRules()
IDS = (-1, -1, -1)


def test_a_book_is_valid_from_its_snapshot_to_a_gap() -> None:
    """Updates before the snapshot wait, a further snapshot replaces, a gap ends it (PROTOCOLS 6.1.5)."""
    state = BookState()
    assert RULES.on_delta(state, *IDS) is DeltaVerdict.BUFFERED
    assert RULES.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    assert [RULES.on_delta(state, *IDS) for _ in range(3)] == [DeltaVerdict.APPLIED] * 3
    assert RULES.on_snapshot(state, -1, in_stream=True) is SnapshotVerdict.SPLICED
    RULES.on_gap(state)
    assert state == BookState()
    assert RULES.on_delta(state, *IDS) is DeltaVerdict.BUFFERED


def test_a_rest_book_begins_nothing() -> None:
    """A REST book cannot be spliced: it makes no book valid and changes no valid one."""
    state = BookState()
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.STALE
    assert state.valid is False
    RULES.on_snapshot(state, -1, in_stream=True)
    assert RULES.on_snapshot(state, -1) is SnapshotVerdict.SPLICED
    assert state.valid is True


def test_only_this_feed_is_checked_for_crossing() -> None:
    """PROTOCOLS 6.1.5 asks for it where nothing else proves a book; Advanced Trade counts its frames."""
    assert FEED.cross_check is not None
    assert FEED.cross_check.rule == "PROTOCOLS 6.1.5"
    assert FEED.keeps_book
    assert SPOT.cross_check is None
    assert not SPOT.keeps_book


def test_a_page_begins_at_the_id_wanted() -> None:
    """`after` is exclusive and counts down, so a full page below it starts at the id asked for."""
    request = TRADE_FILL.request("BTC-USD", 501)
    assert request.path == "/products/BTC-USD/trades"
    assert int(request.query["after"]) - int(request.query["limit"]) == 501
    assert TRADE_FILL.trades_max == TRADES_MAX == 1000


def test_answers_are_cut_untouched_in_rising_order() -> None:
    """The newest comes first on the wire; each entry keeps its bytes."""
    entries = [b'{ "trade_id":9,"x":1.0 }', b'{"trade_id":10}', b'{"trade_id":8}']
    assert TRADE_FILL.trades("BTC-USD", b"[" + b",".join(entries) + b"]") == [
        (8, entries[2]),
        (9, entries[0]),
        (10, entries[1]),
    ]
    assert TRADE_FILL.trades("BTC-USD", b"[]") == []
    for body in (b'{"message":"NotFound"}', b'[{"trade_id":"9"}]', b"["):
        with pytest.raises(ValueError, match=r"Expected|truncated"):
            TRADE_FILL.trades("BTC-USD", body)
