"""Be the one door to the log: frames enter in receive order and leave as envelopes in that order."""

from __future__ import annotations

from collections import deque

from cryptoflow import clock
from producers._balance import Balance
from producers._envelope import Envelopes, Lane
from producers._own import OwnFrames
from producers._publisher import Publisher
from schemas import GapEvidence

GAPS_MAX = 65_536
"""Lanes and kinds whose gaps are counted; there are more only where symbols came and went without end."""

ENDED_MAX_CONNECTIONS = 16_384
"""Connections that ended and are still known as ours: frames of theirs may stand in the spool."""

PARTLY = "one of several channels was served later"


class Intake:
    """Gather frames into envelopes and hand those to the publisher."""

    def __init__(self, envelopes: Envelopes, publisher: Publisher, balance: Balance, feed: str = "") -> None:
        """Connect the parts; `feed` labels our own frames."""
        self._envelopes = envelopes
        self._publisher = publisher
        self.balance = balance
        self._own = OwnFrames(feed)
        self.conns = {self._own.conn}
        """The connections of this process, so that its frames can be told apart in the log."""
        self._ended: deque[str] = deque()
        self.gaps: dict[tuple[bytes, str], tuple[int, str]] = {}
        """How many gaps were declared per lane and stream kind, and the cause of the last one."""
        self._lasting: set[tuple[bytes, str]] = set()

    def line(self, feed: str) -> Intake:
        """Return a door to the same log whose own frames have another label."""
        other = Intake(self._envelopes, self._publisher, self.balance, feed)
        self.conns |= other.conns
        other.conns = self.conns
        other._ended = self._ended
        other.gaps = self.gaps
        other._lasting = self._lasting
        return other

    def ended(self, conn: str) -> None:
        """Take note that a connection ended: it is forgotten once so many others have ended after it."""
        self._ended.append(conn)
        while len(self._ended) > ENDED_MAX_CONNECTIONS:
            self.conns.discard(self._ended.popleft())

    def take(self, lane: Lane, kind: str, frame: bytes, received_ns: int) -> None:
        """Take one encoded frame that was counted as received."""
        full = self._envelopes.add(lane, kind, frame, received_ns)
        if full is not None:
            self._publisher.accept(full)

    def own(self, lane: Lane, kind: str, raw: bytes) -> None:
        """Write a frame of our own into a symbol's lane, now."""
        now_ns = clock.now_ns()
        self.balance.received[lane.count_key(kind)] += 1
        self.take(lane, kind, self._own.encode(kind, raw, at_ns=now_ns), now_ns)

    def gap(self, lane: Lane, evidence: GapEvidence) -> None:
        """Write evidence of a gap into a symbol's lane, before anything that comes later."""
        frame, now_ns = self._own.gap(evidence)
        for kind in evidence.streams:
            count = self.gaps.get((lane.key, kind), (0, ""))[0]
            if count or len(self.gaps) < GAPS_MAX:
                self.gaps[lane.key, kind] = count + 1, evidence.cause
                self._lasting.add((lane.key, kind))
        self.balance.received[lane.count_key("gap")] += 1
        self.take(lane, "gap", frame, now_ns)

    def rest(self, lane: Lane, kind: str, from_ns: int, to_ns: int) -> None:
        """Write that a kind's last gap lasted longer than until its next frame; once, and only after a gap."""
        if (lane.key, kind) in self._lasting:
            cause = self.gaps[lane.key, kind][1]
            self.gap(lane, GapEvidence(cause=cause, streams=(kind,), from_ns=from_ns, to_ns=to_ns, detail=PARTLY))
            self._lasting.discard((lane.key, kind))

    def tick(self) -> None:
        """Send what waited long enough, run deliveries, drain the spool."""
        for envelope in self._envelopes.due(clock.now_ns()):
            self._publisher.accept(envelope)
        self._publisher.pump()

    def flush(self) -> None:
        """Send everything that waits."""
        for envelope in self._envelopes.all():
            self._publisher.accept(envelope)
