"""Keep records on disk, in order, while the broker is away: segment files of (length, crc32, bytes).

The spool is one queue: `append` at the tail, `read` from a cursor, `release` up to a position. What
is released is never read again, also after a restart; what was read but not released is read again,
so a record can be delivered twice but never skipped. A torn tail (SIGKILL, host power loss) ends the
queue; damage elsewhere costs the rest of that segment and is told by an event.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, NamedTuple

from cryptoflow import events
from cryptoflow.errors import ConfigError
from cryptoflow.failpoint import fail_point

_HEADER = struct.Struct("<II")
_SUFFIX = ".spool"
_HEAD = "head"
Fsync = Literal["segment", "interval", "off"]


class Position(NamedTuple):
    """Say where a record ends."""

    segment: int
    offset: int


@dataclass
class _Segment:
    number: int
    size: int


class Spool:
    """Queue bytes on disk within `max_bytes`; one process at a time owns the directory."""

    def __init__(self, directory: Path, *, max_bytes: int, segment_bytes: int, fsync: Fsync = "interval") -> None:
        """Open the directory and what an earlier run left in it.

        Raises ConfigError when another process has it.
        """
        self._directory = directory
        self._max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        self._fsync = fsync
        directory.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        self._released = self._read_head()
        self._cursor = self._released
        self._segments = [
            _Segment(number, path.stat().st_size)
            for number, path in sorted((int(path.stem), path) for path in directory.glob("*" + _SUFFIX))
        ]
        self._tail: IO[bytes] | None = None
        self._source: tuple[int, IO[bytes]] | None = None
        self._next_number = max([self._released.segment, *(s.number for s in self._segments)]) + 1
        self._dirty = False
        self._size = sum(segment.size for segment in self._segments)
        self.first_own_segment = self._next_number
        self._drop_released()
        if self._segments and self._cursor.segment < self._segments[0].number:
            self._cursor = Position(self._segments[0].number, 0)

    @property
    def size_bytes(self) -> int:
        """Return the bytes on disk, released ones of a partly released segment included."""
        return self._size

    @property
    def occupancy(self) -> float:
        """Return the share of the limit in use."""
        return self.size_bytes / self._max_bytes if self._max_bytes else 0.0

    def has_unread(self) -> bool:
        """Tell whether `read` has something to give."""
        return bool(self._segments) and self._cursor < Position(self._segments[-1].number, self._segments[-1].size)

    def append(self, record: bytes) -> Position | None:
        """Add a record; None when the limit is reached or the disk refuses.

        The record outlives the process from here on, and with fsync also the host.
        """
        fail_point("producer.spool")
        size = _HEADER.size + len(record)
        if self._size + size > self._max_bytes:
            return None
        tail: IO[bytes] | None = None
        try:
            tail = self._open_tail(size)
            if tail.write(_HEADER.pack(len(record), zlib.crc32(record)) + record) != size:
                raise OSError(errno.ENOSPC, "short write")  # noqa: TRY301 - one place mends the file
        except OSError:
            if tail is not None:
                tail.truncate(self._segments[-1].size)
                tail.seek(self._segments[-1].size)
            return None
        segment = self._segments[-1]
        segment.size += size
        self._size += size
        self._dirty = True
        return Position(segment.number, segment.size)

    def read(self) -> tuple[Position, bytes] | None:
        """Return the next record and its end; None when all was read."""
        while self.has_unread():
            segment = next(s for s in self._segments if s.number >= self._cursor.segment)
            if segment.number > self._cursor.segment:
                self._cursor = Position(segment.number, 0)
            if self._cursor.offset >= segment.size:
                self._cursor = Position(segment.number + 1, 0)
                continue
            record = self._read_at(segment)
            if record is not None:
                self._cursor = Position(segment.number, self._cursor.offset + _HEADER.size + len(record))
                return self._cursor, record
            self._damaged(segment)
        return None

    def skip_read(self) -> None:
        """Put the cursor at the tail: what stands before is being delivered from memory."""
        if self._segments:
            self._cursor = Position(self._segments[-1].number, self._segments[-1].size)

    def release(self, position: Position) -> None:
        """Say that everything up to here was delivered; whole segments are deleted."""
        self._released = max(self._released, position)
        self._cursor = max(self._cursor, self._released)
        self._drop_released()

    def sync(self) -> None:
        """Write down the released position, and bring records to the disk if the policy says so."""
        if self._dirty and self._tail is not None and self._fsync == "interval":
            os.fsync(self._tail.fileno())
        self._dirty = False
        self._write_head()

    def rewrite_oldest(self, transform: Callable[[bytes], bytes | None]) -> int:
        """Pass every record of the oldest whole unread segment through `transform`; return the bytes won.

        Order is kept; None removes a record. Segments already thinned are not tried again.
        """
        candidates = [s for s in self._segments[:-1] if s.number > max(self._cursor.segment, self._thinned)]
        if not candidates:
            return 0
        segment = candidates[0]
        self._thinned = segment.number
        kept = bytearray()
        data = self._path(segment.number).read_bytes()
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, crc = _HEADER.unpack_from(data, offset)
            record = data[offset + _HEADER.size : offset + _HEADER.size + length]
            offset += _HEADER.size + length
            if len(record) == length and zlib.crc32(record) == crc:
                changed = transform(record)
                if changed is not None:
                    kept += _HEADER.pack(len(changed), zlib.crc32(changed)) + changed
        won = segment.size - len(kept)
        self._replace(self._path(segment.number), bytes(kept))
        segment.size = len(kept)
        self._size -= won
        return won

    def close(self) -> None:
        """Write down the position and let the directory go."""
        self.sync()
        self._close_source()
        if self._tail is not None:
            if self._fsync != "off":
                os.fsync(self._tail.fileno())
            self._tail.close()
            self._tail = None
        self._lock.close()

    _thinned = -1
    damages = 0
    """Parts that could not be read back."""

    def _take_lock(self) -> IO[bytes]:
        lock = (self._directory / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise ConfigError(
                f"opening the spool {self._directory}: another producer uses it",
                fix="stop it, or set producer.replica_index or producer.spool_dir",
            ) from error
        return lock

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:012d}{_SUFFIX}"

    def _open_tail(self, size: int) -> IO[bytes]:
        if self._tail is not None and self._segments and self._segments[-1].size + size <= self._segment_bytes:
            return self._tail
        if self._tail is not None:
            if self._fsync != "off":
                os.fsync(self._tail.fileno())
            self._tail.close()
        # A run never appends to an earlier run's segment: its end may be torn.
        self._segments.append(_Segment(self._next_number, 0))
        self._tail = self._path(self._next_number).open("wb", buffering=0)
        self._next_number += 1
        return self._tail

    def _read_at(self, segment: _Segment) -> bytes | None:
        if self._source is None or self._source[0] != segment.number:
            self._close_source()
            self._source = segment.number, self._path(segment.number).open("rb")
        source = self._source[1]
        source.seek(self._cursor.offset)
        header = source.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        length, crc = _HEADER.unpack(header)
        if length > segment.size:
            return None
        record = source.read(length)
        return record if len(record) == length and zlib.crc32(record) == crc else None

    def _damaged(self, segment: _Segment) -> None:
        events.SpoolDamaged(path=self._path(segment.number).name, lost_bytes=segment.size - self._cursor.offset).emit()
        self._cursor = Position(segment.number, segment.size)
        self.damages += 1

    def _drop_released(self) -> None:
        while self._segments:
            first = self._segments[0]
            if Position(first.number, first.size) > self._released:
                return
            if self._source is not None and self._source[0] == first.number:
                self._close_source()
            if len(self._segments) == 1 and self._tail is not None:
                self._tail.close()
                self._tail = None
            self._write_head()
            self._path(first.number).unlink(missing_ok=True)
            self._size -= first.size
            del self._segments[0]

    def _close_source(self) -> None:
        if self._source is not None:
            self._source[1].close()
            self._source = None

    def _read_head(self) -> Position:
        try:
            segment, offset = (self._directory / _HEAD).read_text("ascii").split()
            return Position(int(segment), int(offset))
        except (OSError, ValueError):
            return Position(0, 0)

    def _write_head(self) -> None:
        if self._released == self._written:
            return
        self._replace(self._directory / _HEAD, f"{self._released.segment} {self._released.offset}\n".encode())
        self._written = self._released

    _written = Position(-1, -1)

    def _replace(self, path: Path, content: bytes) -> None:
        fresh = path.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(content)
            if self._fsync != "off":
                file.flush()
                os.fsync(file.fileno())
        fresh.replace(path)
