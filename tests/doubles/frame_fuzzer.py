"""Damage frames of a venue, in bytes and in structure.

Seeded: the same seed and frames give the same damage. It cannot imitate: damage that spans frames of a
connection, as a frame that is lost or comes late.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from json_damage import JsonDamage

BYTES = (
    b"",
    b",",
    b":",
    b'"',
    b"\\",
    b"\x00",
    b"\xff",
    b"\xc3\x28",
    b"}",
    b"]",
    b"{",
    b"[",
    b" ",
    b"0",
    b"e",
    b"-",
    b".",
)
"""Bytes put anywhere."""

_SPAN_MAX_BYTES = 12
_WHOLE_SHARE = 0.1
_BYTES_SHARE = 0.25
_DAMAGES = (1, 1, 1, 1, 2, 4)


class Drawn(NamedTuple):
    """Hold a frame, the place of the whole one it was made of, and whether it is still that one."""

    frame: bytes
    origin: int
    whole: bool


class FrameFuzzer:
    """Draw damaged frames from whole ones."""

    def __init__(self, frames: Sequence[bytes], families: Sequence[str], seed: int) -> None:
        """Take whole frames of one market, and which of them are alike: no family is drawn more than another."""
        self._frames = frames
        self._families = [
            [place for place, name in enumerate(families) if name == family] for family in dict.fromkeys(families)
        ]
        self._random = random.Random(seed)
        self._structure = JsonDamage(self._random, frames)
        self._bytes = (self._put, self._flip, self._cut, self._repeat, self._splice)

    def draw(self, count: int) -> Iterator[Drawn]:
        """Yield damaged frames; one in ten is whole, so that state moves on between them."""
        draw = self._random
        for _ in range(count):
            origin = draw.choice(draw.choice(self._families))
            frame = self._frames[origin]
            if draw.random() >= _WHOLE_SHARE:
                for _ in range(draw.choice(_DAMAGES)):
                    in_bytes = draw.random() < _BYTES_SHARE
                    frame = draw.choice(self._bytes)(frame) if in_bytes else self._structure(frame)
            yield Drawn(frame, origin, frame == self._frames[origin])

    def _put(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        length = self._random.choice((0, 0, 1, 1, 2, _SPAN_MAX_BYTES))
        return frame[:at] + self._random.choice(BYTES) + frame[at + length :]

    def _flip(self, frame: bytes) -> bytes:
        """Turn one bit, or write any byte."""
        if not frame:
            return frame
        at = self._random.randrange(len(frame))
        other = (
            frame[at] ^ (1 << self._random.randrange(8)) if self._random.random() < 0.7 else self._random.randrange(256)
        )
        return frame[:at] + bytes((other,)) + frame[at + 1 :]

    def _cut(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        return frame[:at] if self._random.random() < 0.5 else frame[at:]

    def _repeat(self, frame: bytes) -> bytes:
        start = self._random.randrange(len(frame) + 1)
        piece = frame[start : start + self._random.randrange(200)]
        return frame[:start] + piece + frame[start:]

    def _splice(self, frame: bytes) -> bytes:
        """Go on with another frame from a place both have in common, or from anywhere."""
        other = self._random.choice(self._frames)
        at = self._random.randrange(len(frame) + 1)
        shared = other.find(frame[at : at + 4]) if self._random.random() < 0.7 else -1
        return frame[:at] + (other[shared:] if shared >= 0 else other[self._random.randrange(len(other) + 1) :])
