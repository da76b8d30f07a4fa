"""Bytes of checkpoints: keys, values, and what is read back from many epochs."""

from __future__ import annotations

import pytest

from agents._position import (
    Barrier,
    StateValue,
    barrier_key,
    encode_barrier,
    encode_state,
    gather,
    is_barrier,
    raw_topic_of,
    state_key,
)
from cryptoflow.errors import StopError

BARRIER = Barrier(5, {"md.trades": 4}, "cluster", "id", 8, "e1")


def test_keys_have_the_documented_form() -> None:
    """States stand under symbol and epoch, barriers under partition and epoch."""
    assert state_key("raw.binance", "binance.usdm.BTCUSDT", "e1") == b"s|raw.binance|binance.usdm.BTCUSDT|e1"
    assert barrier_key("raw.binance", 3, "e1") == b"b|raw.binance|3|e1"


def test_a_key_tells_its_kind_and_topic() -> None:
    """The reader sorts entries by their keys alone."""
    assert is_barrier(barrier_key("raw.x", 0, "e"))
    assert not is_barrier(state_key("raw.x", "b|b", "e"))
    assert raw_topic_of(state_key("raw.x", "s", "e")) == "raw.x"


def test_a_barrier_is_readable_json() -> None:
    """Any Kafka tool shows where a worker stands."""
    assert encode_barrier(BARRIER) == (
        b'{"next":5,"prev":{"md.trades":4},"cluster":"cluster","topic_id":"id","partitions":8,"epoch":"e1"}'
    )


def test_of_several_epochs_the_highest_state_wins_and_all_barriers_are_kept() -> None:
    """A late write at a lower offset hides nothing, whatever the order of the entries."""
    entries = [
        (state_key("raw.x", "a|b", "new"), encode_state(StateValue(9, b"nine"))),
        (state_key("raw.x", "a|b", "old"), encode_state(StateValue(7, b"seven"))),
        (barrier_key("raw.x", 0, "old"), encode_barrier(BARRIER)),
        (barrier_key("raw.x", 0, "new"), encode_barrier(Barrier(8, {}, "cluster", "id", 8, "new"))),
    ]
    for order in (entries, entries[::-1]):
        found = gather(order)
        assert found.states == {"a|b": StateValue(9, b"nine")}
        assert {barrier.next for barrier in found.barriers} == {5, 8}
        assert sorted(found.keys) == sorted(key for key, _ in entries)


@pytest.mark.parametrize("key", [state_key("raw.x", "a", "e"), barrier_key("raw.x", 0, "e")])
def test_bytes_that_are_not_ours_stop(key: bytes) -> None:
    """A checkpoint that cannot be read is never taken for none."""
    with pytest.raises(StopError, match="reading checkpoints"):
        gather([(key, b"\xc1 no")])
