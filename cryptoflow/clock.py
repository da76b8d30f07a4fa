"""The only module that reads time; everything else is told."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def now_ns() -> int:
    """Return wall-clock time in integer nanoseconds since the epoch, UTC."""
    return time.time_ns()


def monotonic_s() -> float:
    """Return a clock that only goes forward, for deadlines, in seconds."""
    return time.monotonic()


def worked_s() -> float:
    """Return the CPU time this thread has used, in seconds."""
    return time.thread_time()


def iso(ns: int) -> str:
    """Format nanoseconds since the epoch as an ISO 8601 UTC time, microseconds."""
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(microsecond=ns // 1000 % 1_000_000).isoformat()


def from_iso(text: str) -> int:
    """Read an ISO 8601 date or time, UTC where it names no zone, as nanoseconds. Raises ValueError."""
    read = datetime.fromisoformat(text)
    aware = read if read.tzinfo else read.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MICROSECOND * 1000
