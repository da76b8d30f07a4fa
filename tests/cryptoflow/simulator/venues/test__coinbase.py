"""What both simulated feeds of Coinbase have in common."""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import pytest

from cryptoflow.simulator.venues._coinbase import error, invented, sampled, singles, step, time_text
from cryptoflow.simulator.venues._values import Fill


def test_times_are_text_of_the_venue() -> None:
    """Milliseconds and further digits stand in one second; the epoch is a time too."""
    assert time_text(1_790_000_000_120) == b"2026-09-21T14:13:20.120000Z"
    assert time_text(1_790_000_000_007, b"000001") == b"2026-09-21T14:13:20.007000001Z"
    assert time_text(0) == b"1970-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(("decimals", "text"), [(0, "1"), (1, "0.1"), (4, "0.0001"), (8, "0.00000001")])
def test_steps_have_their_decimals(decimals: int, text: str) -> None:
    """The step of so many decimals is the smallest number with them."""
    assert step(decimals) == text


def test_products_are_invented_and_named_by_a_dash() -> None:
    """Invented products are of no venue; a recorded one is read from its name."""
    assert invented("spot", 7, random.Random(1)).symbol == "SIM0007-USD"
    assert (sampled("spot", "BTC-USD").base, sampled("spot", "BTC-USD").quote) == ("BTC", "USD")


def test_single_trades_are_newest_first() -> None:
    """Fills fall into their single trades, the newest first and at most so many."""
    model: Any = type("Model", (), {"size": staticmethod(lambda units: b"%d" % units)})
    fills = deque([Fill(1, 1, 10, 5, False, 0), Fill(2, 4, 10, 9, True, 1)])
    assert [(number, size) for number, size, _ in singles(fills, model, 9)] == [
        (4, b"1"),
        (3, b"1"),
        (2, b"7"),
        (1, b"5"),
    ]
    assert [number for number, _, _ in singles(fills, model, 2)] == [4, 3]


def test_errors_are_json() -> None:
    """An error answer holds what is told."""
    assert error(429, message="slow").body == b'{"message":"slow"}'
