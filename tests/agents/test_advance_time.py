"""Event time."""

from __future__ import annotations

import msgspec

from agents._core import PartitionCore
from tests.doubles.raw_frames import MS, Log, alive, core, rows


def kept(one: PartitionCore) -> dict[str, object]:
    """Return what the operator keeps of the only symbol."""
    stored = msgspec.msgpack.decode(one.dirty()[0][2])
    return stored["parts"]["advance_time"]


def test_event_time_is_the_latest_exchange_time() -> None:
    """A frame with an older exchange time does not move event time back."""
    log = Log()
    for at in (5, 9, 7):
        log.put("funding", {"mark": "1", "at": at})
    one = core()
    one.process(log.records)
    assert kept(one) == {"event_ns": 9, "received_ns": 1003 * MS}


def test_alive_moves_event_time_by_the_silence_less_its_limit() -> None:
    """Time that has been added is not added again by the next mark."""
    log = Log()
    log.put("funding", {"mark": "1", "at": 100})
    log.now_ns += 10 * MS
    log.put("alive", alive("funding", limit_ns=4 * MS))
    log.put("alive", alive("funding", limit_ns=4 * MS))
    one = core()
    one.process(log.records)
    assert kept(one)["event_ns"] == 100 + 8 * MS


def test_a_mark_that_is_no_mark_is_a_dead_letter() -> None:
    """Marks out of range or without their fields are reported and change nothing."""
    log = Log()
    log.put("alive", {"streams": ["book"], "silence_limit_ns": -1})
    log.put("alive", {"streams": ["book"], "silence_limit_ns": 2**70})
    log.put("switch", {"conn": 5})
    assert rows(core().process(log.records), "md.dead_letters", "stage") == ["frame"] * 3


def test_fetched_trades_move_no_time() -> None:
    """They were not heard on the stream: silence goes on being counted from its last frame."""
    log = Log(market="s")
    log.put("trades", {"trades": [{"i": 5, "p": "1", "q": "1", "at": 100}]})
    log.put("trades", {"trades": [{"i": 7, "p": "1", "q": "1", "at": 100}]})
    log.put("trades_backfill", {"trades": [{"i": 6, "p": "1", "q": "1", "at": 999}]})
    one = core()
    one.process(log.records)
    assert kept(one) == {"event_ns": 100, "received_ns": 1002 * MS}
