"""Damage frames of a venue, byte by byte and value by value, and tell which numbers a frame really holds.

Seeded: the same seed and frames give the same damage. It cannot imitate: damage that spans frames.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

TOKENS = (
    *(b"null", b"true", b"false", b"NaN", b"Infinity", b"-1", b"-0", b"0", b"1.0", b"1e3", b"1E400", b"1e-30"),
    *(b"9223372036854775808", b"1" * 40, b'""', b'"1"', b'"-1"', b'"1e2"', b'"0.10"', b'"1_000"', b'"+1"', b'" 1"'),
    *(b"[]", b"{}", b'["1","2"]', b'["1"]', b'[["1","2"]]', b'"NaN"', b'"Buy"', b'"sell"', b'"\\u0000"', b'"\\ud800"'),
    *(b"[" * 2000, b'{"a":' * 2000, b'"' + b"x" * 5000 + b'"', b"1" * 5000, b'"2026-13-45T99:99:99Z"', b'"1970"'),
)
"""Values put in place of others."""

BYTES = (b"", b",", b":", b'"', b"\\", b"\x00", b"\xff", b"\xc3\x28", b"}", b"]", b"{", b"[", b" ", b"0", b"e", b"-")
"""Bytes put anywhere."""

_SCALAR = re.compile(rb'"(?:[^"\\]|\\.)*"(?!\s*:)|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null')
_MEMBER = re.compile(rb'"(?:[^"\\]|\\.)*"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null),?')
_SPAN_MAX_BYTES = 12


class FrameFuzzer:
    """Draw damaged frames from whole ones."""

    def __init__(self, frames: Sequence[bytes], seed: int) -> None:
        """Take whole frames of one market."""
        self._frames = frames
        self._random = random.Random(seed)
        self._damages = (self._bytes, self._cut, self._value, self._swap, self._member, self._repeat)

    def draw(self, count: int) -> Iterator[bytes]:
        """Yield damaged frames; one in ten is whole, so that state moves on between them."""
        draw = self._random
        for _ in range(count):
            frame = draw.choice(self._frames)
            if draw.random() > 0.1:
                for _ in range(draw.choice((1, 1, 1, 2, 4))):
                    frame = draw.choice(self._damages)(frame)
            yield frame

    def _bytes(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        length = self._random.choice((0, 0, 1, 1, 2, _SPAN_MAX_BYTES))
        return frame[:at] + self._random.choice(BYTES) + frame[at + length :]

    def _cut(self, frame: bytes) -> bytes:
        at = self._random.randrange(len(frame) + 1)
        return frame[:at] if self._random.random() < 0.5 else frame[at:]

    def _value(self, frame: bytes) -> bytes:
        found = list(_SCALAR.finditer(frame))
        if not found:
            return frame
        one = self._random.choice(found)
        return frame[: one.start()] + self._random.choice(TOKENS) + frame[one.end() :]

    def _swap(self, frame: bytes) -> bytes:
        found = list(_SCALAR.finditer(frame))
        if len(found) < 2:
            return frame
        first, second = sorted(self._random.sample(found, 2), key=lambda one: one.start())
        between = frame[first.end() : second.start()]
        return frame[: first.start()] + second[0] + between + first[0] + frame[second.end() :]

    def _member(self, frame: bytes) -> bytes:
        """Drop a member of an object, or say it twice with another value."""
        found = list(_MEMBER.finditer(frame))
        if not found:
            return frame
        one = self._random.choice(found)
        if self._random.random() < 0.5:
            return frame[: one.start()] + frame[one.end() :]
        name = one[0].partition(b":")[0]
        return frame[: one.start()] + name + b":" + self._random.choice(TOKENS) + b"," + frame[one.start() :]

    def _repeat(self, frame: bytes) -> bytes:
        start = self._random.randrange(len(frame) + 1)
        piece = frame[start : start + self._random.randrange(200)]
        return frame[:start] + piece + frame[start:]


def numbers_of(frame: bytes) -> set[Decimal]:
    """Return every number a frame holds, as a number or as text, read by the standard library alone.

    Raises ValueError or RecursionError for what is no JSON.
    """
    found: set[Decimal] = set()
    pending: list[Any] = [json.loads(frame.decode(), strict=False, parse_float=str, parse_int=str, parse_constant=str)]
    while pending:
        one = pending.pop()
        if isinstance(one, dict):
            pending.extend(one.values())
        elif isinstance(one, list):
            pending.extend(one)
        elif isinstance(one, str):
            try:
                found.add(Decimal(one))
            except InvalidOperation:
                continue
    return found
