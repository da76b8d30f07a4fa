"""Read the rows of a recording: whose they are, and in which order they were received."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import msgspec

from cryptoflow.errors import ConfigError
from cryptoflow.simulator._looks import url_by_look
from cryptoflow.simulator.venues import venues
from cryptoflow.simulator.venues._values import Row
from cryptoflow.simulator.venues._venue import Venue

_GZIP = b"\x1f\x8b"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class _Line(msgspec.Struct):
    t: int
    conn: str
    ev: str
    url: str = ""
    data: str = ""


@dataclass
class Rows:
    """Hold a file's rows with their venues, by receive time; `left_out` counts rows nobody here speaks for."""

    found: list[tuple[Venue, Row]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


_line = msgspec.json.Decoder(_Line)


def read_rows(path: Path) -> Rows:
    """Read a recording, with or without gzip; one that was cut off is read as far as it goes.

    Rows of one connection keep their order whatever their times say; connections are laid over each
    other by time. A connection without an `open` row is told by its frames. Raises ConfigError for a
    file that is no recording or of no venue known here.
    """
    rows = Rows()
    lines = _lines(path, rows)
    urls = {line.conn: line.url for line in lines if line.ev == "open"}
    for conn in {line.conn for line in lines if line.ev == "recv"} - urls.keys():
        urls[conn] = url_by_look(line.data for line in lines if line.conn == conn and line.ev == "recv")
    speakers = {url: _speaker(url) for url in {*urls.values(), *(line.url for line in lines), ""}}
    newest: dict[str, int] = {}
    for line in lines:
        # A clock that was set back must not change the order of what one connection received.
        newest[line.conn] = max(line.t, newest.get(line.conn, line.t))
        line.t = newest[line.conn]
    for line in sorted(lines, key=lambda line: line.t):
        url = line.url or urls.get(line.conn, "")
        venue, own = speakers[url]
        if venue is not None:
            rows.found.append((venue, Row(line.t, line.conn, line.ev, own, line.data.encode())))
        elif line.ev != "open":
            host = urlsplit(url).hostname
            rows.left_out[f"host {host}" if host else f"connection {line.conn} without an `open` row"] += 1
    if not rows.found:
        hosts = {urlsplit(url).hostname or "unknown" for url in urls.values()}
        raise ConfigError(
            f"recording {path.name} is of no venue known here (hosts in its `open` rows: "
            f"{', '.join(sorted(hosts)) or 'none'})",
            fix=f"give a recording of {', '.join(sorted({venue.exchange for venue in venues()}))}",
        )
    return rows


def _lines(path: Path, rows: Rows) -> list[_Line]:
    try:
        with path.open("rb") as plain:
            packed = plain.read(len(_GZIP)) == _GZIP
        found, broken = _decoded(path, packed=packed)
    except (OSError, zlib.error, msgspec.DecodeError) as error:
        raise ConfigError(f"reading recording {path}: {error}", fix="give a recording (.jsonl.gz)") from error
    if broken:
        rows.left_out[f"{path.name}: cut off in the middle of a row"] += 1
    return found


def _decoded(path: Path, *, packed: bool) -> tuple[list[_Line], bool]:
    """Return the rows, and whether the file ends within one. Raises msgspec.DecodeError for a broken row before."""
    found: list[_Line] = []
    broken: msgspec.DecodeError | None = None
    with gzip.open(path, "rb") if packed else path.open("rb") as file:
        lines = _whole(iter(file))
        for line in lines:
            if broken is not None:
                raise broken
            try:
                if line.strip():
                    found.append(_line.decode(line))
            except msgspec.DecodeError as error:
                if not found:
                    raise
                broken = error
    return found, broken is not None


def _whole(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Give the lines of a file; a packed one that ends early gives a last line that is no row."""
    try:
        yield from lines
    except EOFError:
        yield b"{"


def _speaker(url: str) -> tuple[Venue | None, str]:
    """Return whose URL this is, and the URL as the venue spells it: a recording of this simulator has its own."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK:
        return _simulated(parts)
    return next((venue for venue in venues() if host in venue.hosts), None), url


def _simulated(parts: SplitResult) -> tuple[Venue | None, str]:
    for venue in sorted(venues(), key=lambda venue: -len(venue.prefix)):
        if parts.path == venue.prefix or parts.path.startswith(venue.prefix + "/"):
            return venue, parts._replace(path=parts.path.removeprefix(venue.prefix)).geturl()
    return None, parts.geturl()
