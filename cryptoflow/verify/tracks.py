"""The frames of one stream of one symbol in the order they were made, and who was subscribed when."""

from __future__ import annotations

import enum
from array import array
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from cryptoflow.verify.frames import Expected

NUMBERED = frozenset({"contiguous", "chain"})
"""Proofs that name the ids missing."""


class Status(enum.IntEnum):
    """What became of a frame at the venue; the highest of several holds."""

    WITHHELD = 0
    HELD = 1
    """Withheld by a silence, which only a watchdog can see."""
    GARBAGE = 2
    SENT = 3


class Track:
    """Hold the frames of one stream of one symbol; position i of each column is one frame."""

    def __init__(self, table: str, proof: str = "", *, hidden: bool = False, restarts: bool = False) -> None:
        """Start empty; `proof`, `hidden` and `restarts` as the venue's reader says."""
        self.table = table
        self.proof = proof
        self.hidden = hidden
        self.restarts = restarts
        self.positions: dict[Hashable, int] = {}
        self.keys: list[Hashable] = []
        self.status = bytearray()
        self.injected = bytearray()
        """1 for a frame withheld by a gap on purpose."""
        self.optional = bytearray()
        """1 for what may be rows, or not: a repeat that nothing tells from a frame of its own, half a garbage frame."""
        self.ns = array("q")
        self.first = array("q")
        self.last = array("q")
        self.rows = array("q")
        self.digest: list[int] = []
        self.where = array("q")
        self.told: dict[int, int] = {}
        """How many connections were told a frame, where each of them may have made rows of it."""
        self.broken: list[tuple[int, bool]] = []
        """Positions of frames that arrived and broke the book, and whether a recorder must see it."""
        self.down: list[tuple[int, int | None]] = []
        """Times when nobody was subscribed to the stream."""

    def add(
        self, frame: Expected, status: Status, ns: int, where: int, *, injected: bool, optional: bool = False
    ) -> None:
        """Append a frame or raise the status of a known one."""
        known = self.positions.get(frame.key)
        if known is not None:
            self.status[known] = max(self.status[known], status)
            return
        self.positions[frame.key] = len(self.keys)
        self.keys.append(frame.key)
        self.status.append(status)
        self.injected.append(injected)
        self.optional.append(optional)
        self.ns.append(ns)
        self.first.append(frame.first)
        self.last.append(frame.last)
        self.rows.append(len(frame.rows))
        self.digest.append(sum(map(hash, frame.rows)))
        self.where.append(where)

    def begins_anew(self, position: int) -> bool:
        """Tell whether ids begin again at a frame: those of the one before mean nothing here."""
        return self.restarts and 0 < position < len(self.keys) and self.first[position] <= self.last[position - 1]


Name = tuple[str, str, str]


class Subscriptions:
    """Follow which connection is subscribed to what, and note the times when none is."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._of_conn: dict[int, set[Name]] = defaultdict(set)
        self._conns: dict[Name, set[int]] = defaultdict(set)
        self._down_since: dict[Name, int] = {}
        self._found: list[tuple[Name, int, int | None]] = []

    def start(self, conn: int, names: Sequence[Name], ns: int) -> None:
        """Subscribe a connection."""
        for name in names:
            self._of_conn[conn].add(name)
            self._conns[name].add(conn)
            if name in self._down_since:
                self._found.append((name, self._down_since.pop(name), ns))

    def stop(self, conn: int, names: Sequence[Name] | None, ns: int) -> None:
        """Unsubscribe a connection, from everything with None."""
        for name in list(self._of_conn[conn]) if names is None else names:
            self._of_conn[conn].discard(name)
            if conn in self._conns[name]:
                self._conns[name].discard(conn)
                if not self._conns[name]:
                    self._down_since[name] = ns

    def others(self, name: Name, conn: bytes) -> bool:
        """Tell whether a connection other than this one has the stream."""
        return any(b"%d" % number != conn for number in self._conns.get(name, ()))

    def down(self) -> Iterator[tuple[Name, int, int | None]]:
        """Return when each stream had no subscriber; None for until the end."""
        yield from self._found
        for name, since in self._down_since.items():
            yield name, since, None
