"""The venue's limits."""

from __future__ import annotations

import pytest

from cryptoflow import clock
from cryptoflow.simulator._limits import Weight, Window


@pytest.fixture
def now(monkeypatch):
    """Give a clock that stands where the test puts it."""
    told = [100.0]
    monkeypatch.setattr(clock, "monotonic_s", lambda: told[0])
    return told


def test_window(now):
    """So many events in any window, and again when they are old."""
    window = Window(2, 1.0)
    assert [window.take(), window.take(), window.take()] == [True, True, False]
    now[0] += 1.0
    assert window.take()


def test_weight(now):
    """Weight is counted per minute; the wait reaches to its end."""
    weight = Weight(40)
    assert [weight.take(20), weight.take(20)] == [0, 0]
    now[0] += 50
    assert 10 <= weight.take(1) <= 11
    now[0] += 11
    assert weight.take(20) == 0
    assert weight.used == 20
