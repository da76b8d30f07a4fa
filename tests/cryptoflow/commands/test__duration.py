"""A span of time is read as people write it."""

from __future__ import annotations

import click
import pytest

from cryptoflow.commands._duration import Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2D", 172_800), (7, 7), ("0.5", 0.5)],
)
def test_spans(text: object, seconds: float) -> None:
    """Parts add up; a bare number is of seconds."""
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "m", "10 m", "10x", "-5s", "5m10", "0s", "1e3"])
def test_anything_else_is_refused(text: str) -> None:
    """A typing error must not end a recording at once, or never."""
    with pytest.raises(click.BadParameter):
        Duration().convert(text, None, None)
