"""A spare: another feed's connection for a stream of which one connection counts.

The newest frame that counted is looked for among what the spare brought: what came after it the connection
that counts did not bring. So it is known where the spare goes on, without ids.
"""

from __future__ import annotations

import msgspec
import xxhash

from agents.follow_connections import LIVING_NS
from exchanges import Market
from schemas import feed_of, is_of_feed, without_line

SWITCH_GUARD_NS = 500_000_000
"""Receive time by which one connection may lag behind another."""

SAME_NS = 10_000_000_000
"""Receive time by which connections may bring the same frame after one another."""

FRAMES_MAX = 64
"""Newest frames remembered per spare."""


def digest_of(market: Market | None, payload: bytes) -> int:
    """Hash what a frame says; what each connection numbers for itself is left out."""
    return xxhash.xxh3_64_intdigest(market.content(payload) if market else payload)


def is_of_another(conn: str, other: str) -> bool:
    """Tell whether two connections belong to feeds of different producers, not to lines of one."""
    return without_line(feed_of(conn)) != without_line(feed_of(other))


class Counted(msgspec.Struct):
    """Remember the newest frame that counted: its connection, when it was received, what it says.

    `alive_ns` is until when that connection's feed is known to have brought all there was.
    """

    conn: str
    at_ns: int
    digest: int
    alive_ns: int = 0

    @property
    def until_ns(self) -> int:
        """Return until when nothing is known to be missing."""
        return max(self.at_ns, self.alive_ns)

    def then(self, conn: str, at_ns: int, digest: int) -> Counted:
        """Return what is to be remembered when another frame counts."""
        return Counted(conn, max(at_ns, self.at_ns), digest, self.alive_ns if conn == self.conn else 0)

    def is_same(self, digest: int, at_ns: int) -> bool:
        """Tell whether a frame of another connection says the same, at about the same time."""
        return digest == self.digest and abs(at_ns - self.at_ns) <= SAME_NS


class Spare(msgspec.Struct):
    """Remember a spare: when it was heard last, its newest frames (what each says, when it was received).

    `ahead_ns` is when it first brought what came after `against`, a frame that counted; 0 where it did not.
    """

    conn: str
    heard_ns: int
    frames: list[tuple[int, int]] = []
    against: tuple[int, int] = (0, 0)
    ahead_ns: int = 0

    def heard(self, digest: int, at_ns: int, counted: Counted | None) -> None:
        """Take note of a frame."""
        self.frames.append((digest, at_ns))
        del self.frames[:-FRAMES_MAX]
        self.heard_ns = max(self.heard_ns, at_ns)
        if counted is not None and counted.is_same(digest, at_ns):
            self.against = (0, 0)

    def lives(self, now_ns: int) -> bool:
        """Tell whether it was heard lately."""
        return now_ns - self.heard_ns <= LIVING_NS

    def is_of(self, feed: str) -> bool:
        """Tell whether it belongs to a feed or to one of its lines."""
        return is_of_feed(feed_of(self.conn), feed)

    def ahead(self, counted: Counted) -> int:
        """Return when it first brought what has not counted; 0 where it is not known to have.

        Without the newest frame that counted among its own, what it brought within the guard may be older.
        """
        against = counted.at_ns, counted.digest
        if self.against != against or self.ahead_ns <= counted.alive_ns:
            place = self.place(counted)
            later = self.frames[place + 1 :] if place is not None else self.frames
            after_ns = counted.alive_ns if place is not None else counted.at_ns + SWITCH_GUARD_NS
            self.ahead_ns = next((at_ns for _, at_ns in later if at_ns > max(after_ns, counted.alive_ns)), 0)
            self.against = against
        return self.ahead_ns

    def place(self, counted: Counted) -> int | None:
        """Return where among its frames the newest that counted is; of several like it the nearest in time."""
        found = [
            (abs(at_ns - counted.at_ns), place)
            for place, (digest, at_ns) in enumerate(self.frames)
            if counted.is_same(digest, at_ns)
        ]
        return min(found)[1] if found else None
