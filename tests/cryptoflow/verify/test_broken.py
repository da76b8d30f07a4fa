"""Updates that break their book: one that a recorder can see must be declared, others may be."""

from __future__ import annotations

from cryptoflow.verify.broken import Broken, broken
from cryptoflow.verify.frames import Expected
from cryptoflow.verify.gaps import Gap, Timeline, judge_track
from cryptoflow.verify.report import Report, Tolerances
from cryptoflow.verify.tracks import Status, Track

S = 1_000_000_000


def _timeline(*, proven: bool, lost: int = -1) -> Timeline:
    """Return a book's updates, one a second; the fourth broke the book."""
    track = Track("book_deltas", "seen")
    timeline = Timeline(track)
    for number in range(8):
        track.add(Expected("book_deltas", "A", number, [(number,)]), Status.SENT, number * S, 0, injected=False)
        if number != lost:
            timeline.present(number, number * S)
    track.broken.append((3, proven))
    return timeline


def _judged(timeline: Timeline, gaps: list[Gap]) -> Report:
    report = Report()
    judge_track("book", timeline, gaps, [5 * S], Tolerances(snapshot_s=0.1), report)
    return report


def _gap(from_s: float, end_s: float) -> Gap:
    return Gap("g", "checksum", int(from_s * S), int(end_s * S), None, None, None)


def test_when_it_was_received() -> None:
    """It is told with the frame before; one that never arrived broke nothing."""
    whole, holed = _timeline(proven=True), _timeline(proven=True, lost=3)
    assert list(broken(whole.track, whole.places, whole.times)) == [Broken(2 * S, 3 * S, proven=True)]
    assert not list(broken(holed.track, holed.places, holed.times))


def test_a_wrong_checksum_has_a_gap() -> None:
    """Without one it is undeclared; with one that lasts until the next snapshot all is clean."""
    assert _judged(_timeline(proven=True), []).counts["undeclared_gaps"] == 1
    assert _judged(_timeline(proven=True), [_gap(2, 5)]).clean


def test_a_gap_that_outlasts_the_snapshot_is_too_long() -> None:
    """Once the venue gave the book again nothing excuses the gap."""
    assert _judged(_timeline(proven=True), [_gap(2, 7)]).counts["overlong_gaps"] == 1


def test_a_crossed_book_may_have_a_gap() -> None:
    """Nothing was lost by it: a recorder may pass it on or distrust it."""
    assert _judged(_timeline(proven=False), []).clean
    assert _judged(_timeline(proven=False), [_gap(3, 5)]).clean
