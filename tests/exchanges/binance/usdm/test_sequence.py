"""Continuity of a Binance USD-M book, rule by rule and against a model of the venue (PROTOCOLS 3.4)."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exchanges import BookState, DeltaVerdict, SnapshotVerdict
from exchanges.binance._sequence import PENDING_MAX_DELTAS, RECENT_MAX_DELTAS
from exchanges.binance.usdm.sequence import UsdmBookRules

APPLIED, BUFFERED, OLD, BREAK = DeltaVerdict.APPLIED, DeltaVerdict.BUFFERED, DeltaVerdict.OLD, DeltaVerdict.BREAK
SPLICED, WAITING, STALE = SnapshotVerdict.SPLICED, SnapshotVerdict.WAITING, SnapshotVerdict.STALE

RULES = UsdmBookRules()


def chain(*deltas: tuple[int, int, int]) -> BookState:
    """Return the state after deltas of which none breaks."""
    state = BookState()
    assert all(RULES.on_delta(state, *delta) is BUFFERED for delta in deltas)
    return state


def valid_book() -> BookState:
    """Return a valid book that stands at id 20."""
    state = chain((11, 20, 10))
    assert RULES.on_snapshot(state, 15) is SPLICED
    return state


@pytest.mark.parametrize(
    ("snapshot", "verdict"),
    [
        (9, STALE),  # 3.4.4: before the chain
        (10, SPLICED),  # 3.4.4: pu == L
        (11, SPLICED),  # 3.4.4: U == L
        (15, SPLICED),  # 3.4.4: U < L < u
        (20, SPLICED),  # 3.4.5: u == L
        (21, STALE),  # 3.4.4: between two deltas that do not touch: U > L and pu != L
        (30, SPLICED),  # 3.4.3: the first delta is older and dropped
        (35, SPLICED),
        (36, WAITING),  # 3.4.3: all are older; the next delta must join
    ],
)
def test_a_snapshot_meets_the_chain(snapshot: int, verdict: SnapshotVerdict) -> None:
    """Deltas below the snapshot are dropped; the first that is not must contain it or follow it."""
    state = chain((11, 20, 10), (30, 35, 20))
    assert RULES.on_snapshot(state, snapshot) is verdict
    assert state.valid is (verdict is SPLICED)


@pytest.mark.parametrize(
    ("snapshot", "verdict", "valid"),
    [(18, BREAK, False), (20, APPLIED, True), (30, APPLIED, True), (35, APPLIED, True), (36, BUFFERED, False)],
)
def test_a_delta_meets_a_waiting_snapshot(snapshot: int, verdict: DeltaVerdict, valid: bool) -> None:
    """The delta that joins makes the book valid, one the snapshot contains waits on, one beyond it breaks."""
    state = BookState()
    assert RULES.on_snapshot(state, snapshot) is WAITING
    assert RULES.on_delta(state, 30, 35, 20) is verdict
    assert state.valid is valid


def test_deltas_below_a_waiting_snapshot_go_on_with_the_chain() -> None:
    """A snapshot ahead of the stream is joined by the delta that reaches it, not before."""
    state = chain((11, 20, 10))
    assert RULES.on_snapshot(state, 33) is WAITING
    assert RULES.on_delta(state, 21, 22, 20) is BUFFERED
    assert RULES.on_delta(state, 30, 35, 22) is APPLIED
    assert (state.valid, state.last, state.pending, state.snapshot) == (True, 35, [], -1)


def test_every_delta_names_its_predecessor() -> None:
    """Continuity is pu == last u and nothing else: ids need not touch (PROTOCOLS 3.4.6)."""
    state = valid_book()
    assert RULES.on_delta(state, 900, 910, 20) is APPLIED
    assert RULES.on_delta(state, 911, 920, 909) is BREAK
    assert (state.valid, state.last, state.pending) == (False, 920, [(911, 920, 909)])


def test_a_break_needs_a_new_snapshot() -> None:
    """After a break the chain goes on unproved until a snapshot reaches into it."""
    state = valid_book()
    assert RULES.on_delta(state, 31, 40, 30) is BREAK
    assert RULES.on_delta(state, 41, 50, 40) is BUFFERED
    assert RULES.on_snapshot(state, 25) is STALE
    assert not state.valid
    assert RULES.on_snapshot(state, 45) is SPLICED
    assert (state.valid, state.last) == (True, 50)


def test_a_break_forgets_a_waiting_snapshot() -> None:
    """What was missed may lie behind the snapshot, so it is not used any more."""
    state = chain((11, 20, 10))
    assert RULES.on_snapshot(state, 45) is WAITING
    assert RULES.on_delta(state, 31, 40, 30) is BREAK
    assert RULES.on_delta(state, 41, 50, 40) is BUFFERED
    assert not state.valid


def test_a_gap_forgets_everything_but_what_was_seen() -> None:
    """After lost frames the next delta starts a chain and is no break; a repeat behind it is still a repeat."""
    state = valid_book()
    RULES.on_gap(state)
    assert (state.valid, state.last, state.snapshot, state.pending) == (False, -1, -1, [])
    assert RULES.on_delta(state, 71, 80, 70) is BUFFERED
    assert RULES.on_delta(state, 11, 20, 10) is OLD


def test_a_gap_forgets_what_waited() -> None:
    """Deltas and snapshots from before a gap join nothing after it."""
    state = chain((11, 20, 10))
    RULES.on_gap(state)
    assert RULES.on_snapshot(state, 15) is WAITING
    RULES.on_gap(state)
    assert RULES.on_delta(state, 21, 30, 20) is BUFFERED
    assert RULES.on_snapshot(state, 15) is STALE


def test_a_repeat_is_old_and_changes_nothing() -> None:
    """The same delta again, on this or an overlapping connection, leaves the book as it is."""
    state = valid_book()
    assert RULES.on_delta(state, 21, 30, 20) is APPLIED
    for delta in ((11, 20, 10), (21, 30, 20), (21, 30, 20)):
        assert RULES.on_delta(state, *delta) is OLD
    assert (state.valid, state.last) == (True, 30)
    assert RULES.on_delta(state, 31, 40, 30) is APPLIED


def test_a_repeat_is_old_also_after_a_break() -> None:
    """A slower connection that repeats what was taken before the break adds no second row."""
    state = valid_book()
    assert RULES.on_delta(state, 41, 50, 40) is BREAK
    assert RULES.on_delta(state, 11, 20, 10) is OLD
    assert state.last == 50


def test_a_late_delta_restarts_the_chain_and_its_followers_join() -> None:
    """Where a slower connection fills the hole, the chain goes on from there, repeats included."""
    state = valid_book()
    assert RULES.on_delta(state, 41, 50, 40) is BREAK
    assert RULES.on_delta(state, 21, 40, 20) is BREAK
    assert RULES.on_delta(state, 41, 50, 40) is BUFFERED
    assert RULES.on_delta(state, 51, 60, 50) is BUFFERED
    assert RULES.on_snapshot(state, 30) is SPLICED


def test_ids_that_went_back_are_a_break() -> None:
    """A new numbering below the old one is not mistaken for repeats: a stale book is never served."""
    state = valid_book()
    assert RULES.on_delta(state, 3, 5, 2) is BREAK
    assert RULES.on_delta(state, 6, 8, 5) is BUFFERED
    assert RULES.on_snapshot(state, 7) is SPLICED
    assert RULES.on_delta(state, 9, 9, 8) is APPLIED


def test_an_id_that_stands_still_is_a_break() -> None:
    """A delta that names its predecessor and does not rise above it proves nothing."""
    state = valid_book()
    assert RULES.on_delta(state, 18, 19, 20) is BREAK


def test_a_snapshot_of_a_valid_book_changes_nothing() -> None:
    """Periodic snapshots, older or newer than the chain, leave a proved book proved."""
    state = valid_book()
    for snapshot in (3, 15, 20, 99):
        assert RULES.on_snapshot(state, snapshot) is SPLICED
    assert (state.valid, state.last, state.snapshot) == (True, 20, -1)
    assert RULES.on_delta(state, 21, 30, 20) is APPLIED


def test_a_stale_snapshot_does_not_replace_a_waiting_one() -> None:
    """An answer from a server that lags behind is refused; the better one still waits."""
    state = chain((11, 20, 10))
    assert RULES.on_snapshot(state, 25) is WAITING
    assert RULES.on_snapshot(state, 5) is STALE
    assert RULES.on_delta(state, 21, 30, 20) is APPLIED


def test_a_later_waiting_snapshot_replaces_the_earlier() -> None:
    """Before any delta the newest snapshot counts."""
    state = BookState()
    assert RULES.on_snapshot(state, 25) is WAITING
    assert RULES.on_snapshot(state, 15) is WAITING
    assert RULES.on_delta(state, 11, 20, 10) is APPLIED


def test_what_is_kept_is_bounded() -> None:
    """Waiting for a snapshot that never comes keeps a bounded number of deltas, and the newest."""
    state = BookState()
    for number in range(PENDING_MAX_DELTAS + 500):
        RULES.on_delta(state, number + 1, number + 1, number)
    assert len(state.pending) == PENDING_MAX_DELTAS
    assert len(state.recent) == RECENT_MAX_DELTAS
    assert RULES.on_snapshot(state, 3) is STALE
    assert RULES.on_snapshot(state, state.last) is SPLICED


def test_a_repeat_beyond_memory_is_a_break() -> None:
    """What can no longer be told from ids that went back is treated as such."""
    state = valid_book()
    for number in range(20, 20 + RECENT_MAX_DELTAS):
        assert RULES.on_delta(state, number + 1, number + 1, number) is APPLIED
    assert RULES.on_delta(state, 11, 20, 10) is BREAK


Delta = tuple[int, int, int]
Book = dict[int, int]


class Venue:
    """Know the true book at every id; deltas change several levels, their ids leave holes."""

    def __init__(self) -> None:
        """Start with an empty book and high ids, so that a new numbering can begin below."""
        self.base = 10_000_000
        self.id = self.base
        self.book: Book = {}
        self.truth: dict[int, Book] = {self.id: {}}
        self.changes: dict[Delta, Book] = {}
        self.last = self.id
        self.ids = [self.id]

    def move(self, hole: int, levels: list[int]) -> Delta:
        """Change some levels, one id each, and return the delta that says so."""
        prev, self.id = self.last, self.id + hole
        first = self.id + 1
        changed: Book = {}
        for level in levels:
            self.id += 1
            self.book[level] = changed[level] = self.id
            self.truth[self.id] = dict(self.book)
            self.ids.append(self.id)
        self.last = self.id
        delta = (first, self.id, prev)
        self.changes[delta] = changed
        return delta

    def renumber(self) -> None:
        """Restart the matching engine: ids go on far below, and the book is another one."""
        self.base -= 100_000
        self.id = self.last = self.base
        self.book = {99: self.id}
        self.truth[self.id] = dict(self.book)
        self.ids.append(self.id)


class Continuity(RuleBasedStateMachine):
    """Deliver a venue's deltas badly and check that a book called valid is the true one.

    The book is built here from the verdicts alone. It cannot imitate two numberings that share ids.
    """

    def __init__(self) -> None:
        """Start with nothing seen."""
        super().__init__()
        self.venue = Venue()
        self.state = BookState()
        self.flight: list[Delta] = []
        self.seen: list[Delta] = []
        self.buffer: list[Delta] = []
        self.book: Book | None = None
        self.waiting: tuple[int, Book] | None = None

    def load(self, snapshot: int, book: Book) -> None:
        """Start the book from a snapshot and what was buffered."""
        self.book = dict(book)
        for delta in self.buffer:
            if delta[1] >= snapshot:
                self.book.update(self.venue.changes[delta])
        self.buffer, self.waiting = [], None

    def deliver(self, delta: Delta) -> None:
        """Hand one delta over and do what the verdict says."""
        was_valid, last = self.state.valid, self.state.last
        verdict = RULES.on_delta(self.state, *delta)
        if verdict is OLD:
            assert delta in self.seen
            assert (self.state.valid, self.state.last) == (was_valid, last)
            assert delta[1] <= last
        elif verdict is BREAK:
            self.book, self.waiting, self.buffer = None, None, [delta]
            assert not self.state.valid
        elif verdict is BUFFERED:
            self.buffer.append(delta)
            assert not self.state.valid
        else:
            self.buffer.append(delta)
            if was_valid:
                assert self.book is not None
                self.book.update(self.venue.changes[delta])
                self.buffer = []
            else:
                assert self.waiting is not None
                self.load(*self.waiting)
        self.seen.append(delta)

    def answer(self, snapshot: int) -> SnapshotVerdict:
        """Hand a snapshot over and do what the verdict says."""
        was_valid = self.state.valid
        verdict = RULES.on_snapshot(self.state, snapshot)
        if verdict is WAITING:
            self.waiting = (snapshot, self.venue.truth[snapshot])
        elif verdict is SPLICED and not was_valid:
            self.load(snapshot, self.venue.truth[snapshot])
        return verdict

    @rule(hole=st.integers(0, 3), levels=st.lists(st.integers(0, 5), min_size=1, max_size=4))
    def emit(self, hole: int, levels: list[int]) -> None:
        """Change the venue; its delta is on the way."""
        self.flight.append(self.venue.move(hole, levels))

    @precondition(lambda self: self.flight)
    @rule(count=st.integers(1, 4))
    def arrive(self, count: int) -> None:
        """Let some deltas arrive in order."""
        for delta in self.flight[:count]:
            self.deliver(delta)
        del self.flight[:count]

    @precondition(lambda self: self.flight)
    @rule()
    def drop(self) -> None:
        """Lose a delta."""
        del self.flight[0]

    @precondition(lambda self: len(self.flight) > 1)
    @rule()
    def reorder(self) -> None:
        """Two deltas change places."""
        self.flight[0], self.flight[1] = self.flight[1], self.flight[0]

    @precondition(lambda self: self.seen)
    @rule(back=st.integers(1, 12))
    def repeat(self, back: int) -> None:
        """Deliver a delta again."""
        self.deliver(self.seen[-min(back, len(self.seen))])

    @rule(back=st.integers(1, 25))
    def snapshot(self, back: int) -> None:
        """Answer with a snapshot: of this instant, of the middle of a delta, or a stale one."""
        self.answer(self.venue.ids[-min(back, len(self.venue.ids))])

    @rule()
    def reconnect(self) -> None:
        """Break the connection with all that was on the way."""
        self.flight.clear()
        RULES.on_gap(self.state)
        self.book, self.waiting, self.buffer = None, None, []

    @rule()
    def renumber(self) -> None:
        """Start the venue's ids anew below all earlier ones."""
        self.venue.renumber()

    @rule()
    def heal(self) -> None:
        """Reconnect: deltas in order and one fresh snapshot always make the book valid."""
        self.reconnect()
        for levels in ([0], [1, 2]):
            self.deliver(self.venue.move(1, levels))
        assert self.answer(self.venue.last) is SPLICED
        self.deliver(self.venue.move(0, [3]))
        assert self.state.valid

    @invariant()
    def a_valid_book_is_the_true_book(self) -> None:
        """Compare what is called valid with the venue's book at that id."""
        assert self.state.valid is (self.book is not None)
        if self.state.valid:
            assert self.book == self.venue.truth[self.state.last]


TestContinuity = Continuity.TestCase
TestContinuity.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
