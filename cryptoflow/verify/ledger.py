"""Read the simulator's ledger into tracks: per stream and symbol, the frames in the order made."""

from __future__ import annotations

import base64
import enum
import json
from array import array
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptoflow.verify.frames import STREAM_OF_TABLE, Expected, expected, snapshot, track_of_stream


class Status(enum.IntEnum):
    """What became of a frame at the venue; the highest of several holds."""

    WITHHELD = 0
    HELD = 1
    """Withheld by a silence, which only a watchdog can see."""
    GARBAGE = 2
    SENT = 3


_STATUS_OF_REASON = {
    b"gap": Status.WITHHELD,
    b"down": Status.WITHHELD,
    b"silence": Status.HELD,
    b"ack_silent": Status.HELD,
}


class Track:
    """Hold the frames of one stream of one symbol; position i of each column is one frame."""

    def __init__(self, table: str) -> None:
        """Start empty."""
        self.table = table
        self.positions: dict[Hashable, int] = {}
        self.keys: list[Hashable] = []
        self.status = bytearray()
        self.injected = bytearray()
        """1 for a frame withheld by a gap on purpose."""
        self.ns = array("q")
        self.first = array("q")
        self.rows = array("q")
        self.digest: list[int] = []
        self.where = array("q")
        self.down: list[tuple[int, int | None]] = []
        """Times when nobody was subscribed to the stream."""

    def add(self, frame: Expected, status: Status, ns: int, where: int, *, injected: bool) -> None:
        """Append a frame or raise the status of a known one."""
        known = self.positions.get(frame.key)
        if known is not None:
            self.status[known] = max(self.status[known], status)
            return
        self.positions[frame.key] = len(self.keys)
        self.keys.append(frame.key)
        self.status.append(status)
        self.injected.append(injected)
        self.ns.append(ns)
        self.first.append(frame.first)
        self.rows.append(len(frame.rows))
        self.digest.append(sum(map(hash, frame.rows)))
        self.where.append(where)


@dataclass(slots=True)
class Garbage:
    """Hold one garbage frame: the bytes sent, the track and key of the frame it replaced."""

    payload_b64: str
    kind: str
    symbol: str
    key: Hashable


@dataclass(slots=True)
class Answers:
    """Hold the REST answers of one book: (rows, digest), how often, when first, and where."""

    rows: int
    digest: int
    count: int
    ns: int
    where: int


@dataclass
class Ledger:
    """Hold everything the ledger files say."""

    paths: Sequence[Path]
    tracks: dict[tuple[str, str], Track] = field(default_factory=dict)
    snapshots: dict[tuple[str, Hashable], Answers] = field(default_factory=dict)
    fresh: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    """When each symbol's book was answered as it was, by time."""

    garbage: list[Garbage] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    withheld: int = 0

    def reread(self, where: int) -> Expected | None:
        """Return again what the frame or answer noted at a place must become."""
        with self.paths[where >> 48].open("rb") as file:
            file.seek(where & ((1 << 48) - 1))
            kind, _, _, _, rest = file.readline().split(b" ", 4)
        if kind == b"J":
            told = json.loads(rest)
            return snapshot(told["symbol"], told["body"])
        return expected(json.loads(rest)["frame"] if kind == b"G" else rest)


def read_ledger(paths: Sequence[Path]) -> Ledger:
    """Read ledger files, oldest first; a last line cut off by a crash is ignored."""
    ordered = sorted(paths)
    ledger = Ledger(ordered)
    for number, path in enumerate(ordered):
        subscriptions = _Subscriptions(ledger)
        with path.open("rb") as file:
            for offset, line in _lines(file):
                _take(ledger, subscriptions, line, (number << 48) | offset)
        subscriptions.end()
    return ledger


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for line in file:
        if line.endswith(b"\n"):
            yield offset, line
        offset += len(line)


def _take(ledger: Ledger, subscriptions: _Subscriptions, line: bytes, where: int) -> None:
    kind, label, stamp, _, rest = line.split(b" ", 4)
    ns = int(stamp)
    if kind == b"S":
        ledger.frames += label.count(b",") + 1
        _add(ledger, rest, Status.SENT, ns, where)
    elif kind == b"D":
        ledger.frames += label.count(b",") + 1
    elif kind == b"W":
        ledger.withheld += 1
        _add(ledger, rest, _STATUS_OF_REASON[label], ns, where, injected=label == b"gap")
    elif kind == b"G":
        ledger.frames += label.count(b",") + 1
        _take_garbage(ledger, json.loads(rest), ns, where)
    else:
        _take_event(ledger, subscriptions, json.loads(rest), ns, where)


def _add(ledger: Ledger, payload: bytes | str, status: Status, ns: int, where: int, *, injected: bool = False) -> None:
    frame = expected(payload)
    if frame is None or not frame.rows:
        return
    name = (STREAM_OF_TABLE[frame.table], frame.symbol)
    track = ledger.tracks.get(name)
    if track is None:
        track = ledger.tracks[name] = Track(frame.table)
    track.add(frame, status, ns, where, injected=injected)


def _take_garbage(ledger: Ledger, told: dict[str, Any], ns: int, where: int) -> None:
    frame = expected(told["frame"])
    if frame is None:
        return
    _add(ledger, told["frame"], Status.GARBAGE, ns, where)
    sent = base64.b64encode(base64.b64decode(told["sent_b64"])).decode()
    ledger.garbage.append(Garbage(sent, STREAM_OF_TABLE[frame.table], frame.symbol, frame.key))


def _take_event(ledger: Ledger, subscriptions: _Subscriptions, told: dict[str, Any], ns: int, where: int) -> None:
    name = told["ev"]
    if name == "subscribe":
        subscriptions.start(told["conn"], told["streams"], ns)
    elif name == "unsubscribe":
        subscriptions.stop(told["conn"], told["streams"], ns)
    elif name == "close":
        subscriptions.stop(told["conn"], None, ns)
    elif name == "fault":
        ledger.faults[told["kind"]] += 1
    elif name == "rest" and told["kind"] == "snapshot" and told["status"] == 200:  # noqa: PLR2004 - HTTP's OK
        answer = snapshot(told["symbol"], told["body"])
        if not told["stale"]:
            ledger.fresh[answer.symbol].append(ns)
        key = (answer.symbol, answer.key)
        if key in ledger.snapshots:
            ledger.snapshots[key].count += 1
        else:
            digest = sum(map(hash, answer.rows))
            ledger.snapshots[key] = Answers(len(answer.rows), digest, 1, ns, where)


class _Subscriptions:
    """Follow who is subscribed to what, and note the times when nobody is."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of_conn: dict[int, set[str]] = defaultdict(set)
        self._conns: dict[str, set[int]] = defaultdict(set)
        self._down_since: dict[str, int] = {}

    def start(self, conn: int, streams: Sequence[str], ns: int) -> None:
        for stream in streams:
            self._of_conn[conn].add(stream)
            self._conns[stream].add(conn)
            if stream in self._down_since:
                self._note(stream, self._down_since.pop(stream), ns)

    def stop(self, conn: int, streams: Sequence[str] | None, ns: int) -> None:
        for stream in list(self._of_conn[conn]) if streams is None else streams:
            self._of_conn[conn].discard(stream)
            if conn in self._conns[stream]:
                self._conns[stream].discard(conn)
                if not self._conns[stream]:
                    self._down_since[stream] = ns

    def end(self) -> None:
        for stream, since in self._down_since.items():
            self._note(stream, since, None)

    def _note(self, stream: str, since: int, until: int | None) -> None:
        name = track_of_stream(stream)
        if name and name in self._ledger.tracks:
            self._ledger.tracks[name].down.append((since, until))
