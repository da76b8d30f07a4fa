"""Decide which of several lines counts, for kinds whose ids do not hold across connections. Pure.

A line is one of the connections by which a producer gets the same streams. What counts is decided per
symbol and stream kind, as the log's `switch` frames say it. A line keeps its office while it lives; when
it loses a stream another line that is served takes over, and stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from exchanges import BOOK_SNAPSHOT, StreamKind
from producers._watchdog import StreamInfo

TakeOver = Callable[[Sequence[StreamInfo]], Sequence[StreamInfo]]
"""Take streams over as far as a line is served them; return those it took."""

Key = tuple[str, str]


class Election:
    """Hold who counts among the lines of one market; lines are numbered from 1."""

    def __init__(self, scoped_kinds: Iterable[str] = ()) -> None:
        """Take the kinds of which one connection counts."""
        self._scoped = {StreamKind.BOOK.value if kind == BOOK_SNAPSHOT else kind for kind in scoped_kinds}
        self._counting: dict[Key, int] = {}
        self._lines: dict[int, TakeOver] = {}

    def enter(self, line: int, take_over: TakeOver) -> None:
        """Add a line that can take over."""
        self._lines[line] = take_over

    def claim(self, line: int, streams: Iterable[StreamInfo]) -> list[StreamInfo]:
        """Let a line count wherever no other does; return the streams for which it counts then."""
        won = [info for info in streams if self.counts(line, info)]
        for info in won:
            self._counting.update(dict.fromkeys(self._keys(info), line))
        return won

    def counts(self, line: int, info: StreamInfo) -> bool:
        """Tell whether a line counts for all kinds of a stream, or might; it does for kinds that are not scoped."""
        return all(self._counting.get(key, line) == line for key in self._keys(info))

    def counts_for(self, line: int, symbol: str, kind: str) -> bool:
        """Tell whether a line counts for a symbol's kind, or might."""
        return kind not in self._scoped or self._counting.get((symbol, kind), line) == line

    def release(self, line: int, streams: Iterable[StreamInfo]) -> None:
        """Give up for a line what it counted for; another that is served it takes over at once."""
        left = self.forget(line, streams)
        for other, take_over in self._lines.items():
            if other != line and left:
                taken = set(take_over(left))
                left = [info for info in left if info not in taken]

    def forget(self, line: int, streams: Iterable[StreamInfo]) -> list[StreamInfo]:
        """Let a line count no more; return the streams it counted for, for which nobody does then."""
        left = [info for info in streams if any(self._counting.get(key) == line for key in self._keys(info))]
        for info in left:
            for key in self._keys(info):
                self._counting.pop(key, None)
        return left

    def vacant(self, streams: Iterable[StreamInfo]) -> list[StreamInfo]:
        """Return the streams with scoped kinds for which nobody counts."""
        found = []
        for info in streams:
            keys = self._keys(info)
            if keys and not any(key in self._counting for key in keys):
                found.append(info)
        return found

    def _keys(self, info: StreamInfo) -> list[Key]:
        return [(info.symbol, kind.value) for kind in info.kinds if kind.value in self._scoped]
