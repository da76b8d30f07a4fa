"""Frames are accounted for."""

from __future__ import annotations

from cryptoflow import metrics
from producers._balance import Balance, CountKey, class_of

TRADES = CountKey("binance", "usdm", "trades")
ACKS = CountKey("binance", "usdm", "control")
GAPS = CountKey("binance", "usdm", "gap")


def test_data_control_and_own_frames_are_told_apart() -> None:
    """Only frames of streams, and frames that cannot be routed, count as data."""
    assert [class_of(kind) for kind in ("trades", "book", "unrouted")] == ["data"] * 3
    assert class_of("control") == "control"
    assert [class_of(kind) for kind in ("gap", "alive", "instrument", "book_snapshot")] == ["own"] * 4


def test_the_balance_adds_up() -> None:
    """Received + recovered = published + dropped + in flight, for each class and in all."""
    balance = Balance()
    balance.received.update({TRADES: 10, ACKS: 2, GAPS: 1})
    balance.recover({TRADES: 3})
    balance.publish({TRADES: 7, ACKS: 2})
    balance.drop({TRADES: 2}, "spool_full")
    facts = balance.facts()
    assert facts | {"control": 0, "own": 0, "part": 0} == {
        "received": 10, "recovered": 3, "published": 7, "dropped": 2, "not_ours": 0, "in_flight": 4,
        "control": 0, "own": 0, "part": 0,
    }  # fmt: skip
    assert facts["control"] == {
        "received": 2, "recovered": 0, "published": 2, "dropped": 0, "not_ours": 0, "in_flight": 0,
    }  # fmt: skip
    assert balance.in_flight == 5


def test_flush_moves_the_metrics_by_what_is_new() -> None:
    """Counters rise by the difference since the last flush, and by nothing the second time."""
    balance = Balance("balance-test")
    counter = metrics.frames_received_total.labels(*TRADES, "balance-test")
    dropped = metrics.drops_total.labels(*TRADES, "balance-test", "sample")
    balance.received[TRADES] += 5
    balance.drop({TRADES: 1}, "sample")
    balance.flush()
    balance.flush()
    assert counter._value.get() == 5
    balance.received[TRADES] += 2
    balance.flush()
    assert counter._value.get() == 7
    assert dropped._value.get() == 1
    assert metrics.frames_in_flight.labels("balance-test")._value.get() == 6
