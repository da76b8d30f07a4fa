"""Tracks and subscriptions."""

from __future__ import annotations

from cryptoflow.verify.frames import Expected
from cryptoflow.verify.tracks import Status, Subscriptions, Track

NAME = ("binance.usdm", "book", "A")


def test_the_highest_status_of_a_frame_holds() -> None:
    """A frame withheld and sent later was sent."""
    track = Track("trades", "contiguous")
    frame = Expected("trades", "A", 5, [("1",)], 5, 5)
    track.add(frame, Status.WITHHELD, 1, 0, injected=False)
    track.add(frame, Status.SENT, 2, 9, injected=False)
    assert (list(track.status), track.keys, list(track.ns)) == ([Status.SENT], [5], [1])


def test_a_stream_is_down_when_nobody_has_it() -> None:
    """A second connection keeps it up; the end of the last one does not end it for good."""
    seen = Subscriptions()
    seen.start(1, [NAME], 10)
    assert not seen.others(NAME, b"1")
    seen.start(2, [NAME], 20)
    assert seen.others(NAME, b"1")
    seen.stop(1, None, 30)
    seen.stop(2, [NAME], 40)
    seen.start(3, [NAME], 50)
    seen.stop(3, None, 60)
    assert list(seen.down()) == [(NAME, 40, 50), (NAME, 60, None)]


def test_ids_that_go_back_begin_anew() -> None:
    """Only where the venue's ids restart, and at no first frame."""
    for restarts in (True, False):
        track = Track("book_deltas", "chain", restarts=restarts)
        for number in (8, 9, 2, 3):
            track.add(Expected("book_deltas", "A", number, [("1",)], number, number), Status.SENT, 1, 0, injected=False)
        assert [track.begins_anew(position) for position in range(5)] == [False, False, restarts, False, False]
