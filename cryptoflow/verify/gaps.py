"""Judge declared gaps against what was really missed, in the order frames were made.

Frames have no common clock with gaps: a frame may wait in a socket for seconds. So a gap's bounds,
which are receive times, are first turned into places between received frames; a missing frame is
covered when it was made between those two.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptoflow.verify.broken import broken
from cryptoflow.verify.ledger import Name
from cryptoflow.verify.report import Report, Tolerances
from cryptoflow.verify.tables import GAP_COLUMNS, ReadTable, batches, values
from cryptoflow.verify.tracks import NUMBERED, Status, Track

_NS = 1_000_000_000
_FOREVER_NS = 2**62
SWITCH = "switch"
"""The cause of a gap between two connections without ids: what both brought cannot be told from what neither did."""

CLOSED = 1
"""The revision a gap gets when it ends."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Hold the last revision of one declared gap."""

    gap_id: str
    cause: str
    from_ns: int
    end_ns: int
    from_id: int | None
    to_id: int | None
    ids_missing: int | None


def read_gaps(read_table: ReadTable, report: Report) -> dict[Name, list[Gap]]:
    """Read the last revision of every gap; a revision that stands twice is duplicated.

    Ids missing are those when it closed, before any of them was fetched.
    """
    newest: dict[tuple[Name, str], dict[str, object]] = {}
    closed: dict[tuple[Name, str], object] = {}
    seen: Counter[tuple[object, ...]] = Counter()
    for batch in batches(read_table("gaps")):
        columns = [values(batch.column(name)) for name in GAP_COLUMNS]
        for cells in zip(*columns, strict=True):
            row = dict(zip(GAP_COLUMNS, cells, strict=True))
            market = f"{row['exchange']}.{row['market']}"
            name = ((market, str(row["stream"]), str(row["native_symbol"])), str(row["gap_id"]))
            seen[name, row["revision"]] += 1
            if row["revision"] == CLOSED:
                closed[name] = row["ids_missing"]
            if name not in newest or int(str(row["revision"])) > int(str(newest[name]["revision"])):
                newest[name] = row
    for what, count in seen.items():
        if count > 1:
            report.fail("duplicated", f"gaps: {what} stands {count} times", count - 1)
    report.rows["gaps"] = seen.total()
    report.gaps = len({gap_id for _, gap_id in newest})
    gaps: dict[Name, list[Gap]] = {}
    for (owner, gap_id), row in newest.items():
        row["ids_missing"] = closed.get((owner, gap_id))
        gaps.setdefault(owner, []).append(_gap(gap_id, row))
    return gaps


def _gap(gap_id: str, row: dict[str, object]) -> Gap:
    def number(name: str) -> int | None:
        value = row[name]
        return value if isinstance(value, int) else None

    return Gap(
        gap_id,
        str(row["cause"]),
        number("from_ns") or 0,
        number("to_ns") or _FOREVER_NS,
        number("from_id"),
        number("to_id"),
        number("ids_missing"),
    )


@dataclass(frozen=True, slots=True)
class Run:
    """Hold consecutive frames of a track that are not in the table: positions `first` to `last`."""

    first: int
    last: int


class Timeline:
    """Say which frames of a track were received, in the order they were made, and when."""

    def __init__(self, track: Track) -> None:
        """Start with nothing received."""
        self.track = track
        self.places: list[int] = []
        self.times: list[int] = []
        self.missing: list[int] = []

    def present(self, position: int, received_ns: int) -> None:
        """Add a frame that is in the table; receive times may only rise along a track."""
        self.places.append(position)
        self.times.append(max(received_ns, self.times[-1]) if self.times else received_ns)

    def absent(self, position: int) -> None:
        """Add a frame that is not in the table."""
        self.missing.append(position)

    def runs(self) -> Iterator[Run]:
        """Return the missing frames as runs with no received frame, and no new beginning of ids, between them."""
        first = last = -2
        for position in self.missing:
            if position != last + 1 or self.track.begins_anew(position):
                if first >= 0:
                    yield Run(first, last)
                first = position
            last = position
        if first >= 0:
            yield Run(first, last)

    def place(self, gap: Gap) -> tuple[int, int]:
        """Return the indexes in `places` of the received frames that bound a gap; -1 and len for the ends."""
        return bisect_right(self.times, gap.from_ns) - 1, bisect_left(self.times, gap.end_ns)

    def span(self, gap: Gap) -> tuple[int, int]:
        """Return the positions between which missing frames are covered by a gap."""
        low, high = self.place(gap)
        return (
            self.places[low] if low >= 0 else -1,
            self.places[high] if high < len(self.places) else len(self.track.keys),
        )

    def around(self, run: Run) -> tuple[int | None, int | None]:
        """Return the receive times of the frames before and after a run."""
        index = bisect_left(self.places, run.first)
        return (
            self.times[index - 1] if index else None,
            self.times[index] if index < len(self.times) else None,
        )


def judge_track(
    name: str,
    timeline: Timeline | None,
    gaps: Sequence[Gap],
    fresh: Sequence[int],
    allowed: Tolerances,
    report: Report,
) -> None:
    """Judge every missing run and every declared gap of one stream of one symbol.

    `fresh` are the times at which the venue answered the symbol's book as it was.
    """
    if timeline is None:
        for gap in gaps:
            report.fail("overlong_gaps", f"{name}: gap {gap.gap_id} ({gap.cause}) of a stream never sent")
        return
    spans = [(gap, *timeline.span(gap)) for gap in gaps]
    runs = list(timeline.runs())
    for run in runs:
        covering = [gap for gap, low, high in spans if low < run.last and run.first < high]
        _judge_run(name, timeline, run, [(low, high) for _, low, high in spans], allowed, report)
        _judge_ids(name, timeline, run, covering, report)
    for one in broken(timeline.track, timeline.places, timeline.times):
        if one.proven and not any(gap.from_ns <= one.at_ns and one.before_ns <= gap.end_ns for gap in gaps):
            report.fail("undeclared_gaps", f"{name}: what broke the book came at {one.at_ns} and no gap says so")
    damage = _damage(timeline, runs, fresh, allowed)
    for gap in gaps:
        _judge_gap(name, timeline, gap, damage, allowed, report)


def _judge_run(
    name: str,
    timeline: Timeline,
    run: Run,
    spans: Sequence[tuple[int, int]],
    allowed: Tolerances,
    report: Report,
) -> None:
    track = timeline.track
    bare = [
        position for position in range(run.first, run.last + 1) if not any(low < position < high for low, high in spans)
    ]
    if not bare:
        return
    status = Counter(track.status[position] for position in bare)
    if status[Status.SENT]:
        lost = [position for position in bare if track.status[position] == Status.SENT]
        lost = _without_stopped(timeline, run, lost, allowed, report)
    else:
        lost = []
    if lost:
        keys = ", ".join(str(track.keys[position]) for position in lost[:3])
        report.fail("lost", f"{name}: {len(lost)} frames from {keys}", len(lost))
    hidden = status.total() - status[Status.SENT]
    if not hidden or _invisible(timeline, run, status, allowed):
        return
    first = track.keys[bare[0]]
    report.fail("undeclared_gaps", f"{name}: {hidden} frames from {first} were never received and no gap says so")


def _without_stopped(timeline: Timeline, run: Run, lost: list[int], allowed: Tolerances, report: Report) -> list[int]:
    """Leave out frames that were on their way when the recorder was stopped for good: nobody was left to tell."""
    _, after = timeline.around(run)
    down = timeline.track.down
    if after is not None or not down or down[-1][1] is not None:
        return lost
    since = down[-1][0] - int(allowed.reconnect_s * _NS)
    kept = [position for position in lost if timeline.track.ns[position] < since]
    report.notes["frames in flight when the recorder stopped"] += len(lost) - len(kept)
    return kept


def _invisible(timeline: Timeline, run: Run, status: Counter[int], allowed: Tolerances) -> bool:
    """Tell whether nobody can know of these missing frames: no later frame, or a short silence without ids."""
    before, after = timeline.around(run)
    track = timeline.track
    if after is None:
        return not status[Status.HELD]
    if track.begins_anew(run.last + 1):
        return True
    if track.hidden and status[Status.WITHHELD] and track.injected[run.first]:
        return True
    if not status[Status.WITHHELD] and not status[Status.HELD]:
        # Garbage: its dead letter says where it was. Ids miss it too, and it breaks a book; a number says it came.
        return not track.proof or (track.proof == "seen" and track.table != "book_deltas")
    if track.proof or status[Status.WITHHELD]:
        return False
    return before is not None and after - before < allowed.silence_limit_s * _NS


def _judge_ids(name: str, timeline: Timeline, run: Run, covering: Sequence[Gap], report: Report) -> None:
    """Hold a gap on purpose to one gap_id with exactly the ids that are missing."""
    track = timeline.track
    injected = all(track.injected[position] for position in range(run.first, run.last + 1))
    if track.proof not in NUMBERED or not injected or not covering:
        return
    if len(covering) > 1:
        covering = _touching(covering, track.first[run.first], track.last[run.last])
    if len(covering) > 1:
        ids = ", ".join(gap.gap_id for gap in covering)
        report.fail("misdeclared_gaps", f"{name}: one hole has the gaps {ids}")
        return
    gap = covering[0]
    low, high = timeline.span(gap)
    alone = all(run.first <= position <= run.last for position in timeline.missing if low < position < high)
    if gap.cause != "sequence" or not alone:
        return
    if not _ids_right(track, run, gap):
        report.fail(
            "misdeclared_gaps",
            f"{name}: gap {gap.gap_id} says {gap.from_id} to {gap.to_id} ({gap.ids_missing} ids), "
            f"missing are {track.first[run.first]} to {track.last[run.last]}",
        )


def _touching(covering: Sequence[Gap], first: int, last: int) -> Sequence[Gap]:
    """Leave out gaps of other ids, if any is left then.

    A book's gap ends with a snapshot between two frames, so in time it reaches over a hole that
    follows at once; in ids it does not.
    """
    touching = [
        gap
        for gap in covering
        if gap.from_id is None or gap.to_id is None or (gap.from_id <= last and gap.to_id >= first)
    ]
    return touching or covering


def _ids_right(track: Track, run: Run, gap: Gap) -> bool:
    if gap.from_id is None or gap.to_id is None:
        return False
    last = track.last[run.last]
    if track.proof == "contiguous":
        count = last - track.first[run.first] + 1
        # What is missing of a book is healed by a snapshot, not counted.
        counted = gap.ids_missing == count or (gap.ids_missing is None and track.table == "book_deltas")
        return counted and (gap.from_id, gap.to_id) == (track.first[run.first], last)
    # A venue's book ids have holes of their own: the gap may take them in, but no id that was sent.
    before = track.last[run.first - 1] if run.first and not track.begins_anew(run.first) else -1
    ends = run.last + 1 == len(track.keys) or track.begins_anew(run.last + 1)
    after = _FOREVER_NS if ends else track.first[run.last + 1]
    counted = gap.ids_missing in {None, gap.to_id - gap.from_id + 1}
    return counted and before < gap.from_id <= track.first[run.first] and last <= gap.to_id < after


def _damage(
    timeline: Timeline, runs: Sequence[Run], fresh: Sequence[int], allowed: Tolerances
) -> list[tuple[int, int]]:
    """Return the times, sorted, in which nothing could be trusted, with the limits a gap may add."""
    book = timeline.track.table == "book_deltas"
    slack = int(allowed.clock_s * _NS)
    spans = []
    for run in runs:
        before, after = timeline.around(run)
        spans.append((before or 0, _FOREVER_NS if after is None else after))
    reconnect_ns = int(allowed.reconnect_s * _NS)
    for since, until in timeline.track.down:
        before_index = bisect_right(timeline.times, since) - 1
        before = timeline.times[before_index] if before_index >= 0 else 0
        spans.append((min(before, since) - slack, _FOREVER_NS if until is None else until + reconnect_ns))
    spans += [(one.before_ns - slack, one.at_ns) for one in broken(timeline.track, timeline.places, timeline.times)]
    if book:
        snapshot_ns = int(allowed.snapshot_s * _NS)
        spans = [(low, _answered(fresh, low, high) + snapshot_ns) for low, high in spans]
    return sorted(spans)


def _answered(fresh: Sequence[int], low: int, high: int) -> int:
    """Return when a book broken from `low` to `high` could be whole again: with its next fresh answer.

    Answers wait for the venue's request limits, so this can be long after the break.
    """
    index = bisect_left(fresh, high)
    if index < len(fresh):
        return fresh[index]
    return high if bisect_left(fresh, low) < len(fresh) else _FOREVER_NS


def _judge_gap(
    name: str,
    timeline: Timeline,
    gap: Gap,
    damage: Sequence[tuple[int, int]],
    allowed: Tolerances,
    report: Report,
) -> None:
    """Fail a gap that takes in received frames beyond its limits, or that nothing explains."""
    low, high = timeline.place(gap)
    inside = timeline.times[low + 1 : high]
    stray = [time for time in inside if not any(start <= time <= end for start, end in damage)]
    if stray:
        # Frames inside a gap that were received and whose surroundings were whole.
        report.fail(
            "overlong_gaps",
            f"{name}: gap {gap.gap_id} ({gap.cause}, {gap.from_ns} to {gap.end_ns}) takes in {len(stray)} frames "
            f"that were received, from {stray[0]}",
        )
        return
    if any(start <= gap.end_ns and gap.from_ns <= end for start, end in damage):
        return
    if gap.cause == SWITCH and gap.end_ns - gap.from_ns < allowed.reconnect_s * _NS:
        report.notes["gaps of a switch between connections that both lived"] += 1
        return
    before = timeline.times[low] if low >= 0 else 0
    after = timeline.times[high] if high < len(timeline.times) else _FOREVER_NS
    if after - before >= allowed.silence_limit_s * _NS:
        report.notes["gaps declared where a stream was only quiet"] += 1
        return
    report.fail("overlong_gaps", f"{name}: gap {gap.gap_id} ({gap.cause}) where nothing was missed")
