"""Follow the continuity of books while receiving, to know which need a snapshot now. Pure.

The log's own verdict is the agent's; this one only makes the producer quick to fetch.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from exchanges import BookRules, BookState, DeltaVerdict, SnapshotVerdict

RETRY_MIN_S = 0.2
RETRY_MAX_S = 30.0
REDO_S = 5.0
"""Wait before a snapshot is fetched again because frames of its book could not be kept."""
IN_STREAM_WAIT_S = 10.0
"""Wait for a snapshot that is to come on the book's own stream, before the stream is asked for again."""
IN_STREAM_MAX_S = 300.0
"""Longest wait between two renewals of a book that does not come back."""
IN_STREAM_CALM_S = 600.0
"""A book that needed no renewal for so long begins with the shortest wait."""
_DOUBLINGS_MAX = 10
NS_PER_S = 1_000_000_000


class Reason(enum.StrEnum):
    """Say why a snapshot is fetched; travels in the frame."""

    SUBSCRIBE = "subscribe"
    RESYNC = "resync"
    PERIODIC = "periodic"


@dataclass(slots=True)
class _Book:
    state: BookState = field(default_factory=BookState)
    reason: Reason | None = None
    due_s: float = 0.0
    fetching: bool = False
    stale: int = 0
    fresh: bool = True
    requested_ns: int = 0
    fetched_s: float = float("-inf")
    renewed_s: float = float("-inf")
    renewals: int = 0
    resyncs: int = 0


class Books:
    """Hold one book per symbol of a market.

    With `in_stream` the book stream brings its snapshots: a broken book is renewed by subscribing it
    again, and what comes over REST serves the schedule only.
    """

    def __init__(self, rules: BookRules, interval_s: float, *, in_stream: bool = False) -> None:
        """Take the venue's rules and the period of scheduled snapshots (0: none)."""
        self._rules = rules
        self._interval_s = interval_s
        self.in_stream = in_stream
        self._books: dict[str, _Book] = {}

    def __contains__(self, symbol: object) -> bool:
        """Tell whether a delta of this symbol was seen."""
        return symbol in self._books

    def valid_count(self) -> int:
        """Count the books that are whole."""
        return sum(book.state.valid for book in self._books.values())

    def status(self, symbol: str) -> tuple[bool, int]:
        """Return whether a book is whole, and how often it had to begin anew."""
        book = self._books.get(symbol)
        return (book.state.valid, book.resyncs) if book is not None else (False, 0)

    def delta(self, symbol: str, first: int, last: int, prev: int, now_s: float) -> DeltaVerdict:
        """Judge a delta just received; a broken or new book asks for a snapshot."""
        book = self._books.get(symbol)
        if book is None:
            book = self._books[symbol] = _Book()
        verdict = self._rules.on_delta(book.state, first, last, prev)
        if verdict is DeltaVerdict.BREAK:
            self._want(book, Reason.RESYNC, now_s)
        elif verdict is DeltaVerdict.BUFFERED and book.reason is None and not book.fetching and book.state.snapshot < 0:
            self._want(book, Reason.SUBSCRIBE if book.fresh else Reason.RESYNC, now_s)
            if self.in_stream:
                book.due_s = max(book.due_s, now_s + IN_STREAM_WAIT_S)
        return verdict

    def lost(self, symbol: str, now_ns: int = 0) -> None:
        """Forget the chain: frames were lost; the next delta asks for a snapshot.

        On a stream that brings its snapshots the next one comes by itself: an agent that heard of the
        loss asks for nothing more, since asking the stream again would lose updates of a whole book.
        """
        book = self._books.get(symbol)
        if book is not None:
            self._rules.on_gap(book.state)
            book.fresh = True
            book.reason = None
            if self.in_stream:
                book.requested_ns = max(book.requested_ns, now_ns)

    def forget(self, symbol: str) -> None:
        """Drop a symbol that is recorded no more."""
        self._books.pop(symbol, None)

    def reseed(self, symbol: str, broken_at_ns: int, now_s: float) -> bool:
        """Take a request of an agent; False when the last snapshot was requested after the break."""
        book = self._books.get(symbol)
        if book is None or book.requested_ns > broken_at_ns or book.fetching or book.reason is Reason.RESYNC:
            return False
        self._want(book, Reason.RESYNC, now_s)
        return True

    def dropped(self, symbol: str, now_s: float) -> None:
        """Note that frames of the book were received and could not be kept: the log needs a snapshot."""
        book = self._books.get(symbol)
        if book is not None and book.reason is None and not book.fetching:
            self._want(book, Reason.RESYNC, now_s)
            book.due_s = max(book.due_s, now_s + REDO_S)

    def due(self, now_s: float, limit: int) -> list[tuple[str, Reason]]:
        """Return books to fetch now, broken ones before scheduled ones; at most `limit`."""
        urgent: list[tuple[str, Reason]] = []
        scheduled: list[tuple[str, Reason]] = []
        for symbol, book in self._books.items():
            if book.fetching:
                continue
            if book.reason is not None:
                if book.due_s <= now_s:
                    urgent.append((symbol, book.reason))
            elif self._interval_s and book.state.valid and now_s - book.fetched_s >= self._interval_s:
                scheduled.append((symbol, Reason.PERIODIC))
        return (urgent + scheduled)[:limit]

    def fetching(self, symbol: str, requested_ns: int) -> None:
        """Note that a request leaves now."""
        book = self._books[symbol]
        book.fetching = True
        book.requested_ns = requested_ns

    def renewing(self, symbol: str, now_s: float, now_ns: int) -> None:
        """Note that the book's stream is asked for again; it is due once more, later each time, until its snapshot."""
        book = self._books[symbol]
        book.renewals += 1
        book.renewed_s = now_s
        book.requested_ns = now_ns
        book.due_s = now_s + self._patience_s(book)

    def failed(self, symbol: str, reason: Reason, now_s: float, wait_s: float) -> None:
        """Note that a request failed; it is due again after `wait_s`."""
        book = self._books.get(symbol)
        if book is None:
            return
        book.fetching = False
        if reason is Reason.PERIODIC:
            book.fetched_s = now_s - self._interval_s + max(wait_s, RETRY_MAX_S)
            return
        book.reason = book.reason or reason
        book.due_s = now_s + wait_s

    def snapshot(
        self, symbol: str, last: int, now_s: float, *, in_stream: bool = False, received_ns: int = 0, at_ns: int = -1
    ) -> SnapshotVerdict:
        """Judge a snapshot just received, of the venue's time `at_ns`; a stale one is fetched again, later each time.

        Where the stream brings its own snapshots, one of the schedule changes nothing, nor does the one that the
        chain began with when another connection brings it, too.
        """
        book = self._books.setdefault(symbol, _Book())
        book.fetching = False
        book.fetched_s = now_s
        if self.in_stream and not in_stream:
            return SnapshotVerdict.SPLICED
        if in_stream:
            book.requested_ns = max(book.requested_ns, received_ns)
        verdict = SnapshotVerdict.SPLICED
        if not (in_stream and book.state.has_begun_with(last, at_ns)):
            verdict = self._rules.on_snapshot(book.state, last, in_stream=in_stream)
            book.state.begin_with(last, at_ns)
        if verdict is SnapshotVerdict.STALE:
            book.stale += 1
            book.reason = Reason.RESYNC
            book.due_s = now_s + min(RETRY_MIN_S * 2.0 ** (book.stale - 1), RETRY_MAX_S)
            if self.in_stream:
                self._want(book, Reason.RESYNC, now_s)
        else:
            book.stale = 0
            book.fresh = False
            book.reason = None
        return verdict

    def _want(self, book: _Book, reason: Reason, now_s: float) -> None:
        book.resyncs += reason is Reason.RESYNC and book.reason is not Reason.RESYNC
        book.reason = reason
        book.due_s = max(now_s, book.due_s) if book.stale else now_s
        if self.in_stream:
            if now_s - book.renewed_s > IN_STREAM_CALM_S:
                book.renewals = 0
            book.due_s = max(now_s, book.renewed_s + self._patience_s(book))

    @staticmethod
    def _patience_s(book: _Book) -> float:
        """Return how long one renewal of a book keeps the next away."""
        return min(IN_STREAM_WAIT_S * 2.0 ** (min(book.renewals, _DOUBLINGS_MAX) - 1), IN_STREAM_MAX_S)
