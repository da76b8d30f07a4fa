"""Read the simulator's ledger into tracks: per market, stream and symbol, the frames in the order made."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from cryptoflow.verify.frames import STREAM_OF_TABLE, Expected, content_key
from cryptoflow.verify.tracks import NUMBERED, Status, Subscriptions, Track
from cryptoflow.verify.venues._reader import Reader, readers

Name = tuple[str, str, str]
"""Market as `<exchange>.<market>`, kind and native symbol."""

Book = tuple[str, str]
"""Market and native symbol."""

_STATUS_OF_REASON = dict.fromkeys((b"silence", b"ack_silent", b"half_open", b"slow"), Status.HELD)
_OK = 200


@dataclass(slots=True)
class Garbage:
    """Hold one garbage frame: the bytes sent, and the tracks and keys of what it replaced."""

    payload_b64: str
    replaced: list[tuple[Name, Hashable]]


@dataclass(slots=True)
class Answers:
    """Hold the snapshots of one book at one id: (rows, digest), how often, when first, and where.

    `spare` says that all came on connections beside one that had the stream already: they need not be rows.
    """

    rows: int
    digest: int
    count: int
    ns: int
    where: int
    spare: bool


@dataclass
class Ledger:
    """Hold everything the ledger files say."""

    paths: Sequence[Path]
    readers: dict[str, Reader] = field(default_factory=readers)
    tracks: dict[Name, Track] = field(default_factory=dict)
    snapshots: dict[tuple[Book, Hashable], Answers] = field(default_factory=dict)
    fresh: dict[Book, list[int]] = field(default_factory=lambda: defaultdict(list))
    """When each symbol's book was given as it was, by time."""

    garbage: list[Garbage] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    withheld: int = 0

    def reread(self, where: int, wanted: Hashable, table: str, symbol: str) -> Expected | None:
        """Return again what the frame or answer noted at a place must become."""
        with self.paths[where >> 48].open("rb") as file:
            file.seek(where & ((1 << 48) - 1))
            kind, _, _, market, rest = file.readline().rstrip(b"\n").split(b" ", 4)
        if kind == b"J":
            told = json.loads(rest)
            return self.readers[told["market"]].answer(told["symbol"], told["body"])
        found = self.readers[market.decode()].expected(json.loads(rest)["frame"] if kind == b"G" else rest)
        matching = [one for one in found if (one.table, one.symbol) == (table, symbol)]
        return next((one for one in matching if one.key == wanted), matching[0] if matching else None)


def read_ledger(paths: Sequence[Path]) -> Ledger:
    """Read ledger files, oldest first; a last line cut off by a crash is ignored."""
    ordered = sorted(paths)
    ledger = Ledger(ordered)
    for number, path in enumerate(ordered):
        taker = _Taker(ledger)
        with path.open("rb") as file:
            for offset, line in _lines(file):
                taker.take(line, (number << 48) | offset)
        taker.end()
    return ledger


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for line in file:
        if line.endswith(b"\n"):
            yield offset, line
        offset += len(line)


class _Taker:
    """Take the lines of one file in their order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._subscriptions = Subscriptions()
        self._twins: Counter[tuple[Name, Hashable, bool]] = Counter()

    def take(self, line: bytes, where: int) -> None:
        """Take one line."""
        kind, label, stamp, market, rest = line.rstrip(b"\n").split(b" ", 4)
        ns = int(stamp)
        ledger = self._ledger
        if kind == b"J":
            self._event(json.loads(rest), ns, where)
            return
        if kind in {b"S", b"D", b"G"}:
            ledger.frames += label.count(b",") + 1
        if kind == b"S":
            self._add(market.decode(), rest, Status.SENT, ns, where, label=label)
        elif kind == b"D":
            self._add(market.decode(), rest, Status.SENT, ns, where, again=True)
        elif kind == b"W":
            ledger.withheld += 1
            status = _STATUS_OF_REASON.get(label, Status.WITHHELD)
            self._add(market.decode(), rest, status, ns, where, injected=label == b"gap")
        else:
            told = json.loads(rest)
            replaced = self._add(market.decode(), told["frame"], Status.GARBAGE, ns, where)
            if replaced:
                sent = base64.b64encode(base64.b64decode(told["sent_b64"])).decode()
                ledger.garbage.append(Garbage(sent, replaced))

    def _add(  # noqa: PLR0913 - what one line says
        self,
        market: str,
        payload: bytes | str,
        status: Status,
        ns: int,
        where: int,
        *,
        label: bytes = b"",
        injected: bool = False,
        again: bool = False,
    ) -> list[tuple[Name, Hashable]]:
        """Append what a frame must become; `again` is a repeat, which only counts where there are no ids.

        Of garbage in place of a frame that serves two kinds, one of them may still be whole. Without ids,
        what only a connection beside another is told (what a stream begins with) need not be rows, and
        changes of a book that two are told may be rows of each: its snapshot may be older than the switch.
        """
        added = []
        reader = self._ledger.readers[market]
        frames = reader.expected(payload)
        half = status is Status.GARBAGE and len({frame.table for frame in frames}) > 1
        for frame in frames:
            if frame.table == "book_snapshots":
                if status is Status.SENT and not again:
                    self._answer(market, frame, ns, where, spare=self._is_spare((market, "book", frame.symbol), label))
                continue
            name = (market, STREAM_OF_TABLE[frame.table], frame.symbol)
            if not frame.rows:
                continue
            track = self._ledger.tracks.get(name)
            if track is None:
                proof = reader.proofs.get(frame.table, "")
                hidden = frame.table in reader.hidden
                restarts = reader.restarts and frame.table == "book_deltas"
                track = self._ledger.tracks[name] = Track(frame.table, proof, hidden=hidden, restarts=restarts)
            if frame.key is not None:
                if not again:
                    track.add(frame, status, ns, where, injected=injected, optional=half)
                if b"," in label and frame.table in reader.numbered_apart:
                    track.told[track.positions[frame.key]] = label.count(b",") + 1
                added.append((name, frame.key))
                continue
            told = self._numbered(name, frame, sent=half or status is Status.SENT)
            conns = label.split(b",") if status is Status.SENT and not again else []
            spare = len(conns) == 1 and self._is_spare(name, conns[0])
            track.add(told, status, ns, where, injected=injected, optional=again or half or spare)
            for _ in conns[1:] if frame.table == "book_deltas" else ():
                track.add(self._numbered(name, frame, sent=True), status, ns, where, injected=False, optional=True)
            added.append((name, told.key))
        return added

    def _numbered(self, name: Name, frame: Expected, *, sent: bool) -> Expected:
        """Give a frame without ids its content as key, and which of its twins it is."""
        content = content_key(frame.rows)
        twin = (name, content, sent)
        number = self._twins[twin]
        self._twins[twin] += 1
        return frame._replace(key=(content, number if sent else f"not sent {number}"))

    def _is_spare(self, name: Name, label: bytes) -> bool:
        return self._subscriptions.others(name, label.partition(b"#")[0])

    def _answer(self, market: str, answer: Expected, ns: int, where: int, *, spare: bool = False) -> None:
        """Note a snapshot that was given as it was."""
        book = (market, answer.symbol)
        content = answer.key if answer.key is not None else content_key(answer.rows)
        known = self._ledger.snapshots.get((book, content))
        if known is not None:
            known.count += 1
            known.spare &= spare
            return
        digest = sum(map(hash, answer.rows))
        self._ledger.snapshots[book, content] = Answers(len(answer.rows), digest, 1, ns, where, spare)

    def _event(self, told: dict[str, Any], ns: int, where: int) -> None:
        name = told["ev"]
        if name == "subscribe":
            self._subscriptions.start(told["conn"], self._tracks(told["streams"]), ns)
            for key in told["streams"]:
                self._fresh(key, ns)
        elif name == "unsubscribe":
            self._subscriptions.stop(told["conn"], self._tracks(told["streams"]), ns)
        elif name == "close":
            self._subscriptions.stop(told["conn"], None, ns)
        elif name == "fault":
            self._ledger.faults[told["kind"]] += 1
        elif name == "broken":
            self._broken(told["stream"], told["why"])
        elif name == "instruments":
            self._ledger.readers[told["market"]].instruments(told["body"])
        elif name == "rest" and told["kind"] == "snapshot" and told["status"] == _OK and "body" in told:
            self._rest_book(told, ns, where)

    def _broken(self, stream: str, why: str) -> None:
        """Note that the newest update broke its book, or came before the one that it follows."""
        ledger = self._ledger
        if why == "reorder":
            tracks = [ledger.tracks[name] for name in self._tracks([stream]) if name in ledger.tracks]
            for track in (track for track in tracks if track.proof in NUMBERED):
                track.broken.append((len(track.keys) - 1, True))
            return
        proven = why == "checksum" or ledger.readers[stream.partition(" ")[0]].crossed_breaks
        for track in self._books(stream):
            track.broken.append((len(track.keys) - 1, proven))

    def _rest_book(self, told: dict[str, Any], ns: int, where: int) -> None:
        market = told["market"]
        answer = self._ledger.readers[market].answer(told["symbol"], told["body"])
        if answer is None:
            return
        if not told["stale"]:
            self._ledger.fresh[market, answer.symbol].append(ns)
        self._answer(market, answer, ns, where)

    def _fresh(self, key: str, ns: int) -> None:
        """Note that a book whose stream brings its snapshot was given as it was."""
        for market, kind, symbol in self._tracks([key]):
            if kind == "book":
                self._ledger.fresh[market, symbol].append(ns)

    def _books(self, key: str) -> list[Track]:
        """Return the tracks of book updates that a stream carries."""
        tracks = self._ledger.tracks
        return [tracks[name] for name in self._tracks([key]) if name[1] == "book" and name in tracks]

    def _tracks(self, keys: Sequence[str]) -> list[Name]:
        found = []
        for key in keys:
            market, _, stream = key.partition(" ")
            found += [(market, kind, symbol) for kind, symbol in self._ledger.readers[market].tracks(stream)]
        return found

    def end(self) -> None:
        """Note on every track when nobody was subscribed to it."""
        for (market, kind, symbol), since, until in self._subscriptions.down():
            for name, track in self._ledger.tracks.items():
                if name == (market, kind, symbol) or (not symbol and name[:2] == (market, kind)):
                    track.down.append((since, until))
