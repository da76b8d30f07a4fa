"""Recorded numbers of Coinbase's connections say what was not recorded."""

from __future__ import annotations

from cryptoflow.simulator.venues._coinbase_recorded import Reader
from cryptoflow.simulator.venues._values import Recorded, Row
from cryptoflow.simulator.venues.coinbase_advanced import VENUE

URL = "wss://advanced-trade-ws.coinbase.com"


def frame(number: int, channel: str = "l2_data", conn: str = "w", kind: str = "update") -> Row:
    """Return an invented frame."""
    event = f'{{"type":"{kind}","product_id":"A-USD"}}'
    data = f'{{"channel":"{channel}","sequence_num":{number},"events":[{event}]}}'
    return Row(0, conn, "recv", URL, data.encode())


def read(*rows: Row) -> list[Recorded]:
    """Read rows in order; those that are not replayed are left out."""
    reader = Reader(VENUE).read
    return [found for row in rows if (found := reader(row)) is not None]


def test_frames_in_order_jump_nowhere() -> None:
    """Whatever the first number is; frames that are not replayed count too, and each connection by itself."""
    rows = [frame(7), frame(8, "heartbeats"), frame(9), frame(0, conn="v"), frame(10), frame(1, conn="v")]
    assert [found.jump for found in read(*rows)] == [0] * 5


def test_frames_that_are_missing_are_told_by_the_next() -> None:
    """Also where the next one of all is not replayed."""
    assert [found.jump for found in read(frame(1), frame(4), frame(5))] == [0, 2, 0]
    assert [found.jump for found in read(frame(1), frame(3, "heartbeats"), frame(4))] == [0, 1]


def test_a_frame_recorded_twice_is_one() -> None:
    """Of the same number and text; a frame that comes late is no repeat."""
    assert [found.jump for found in read(frame(1), frame(2), frame(2), frame(1), frame(3))] == [0, 0, 0]
    assert [found.jump for found in read(frame(1), frame(3), frame(2), frame(4))] == [0, 1, -2, 1]
    beat = frame(2, "heartbeats")
    assert [found.jump for found in read(frame(1), beat, beat, frame(3))] == [0, 0]


def test_a_book_begins_with_its_snapshot() -> None:
    """Requests and what has no number are nobody's frames."""
    assert [found.whole for found in read(frame(1, kind="snapshot"), frame(2))] == [True, False]
    assert read(Row(0, "w", "send", URL, b"{}"), Row(0, "w", "recv", URL, b'{"type":"error"}')) == []


def test_other_channels_have_names() -> None:
    """Answers and heartbeats have none: the venue here makes its own."""
    assert VENUE.unused(frame(1, "candles")) == "candles"
    assert VENUE.unused(frame(1, "heartbeats")) == ""
    assert VENUE.unused(frame(1)) == "l2_data, repeated or empty"
