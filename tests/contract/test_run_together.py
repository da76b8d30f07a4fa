"""Two frames run together are never taken for the first one: it names the symbol, the second has the numbers."""

from __future__ import annotations

import itertools
import re

import pytest
from golden import GOLDEN, MARKETS, places

from exchanges import RouteError


def _escaped(frame: bytes) -> bytes:
    """Spell the first letter of every key as an escape, which every decoder reads alike."""
    return re.sub(rb'"(\w)(\w*"\s*:)', lambda found: b'"\\u%04x%b' % (found[1][0], found[2]), frame)


@pytest.mark.parametrize("name", MARKETS)
def test_a_frame_with_two_names_is_not_placed_by_the_first(name: str) -> None:
    """Of a key said twice every decoder takes the last value, so that name counts, or none does."""
    market, placed = MARKETS[name], {}
    for file in sorted((GOLDEN / name).glob("*.jsonl")):
        for frame in filter(None, file.read_bytes().splitlines()):
            try:
                parts = places(market, frame)
            except RouteError:
                continue
            if len({part.symbol for part in parts} - {""}) == 1:
                placed[frame.strip()] = parts[0].symbol
    pairs = [(one, other) for one, other in itertools.permutations(placed, 2) if placed[one] != placed[other]]
    for one, other in pairs:
        for second in (other, _escaped(other)):
            together = one[:-1] + b"," + second[1:]
            try:
                symbols = {part.symbol for part in places(market, together)}
            except RouteError:
                continue
            assert placed[one] not in symbols, together
    assert pairs or len(set(placed.values())) == 1
