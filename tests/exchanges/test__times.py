"""Times in RFC 3339 are read exactly or refused."""

from __future__ import annotations

import pytest

from exchanges._times import rfc3339_ns

GOOD = {
    "1970-01-01T00:00:00Z": 0,
    "2026-09-21T14:13:20Z": 1_790_000_000_000_000_000,
    "2026-09-21T14:13:20.1Z": 1_790_000_000_100_000_000,
    "2026-09-21T14:13:20.123456Z": 1_790_000_000_123_456_000,
    "2026-09-21T14:13:20.000000001Z": 1_790_000_000_000_000_001,
    "0001-01-01T00:00:00Z": -62_135_596_800_000_000_000,
}
BAD = [
    "",
    "Z",
    "2026-09-21T14:13:20",
    "2026-09-21T14:13:20.Z",
    "2026-09-21T14:13:20.1234567891Z",
    "2026-09-21T14:13:20.12 Z",
    "2026-09-21T14:13:20.12+00:00",
    "2026-09-21T14:13:20+02:00",
    "2026-09-21 14:13:20Z",
    "2026-13-21T14:13:20Z",
    "2026-02-30T14:13:20Z",
    "2026-09-21T24:13:20Z",
    "2026-09-21T14:13:20.\u0661Z",
    "\uff12026-09-21T14:13:20Z",
    "1790000000",
]


@pytest.mark.parametrize("text", GOOD)
def test_times_are_exact(text: str) -> None:
    """Every digit of the second counts, and times before 1970 are below zero."""
    assert rfc3339_ns(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Another zone, a finer fraction or another form raises ValueError; nothing is guessed or rounded."""
    with pytest.raises(ValueError, match=r"reading a time|month|day|hour"):
        rfc3339_ns(text)
