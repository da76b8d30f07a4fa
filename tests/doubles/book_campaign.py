"""Deliver a venue's book badly, thousands of times, and ask whether a book called valid is the true one.

A `Venue` knows the true book after every single change and numbers its updates as the exchange does.
The campaign drops, repeats, reorders and delays them, reconnects, overlaps connections and restarts the
venue, and follows the venue's `BookRules` as the agents do. Everything is drawn from one seed.

It cannot imitate: prices and texts (levels are small numbers), two numberings that share ids and are
mixed (a venue that starts again at 1 says `shares_ids`; frames of one numbering then never cross into the
next, which one ordered connection guarantees).
"""

from __future__ import annotations

import abc
import os
import random
from collections import Counter, deque
from collections.abc import Callable
from typing import NamedTuple

from exchanges import BookRules, BookState, DeltaVerdict, SnapshotVerdict

STEPS = int(os.environ.get("CRYPTOFLOW_BOOK_STEPS", "100000"))
"""Steps per venue; set the variable for a longer campaign."""

LEVELS = 12
TRUTHS_KEPT = 4000
SEEN_KEPT = 200
FLIGHT_KEPT = 40
TOLD_KEPT = 40
"""Steps named when a campaign fails."""

Book = dict[int, int]


class Update(NamedTuple):
    """Hold one delta or snapshot: its ids, what it changes (all levels of a snapshot), the serial it ends at.

    `number` counts the frames of a connection where the venue does; `epoch` tells numberings apart.
    """

    first: int
    last: int
    prev: int
    changes: Book
    at: int
    epoch: int
    snapshot: bool = False
    number: int = -1


class Venue(abc.ABC):
    """Know the true book after every change; a venue's own numbering overrides `ids` and `restart`.

    `in_stream` says that snapshots come with the deltas, `rest` that they can be fetched,
    `tells_repeats` that rules know every repeat by its ids. `lost` and `proves` are evidence from
    outside the rules: a count of frames, a checksum.
    """

    rules: BookRules
    in_stream = False
    shares_ids = False
    tells_repeats = True

    def __init__(self, rng: random.Random) -> None:
        """Start with an empty book."""
        self.rng = rng
        self.book: Book = {}
        self.serial = 0
        self.epoch = 0
        self.connections = 0
        self.truth: dict[int, Book] = {}
        self.marks: deque[tuple[int, int, int]] = deque(maxlen=30)
        self.start()
        self.mark(self.snapshot_id())

    @abc.abstractmethod
    def start(self) -> None:
        """Set the first ids."""

    @abc.abstractmethod
    def ids(self, count: int) -> tuple[int, int, int, list[int]]:
        """Return the numbers of a delta of some changes: first, last, prev, and the id after each change (or none)."""

    @abc.abstractmethod
    def snapshot_id(self) -> int:
        """Return the id at which a snapshot taken now stands."""

    @abc.abstractmethod
    def restart(self) -> list[Update]:
        """Begin a new numbering, with what the venue sends then."""

    def connect(self) -> None:
        """Begin a connection: numbers of frames start anew."""
        self.connections += 1

    def stamp(self, update: Update) -> Update:
        """Give a frame its number on the connection."""
        return update

    def lost(self, update: Update) -> bool:
        """Tell whether something other than the book's ids proves that frames before this one are missing."""
        del update
        return False

    def proves(self, book: Book, update: Update) -> bool:
        """Tell whether a book agrees with what the venue says of it in an update (a checksum)."""
        del book, update
        return True

    def mark(self, number: int) -> None:
        """Remember the book of this moment: a snapshot may stand here."""
        self.truth[self.serial] = dict(self.book)
        self.truth.pop(self.serial - TRUTHS_KEPT, None)
        self.marks.append((self.serial, number, self.epoch))

    def change(self) -> tuple[int, int]:
        """Change one level."""
        self.serial += 1
        level = self.rng.randrange(LEVELS)
        value = 0 if self.rng.random() < 0.2 else self.serial
        if value:
            self.book[level] = value
        else:
            self.book.pop(level, None)
        return level, value

    def move(self) -> Update:
        """Change some levels and return the delta that says so."""
        count = self.rng.randint(1, 4)
        first, last, prev, each = self.ids(count)
        changes: Book = {}
        for place in range(count):
            level, value = self.change()
            changes[level] = value
            if each:
                self.mark(each[place])
        if not each:
            self.mark(last)
        return Update(first, last, prev, changes, self.serial, self.epoch)

    def snapshot(self, back: int = 1) -> Update:
        """Return the book as it stood some changes ago."""
        serial, number, epoch = self.marks[-min(back, len(self.marks))]
        return Update(-1, number, -1, self.truth[serial], serial, epoch, snapshot=True)


class Follower:
    """Keep a book from the verdicts alone, as the agents do."""

    def __init__(self, venue: Venue) -> None:
        """Start with nothing."""
        self.venue = venue
        self.rules = venue.rules
        self.state = BookState()
        self.book: Book | None = None
        self.at = self.newest = -1
        self.buffer: list[Update] = []
        self.waiting: Update | None = None
        self.told: Counter[DeltaVerdict | SnapshotVerdict] = Counter()
        self.rows: deque[tuple[int, int]] = deque(maxlen=SEEN_KEPT)

    def gap(self) -> None:
        """Take the news that frames were lost."""
        self.rules.on_gap(self.state)
        self._forget()

    def take(self, update: Update) -> None:
        """Take one frame."""
        if self.venue.lost(update):
            self.gap()
        (self._snapshot if update.snapshot else self._delta)(update)
        assert self.state.valid is (self.book is not None)
        if self.book is not None and not self.venue.proves(self.book, update):
            self.gap()

    def _forget(self) -> None:
        self.book, self.waiting, self.buffer = None, None, []

    def _delta(self, update: Update) -> None:
        was = (self.state.valid, self.state.last)
        verdict = self.rules.on_delta(self.state, update.first, update.last, update.prev)
        self.told[verdict] += 1
        if verdict is DeltaVerdict.OLD:
            assert self.venue.tells_repeats
            # Where numberings share ids, one that no valid book needs cannot be told from a repeat.
            behind = self.venue.shares_ids and (update.at <= self.newest or not self.state.valid)
            taken = (update.epoch, update.at) in self.rows
            assert taken or behind, "a delta that was never taken is told to be a repeat"
            assert (self.state.valid, self.state.last) == was
            return
        self.rows.append((update.epoch, update.at))
        if verdict is DeltaVerdict.BREAK:
            self._forget()
            self.buffer = [update]
        elif verdict is DeltaVerdict.BUFFERED or not was[0]:
            self.buffer.append(update)
            if verdict is DeltaVerdict.APPLIED:
                assert self.waiting is not None
                self._load(self.waiting)
        else:
            self._apply(update)

    def _snapshot(self, update: Update) -> None:
        was_valid = self.state.valid
        verdict = self.rules.on_snapshot(self.state, update.last, in_stream=self.venue.in_stream)
        self.told[verdict] += 1
        if self.venue.in_stream:
            assert verdict is SnapshotVerdict.SPLICED
            if self.state.last == update.last:  # else the chain contains it already
                self.buffer = []
                self._load(update)
        elif verdict is SnapshotVerdict.WAITING:
            self.waiting = update
        elif verdict is SnapshotVerdict.SPLICED and not was_valid:
            self._load(update)

    def _load(self, snapshot: Update) -> None:
        self.book, self.at = dict(snapshot.changes), snapshot.at
        self.newest = max(self.newest, self.at)
        for delta in self.buffer:
            if delta.last > snapshot.last:
                self._apply(delta)
        self.buffer, self.waiting = [], None

    def _apply(self, delta: Update) -> None:
        assert self.book is not None
        for level, value in delta.changes.items():
            if value:
                self.book[level] = value
            else:
                self.book.pop(level, None)
        if delta.changes:  # a keep-alive moves nothing
            self.at = delta.at


class Campaign:
    """Drive one venue and one follower through random faults."""

    def __init__(self, make: Callable[[random.Random], Venue], seed: int) -> None:
        """Draw everything from the seed."""
        self.rng = random.Random(seed)
        self.venue = make(self.rng)
        self.follower = Follower(self.venue)
        self.flight: deque[Update] = deque()
        self.sent: deque[Update] = deque(maxlen=SEEN_KEPT)
        self.seen: deque[Update] = deque(maxlen=SEEN_KEPT)
        self.steps: deque[str] = deque(maxlen=TOLD_KEPT)
        self.valid_steps = 0
        weights = [
            (self.emit, 30),
            (self.arrive, 40),
            (self.drop, 2),
            (self.reorder, 2),
            (self.repeat, 8),
            (self.resync, 12),
            (self.late_snapshot, 2),
            (self.overlap, 2),
            (self.reconnect, 1),
            (self.restart, 1),
        ]
        self._draw = self.rng.choices
        self._actions, self._weights = zip(*weights, strict=True)

    def run(self, steps: int) -> Follower:
        """Take steps; every one leaves a true book or none. Raises AssertionError with the last steps."""
        self.reconnect()
        for action in self._draw(self._actions, self._weights, k=steps):
            self.steps.append(action.__name__)
            try:
                action()
                self.check()
            except AssertionError as error:
                raise AssertionError(f"{error} after {' '.join(self.steps)}") from error
        self.heal()
        return self.follower

    def check(self) -> None:
        """Compare a book that is called valid with the venue's own at that moment."""
        if self.follower.state.valid:
            self.valid_steps += 1
            assert self.follower.book == self.venue.truth[self.follower.at], "a book called valid is not the true one"

    def deliver(self, update: Update) -> None:
        """Let one frame arrive."""
        self.follower.take(update)
        self.check()
        self.seen.append(update)

    def send(self, update: Update) -> None:
        """Put a frame on its way."""
        self.flight.append(self.venue.stamp(update))
        self.sent.append(update)

    def emit(self) -> None:
        """Change the book; the delta is on its way."""
        if len(self.flight) >= FLIGHT_KEPT:
            self.arrive()
        self.send(self.venue.move())

    def arrive(self) -> None:
        """Let some frames arrive in order."""
        for _ in range(min(self.rng.randint(1, 4), len(self.flight))):
            self.deliver(self.flight.popleft())

    def drop(self) -> None:
        """Lose a frame."""
        if self.flight and not self._restarts(self.flight[0]):
            self.flight.popleft()

    def reorder(self) -> None:
        """Let two frames change places."""
        if len(self.flight) > 1 and not (
            self.venue.shares_ids
            and (self.flight[0].epoch != self.flight[1].epoch or any(map(self._restarts, list(self.flight)[:2])))
        ):
            self.flight[0], self.flight[1] = self.flight[1], self.flight[0]

    def repeat(self) -> None:
        """Deliver a frame again."""
        if self.seen:
            update = self.seen[-min(self.rng.randint(1, 12), len(self.seen))]
            if not (self.venue.shares_ids and (update.epoch != self._epoch() or self._restarts(update))):
                self.deliver(update)

    def resync(self) -> None:
        """Do as the producer does for a broken book: subscribe again, or fetch a snapshot of this instant."""
        if self.follower.state.valid and self.rng.random() < 0.9:
            return
        if self.venue.in_stream:
            self.send(self.venue.snapshot())
        else:
            self.deliver(self.venue.snapshot())

    def late_snapshot(self) -> None:
        """Answer with an old snapshot; on the socket it overtakes nothing but comes late."""
        if self.venue.in_stream:
            if self.flight and not self.venue.shares_ids:
                self.flight.insert(self.rng.randrange(len(self.flight) + 1), self.venue.stamp(self.venue.snapshot()))
        else:
            self.deliver(self.venue.snapshot(self.rng.randint(1, 30)))

    def overlap(self) -> None:
        """Let a second connection repeat what was sent since some moment, in order, with its own snapshot."""
        if not self.venue.tells_repeats:
            return
        since = self.venue.snapshot(self.rng.randint(1, 10))
        if (
            since.epoch != self._epoch()
            or self.venue.epoch != since.epoch
            or not any(update.at == since.at for update in self.sent)
        ):
            return
        if self.venue.in_stream:
            self.deliver(since)
        for update in [one for one in self.sent if one.at > since.at and not one.snapshot]:
            self.deliver(update)
        self.flight.clear()  # the second connection has delivered it all and stays

    def reconnect(self) -> None:
        """Lose the connection with all that was on the way."""
        self.flight.clear()
        self.venue.connect()
        self.follower.gap()
        if self.venue.in_stream:
            self.send(self.venue.snapshot())

    def restart(self) -> None:
        """Let the venue number anew."""
        for update in self.venue.restart():
            self.send(update)

    def heal(self) -> None:
        """Promise that a quiet venue gives a valid book: frames in order and one fresh snapshot."""
        self.reconnect()
        self.send(self.venue.move())
        while self.flight:
            self.arrive()
        if not self.venue.in_stream:
            self.deliver(self.venue.snapshot())
        self.send(self.venue.move())
        self.arrive()
        assert self.follower.state.valid
        self.check()

    def _epoch(self) -> int:
        return self.seen[-1].epoch if self.seen else self.venue.epoch

    def _restarts(self, update: Update) -> bool:
        return self.venue.shares_ids and update.snapshot and update.last == 1


def campaign(make: Callable[[random.Random], Venue], seed: int, steps: int = STEPS) -> Counter[str]:
    """Run a campaign in rounds of one seed each; return how often each verdict was told."""
    told: Counter[str] = Counter()
    rounds = max(1, steps // 2000)
    for turn in range(rounds):
        one = Campaign(make, seed + turn)
        told += Counter({verdict.name: count for verdict, count in one.run(steps // rounds).told.items()})
        told["valid_steps"] += one.valid_steps
    return told
