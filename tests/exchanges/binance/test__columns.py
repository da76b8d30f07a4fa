"""Levels of both sides become columns."""

from __future__ import annotations

from exchanges.binance._columns import level_columns
from exchanges.binance._messages import Level


def test_bids_stand_before_asks_and_each_side_is_counted() -> None:
    """The ordinal starts anew on every side of every frame."""
    found = level_columns([([Level("1", "2")], [Level("3", "4"), Level("5", "0")]), ([], []), ([Level("6", "7")], [])])
    assert found == {
        "side": ["bid", "ask", "ask", "bid"],
        "price": ["1", "3", "5", "6"],
        "size": ["2", "4", "0", "7"],
        "level": [0, 0, 1, 0],
    }
