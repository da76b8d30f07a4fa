"""Times as venues write them in RFC 3339, read to the nanosecond. PROTOCOLS 1.5."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime

NS_PER_S = 1_000_000_000
FRACTION_MAX_DIGITS = 9
SECONDS_CACHE_MAX = 4096
"""Whole seconds remembered: frames of one moment share theirs."""

_WHOLE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")
_WHOLE_CHARS = 19
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339_ns(text: str) -> int:
    """Return nanoseconds since the epoch of `2026-09-21T14:13:20.123456789Z`; below 0 before 1970.

    Only UTC (`Z`) and at most nine digits of a second are read, so that nothing is rounded. Raises ValueError.
    """
    seconds, rest = _seconds(text[:_WHOLE_CHARS]), text[_WHOLE_CHARS:]
    if rest == "Z":
        return seconds * NS_PER_S
    digits = rest[1:-1]
    if rest[:1] != "." or rest[-1:] != "Z" or not digits.isdecimal() or not digits.isascii():
        raise ValueError(f"reading a time: {text[:100]!r} is not RFC 3339 in UTC")
    if len(digits) > FRACTION_MAX_DIGITS:
        raise ValueError(f"reading a time: {text[:100]!r} is finer than a nanosecond")
    return seconds * NS_PER_S + int(digits.ljust(FRACTION_MAX_DIGITS, "0"))


@functools.lru_cache(maxsize=SECONDS_CACHE_MAX)
def _seconds(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"reading a time: {text!r} is not RFC 3339")
    return (datetime.fromisoformat(text + "+00:00") - _EPOCH) // (datetime.resolution * 1_000_000)
