"""Updates that arrived and broke their book: a checksum that is wrong, a bid above the ask."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptoflow.verify.tracks import Track


class Broken(NamedTuple):
    """Hold when an update was received that broke its book, and the frame before it; `proven` where it must be seen."""

    before_ns: int
    at_ns: int
    proven: bool


def broken(track: Track, places: Sequence[int], times: Sequence[int]) -> Iterator[Broken]:
    """Return the updates of a track that broke its book and were received: positions `places`, times `times`."""
    for position, proven in track.broken:
        index = bisect_left(places, position)
        if index < len(places) and places[index] == position:
            yield Broken(times[index - 1] if index else times[index], times[index], proven)
