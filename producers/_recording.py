"""Write a live session as a recording: one JSON object per line, gzip, as the simulator replays it.

`{"t":<ns>,"conn":…,"ev":"open|send|recv|rest","url":…,"data":…}`; `data` is the payload as text,
exactly as on the wire. Bytes that are no UTF-8 stand in `data_b64` instead. URLs are the venue's own;
where something else was reached in its place, an `open` row names it in `via`.
"""

from __future__ import annotations

import base64
import gzip
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlsplit

import msgspec

from cryptoflow import clock
from cryptoflow.errors import ConfigError

SUFFIX = ".jsonl.gz"


class Tap(Protocol):
    """Hear everything that passes between a producer and a venue."""

    def opened(self, url: str, via: str) -> str:
        """Note that a connection to a venue's URL was opened, by way of another one or the same; return its name."""
        ...

    def sent(self, conn: str, data: bytes) -> None:
        """Note a message of ours."""
        ...

    def received(self, conn: str, data: bytes, received_ns: int) -> None:
        """Note a message of the venue and when it arrived."""
        ...

    def answered(self, url: str, body: bytes) -> None:
        """Note the body of a REST answer of status 200."""
        ...


class Recording:
    """Write rows in the order they happen; use as a context manager."""

    def __init__(self, path: Path) -> None:
        """Take a path that does not exist yet. Raises ConfigError in one line."""
        if not path.name.endswith(SUFFIX):
            raise ConfigError(f"recording to {path}: not a recording's name", fix=f"let it end in {SUFFIX}")
        self._path = path
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self._opened: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Create the file. Raises ConfigError when that cannot be done."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = gzip.open(self._path, "xb")
        except OSError as error:
            raise ConfigError(
                f"recording to {self._path}: {error.strerror}",
                fix="name another file, in a writable folder",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the file: whatever ended the session, its rows are readable."""
        self._file.close()

    def discard(self) -> None:
        """Remove the file: nothing in it is worth keeping."""
        self._path.unlink(missing_ok=True)

    def opened(self, url: str, via: str) -> str:
        """Write an `open` row; `via` stands in it where something else was reached than the venue."""
        self._opened[_host(url)] += 1
        conn = f"{_host(url)}.ws.{self._opened[_host(url)]}"
        self._write("open", conn, clock.now_ns(), {"url": url, **({"via": via} if via != url else {})})
        return conn

    def sent(self, conn: str, data: bytes) -> None:
        """Write a `send` row."""
        self._write("send", conn, clock.now_ns(), _payload(data))

    def received(self, conn: str, data: bytes, received_ns: int) -> None:
        """Write a `recv` row."""
        self._write("recv", conn, received_ns, _payload(data))

    def answered(self, url: str, body: bytes) -> None:
        """Write a `rest` row."""
        self._write("rest", f"{_host(url)}.rest", clock.now_ns(), {"url": url, **_payload(body)})

    def _write(self, event: str, conn: str, at_ns: int, told: dict[str, str]) -> None:
        line = msgspec.json.encode({"t": at_ns, "conn": conn, "ev": event, **told}) + b"\n"
        self._file.write(line)
        self.counts[event] += 1
        self.bytes += len(line)


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _payload(data: bytes) -> dict[str, str]:
    try:
        return {"data": data.decode()}
    except UnicodeDecodeError:
        return {"data_b64": base64.b64encode(data).decode()}
