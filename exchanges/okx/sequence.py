"""OKX: when a book is whole. PROTOCOLS 5.5."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from typing_extensions import override

from exchanges._book import BookState, DeltaVerdict, SnapshotVerdict

PENDING_MAX_DELTAS = 1024
"""Updates kept while a snapshot is awaited: 100 s at 100 ms. The oldest go first."""

RECENT_MAX_IDS = 256
"""Ids remembered to tell a repeat (an overlapping connection) from ids that went back."""

NONE = -1
BEHIND_MAX = 8
"""Chains behind the book that are followed: connections that overlap. The oldest go first."""

_RESET = -2
"""Stands first in `recent` once the venue set its ids back, since ids may then come a second time."""


class OkxBookRules:
    """Judge updates and snapshots of one symbol in log order (PROTOCOLS 5.5).

    `recent` is the way the ids went: two neighbours are an update taken, -1 stands where one way ends
    and another begins. An update is a repeat when it was taken and does not continue the chain.
    Where a snapshot of another connection began a new chain ahead of the old one, `pending` of the
    valid book holds the old chain's last id, one for each connection that is behind: its updates that lie
    behind the book are rows and change nothing (BUFFERED); the first that reaches beyond carries the book
    on, since it holds every level changed since its predecessor. A snapshot between the end of such a
    chain and what is known of the ids beyond is of one more connection that is behind. One that begins a
    broken book behind what another connection has brought meanwhile cannot be followed from there: that
    one's next update breaks the book again.
    A REST snapshot that arrives while the book is valid changes nothing and is SPLICED.
    """

    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one update by `prevSeqId` and `seqId` and move the state."""
        del first  # OKX names the predecessor and the last id
        if prev == last:
            return self._kept_alive(state, last)
        if prev == state.last != NONE:
            # Ids that came back make an old update look like the next one: prove the book anew.
            ambiguous = _was_set_back(state.recent) and _was_set_back_since(state.recent, prev, last)
            return self._broken(state, last, prev) if ambiguous else self._next(state, last, prev)
        if _taken_at(state.recent, prev, last) is not None:
            return DeltaVerdict.OLD  # PROTOCOLS 5.5.5
        return self._next(state, last, prev) if state.last == NONE else self._aside(state, last, prev)

    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot by its `seqId` and move the state."""
        if state.valid and (not in_stream or last == state.last or last in state.recent):
            return SnapshotVerdict.SPLICED
        if in_stream:  # PROTOCOLS 5.5.1
            behind = _ends(state) if state.valid and not _was_set_back(state.recent) else []
            if _is_behind(state, behind, last):
                behind.append(last)
            else:
                # What ended ahead of this snapshot is of other ids than those that follow.
                behind = [*(end for end in behind if end < last), *([state.last] if NONE < state.last < last else [])]
                state.valid, state.last, state.snapshot = True, last, NONE
            _stay_behind(state, behind)
            _walk(state, last)
            return SnapshotVerdict.SPLICED
        if last == state.last or any(_joins(last, prev, end) for _, end, prev in state.pending):
            _spliced(state)
            return SnapshotVerdict.SPLICED
        if last < state.last:
            return SnapshotVerdict.STALE
        state.snapshot = last
        return SnapshotVerdict.WAITING

    def on_gap(self, state: BookState) -> None:
        """Forget the chain: frames were lost. PROTOCOLS 5.5.6: a new snapshot begins the next."""
        state.forget_chain()

    def _kept_alive(self, state: BookState, last: int) -> DeltaVerdict:
        # PROTOCOLS 5.5.3: nothing changed; it still proves where the chain stands.
        if state.last == NONE:
            state.last = last
        if last != state.last:
            # Of a connection that lags, or of ids that were missed.
            is_behind = last in state.recent or (state.valid and last in _ends(state))
            return DeltaVerdict.BUFFERED if is_behind else self._broken(state, last, last)
        if not state.valid and state.snapshot == last:
            _spliced(state)
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    def _next(self, state: BookState, last: int, prev: int) -> DeltaVerdict:
        # PROTOCOLS 5.5.2, and 5.5.4: `last` may lie below `prev` after a maintenance.
        if last < prev and not state.valid:
            # Updates kept for a snapshot are told from those it contains by their ids: these begin anew.
            return self._broken(state, last, prev)
        _take(state, last, prev)
        state.last = last
        if state.valid:
            if last < prev:
                state.pending = []  # what is behind has other ids
            return DeltaVerdict.APPLIED
        if state.snapshot != NONE:
            if _joins(state.snapshot, prev, last):
                _spliced(state)
                return DeltaVerdict.APPLIED
            if last > state.snapshot:
                return self._broken(state, last, prev)
        state.pending.append((NONE, last, prev))
        del state.pending[:-PENDING_MAX_DELTAS]
        return DeltaVerdict.BUFFERED

    def _aside(self, state: BookState, last: int, prev: int) -> DeltaVerdict:
        if _was_set_back(state.recent) or last < prev:
            return self._broken(state, last, prev)  # ids that came back prove nothing about what lies behind
        behind = _ends(state) if state.valid else []
        if prev in behind:
            return self._behind(state, last, prev, behind)
        if last == state.last:
            # PROTOCOLS 5.5.5: the book stands at this id already, by a snapshot; nothing changes.
            _take(state, last, prev)
            return DeltaVerdict.BUFFERED
        return self._broken(state, last, prev)  # PROTOCOLS 5.5.6

    def _behind(self, state: BookState, last: int, prev: int, behind: list[int]) -> DeltaVerdict:
        behind.remove(prev)
        reached, goes_on = state.last, _goes_on(state.recent, last)
        _take(state, last, prev)
        if last <= reached:
            if last < reached and not goes_on:  # else it has come to where another chain goes on
                behind.append(last)
            _stay_behind(state, behind)
            return DeltaVerdict.BUFFERED
        state.last = last
        _stay_behind(state, [*behind, reached])
        return DeltaVerdict.APPLIED

    def _broken(self, state: BookState, last: int, prev: int) -> DeltaVerdict:
        self.on_gap(state)
        state.last = last
        if prev != last:
            _take(state, last, prev)
            state.pending = [(NONE, last, prev)]
        return DeltaVerdict.BREAK


class LegacyBookRules(OkxBookRules):
    """Judge books of the years when `seqId` was not sent, or not yet to everybody.

    Nothing but the checksum proves such a book (PROTOCOLS 5.5.7): an update without ids is APPLIED
    to a valid book, and only a snapshot of the stream makes one valid.
    """

    @override
    def on_delta(self, state: BookState, first: int, last: int, prev: int) -> DeltaVerdict:
        """Judge one update, with ids where it has them."""
        if last != NONE:
            return super().on_delta(state, first, last, prev)
        return DeltaVerdict.APPLIED if state.valid else DeltaVerdict.BUFFERED

    @override
    def on_snapshot(self, state: BookState, last: int, *, in_stream: bool = False) -> SnapshotVerdict:
        """Judge one snapshot, with its id where it has one."""
        if last != NONE:
            return super().on_snapshot(state, last, in_stream=in_stream)
        if in_stream:
            self.on_gap(state)
            state.valid = True
        return SnapshotVerdict.SPLICED if state.valid else SnapshotVerdict.STALE


def _joins(snapshot: int, prev: int, last: int) -> bool:
    """Tell whether an update continues a snapshot, or ends where the snapshot stands.

    The snapshot may stand between two ids of the channel: all connections and channels share one
    space of ids, and the update holds every level that changed since `prev`.
    """
    return prev <= snapshot <= last if prev < last else snapshot == last


def _spliced(state: BookState) -> None:
    state.valid = True
    state.snapshot = NONE
    state.pending = []


def _take(state: BookState, last: int, prev: int) -> None:
    """Remember an update as taken."""
    recent = state.recent
    if not recent or recent[-1] != prev:
        recent += (NONE, prev)
    recent.append(last)
    if last < prev and recent[0] != _RESET:
        recent.insert(0, _RESET)
    _trim(recent)
    state.high = last


def _ends(state: BookState) -> list[int]:
    """Return the last ids of the chains behind a valid book."""
    return [end for _, end, _ in state.pending]


def _stay_behind(state: BookState, ends: list[int]) -> None:
    state.pending = [(NONE, end, NONE) for end in dict.fromkeys(ends)][-BEHIND_MAX:]


def _is_behind(state: BookState, ends: list[int], snapshot: int) -> bool:
    """Tell whether a snapshot lies between the end of a chain behind a valid book and the next id known."""
    return (
        snapshot < state.last and max((one for one in (*state.recent, *ends) if one < snapshot), default=NONE) in ends
    )


def _goes_on(recent: Sequence[int], end: int) -> bool:
    """Tell whether an update was taken that continues an id."""
    return any(before == end and after != NONE for before, after in itertools.pairwise(recent))


def _walk(state: BookState, start: int) -> None:
    """Begin another way of ids at a snapshot."""
    state.recent += (NONE, start)
    _trim(state.recent)


def _trim(recent: list[int]) -> None:
    if len(recent) <= RECENT_MAX_IDS:
        return
    del recent[int(recent[0] == _RESET) : -RECENT_MAX_IDS]
    if recent[0] == _RESET and not _goes_back(recent):
        del recent[0]


def _goes_back(ids: Sequence[int]) -> bool:
    return any(NONE < after < before for before, after in itertools.pairwise(ids))


def _was_set_back(recent: list[int]) -> bool:
    return bool(recent) and recent[0] == _RESET


def _taken_at(recent: list[int], prev: int, last: int) -> int | None:
    """Return where an update stands in the way the ids went; None when it was not taken."""
    place = -1
    try:
        while True:
            place = recent.index(last, place + 1)
            if place and recent[place - 1] == prev:
                return place
    except ValueError:
        return None


def _was_set_back_since(recent: list[int], prev: int, last: int) -> bool:
    """Tell whether an update was taken and the venue's ids went back after it."""
    place = _taken_at(recent, prev, last)
    return place is not None and _goes_back(recent[place - 1 :])
