"""Recorded lists hold every recorded symbol, and end."""

from __future__ import annotations

import json
from typing import Any

from cryptoflow.simulator.venues._listed import completed

MADE = {"A": {"id": "A"}, "B": {"id": "B"}}


def listed(*bodies: bytes) -> Any:
    """Complete lists under `all`; `more` says that a page follows."""
    return completed(
        bodies, lambda told: told["all"], lambda entry: entry["id"], MADE, lambda told: bool(told.pop("more", False))
    )  # fmt: skip


def test_a_whole_body_is_given_as_it_is() -> None:
    """The newest one that has all symbols, byte for byte."""
    whole = b'{"all": [{"id":"B"},{"id":"A"},{"id":"C"}]}'
    assert listed(b'{"all":[{"id":"A"}]}', whole, b'{"error":"x"}', b"broken") == whole


def test_pages_become_one() -> None:
    """Entries of all pages, the newest where two have one; what no page has is made."""
    pages = [b'{"all":[{"id":"A","v":1}],"more":true}', b'{"all":[{"id":"A","v":2},{"id":"C"}],"more":true}']
    told = json.loads(listed(*pages))
    assert told["all"] == [{"id": "A", "v": 2}, {"id": "C"}, {"id": "B"}]
    assert "more" not in told


def test_nothing_readable_is_nothing() -> None:
    """Whoever asks invents the list then."""
    assert listed(b"[]", b'{"code":1}') is None
    assert listed() is None
