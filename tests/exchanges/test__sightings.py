"""Unverified rules are told once."""

from __future__ import annotations

from exchanges import drain, saw


def test_a_sighting_is_told_once() -> None:
    """The same rule and fact come out of `drain` a single time, in the order they were seen."""
    drain()
    saw("PROTOCOLS 0.0.1", "met")
    saw("PROTOCOLS 0.0.1", "broken")
    saw("PROTOCOLS 0.0.1", "met")
    assert drain() == [("PROTOCOLS 0.0.1", "met"), ("PROTOCOLS 0.0.1", "broken")]
    saw("PROTOCOLS 0.0.1", "met")
    assert drain() == []
