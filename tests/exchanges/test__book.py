"""The state of a book's continuity: small, equal by value, and itself again after a checkpoint."""

from __future__ import annotations

import msgspec

from exchanges import BookState


def test_a_new_state_is_invalid_and_empty() -> None:
    """A book nobody has seen is not valid and knows no id."""
    state = BookState()
    assert (state.valid, state.last, state.snapshot) == (False, -1, -1)
    assert (state.pending, state.recent) == ([], [])


def test_states_share_no_lists() -> None:
    """What one symbol has pending is not pending for another."""
    one, other = BookState(), BookState()
    one.pending.append((1, 2, 0))
    one.recent.append(2)
    assert other == BookState()


def test_a_state_survives_a_checkpoint() -> None:
    """MessagePack gives back an equal state."""
    state = BookState(valid=False, last=12, snapshot=-1, pending=[(10, 12, 9)], recent=[12])
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BookState) == state


def test_a_state_without_recent_ids_is_read() -> None:
    """A state written before ids were remembered is read with none."""
    old = msgspec.msgpack.encode({"valid": True, "last": 12, "snapshot": -1, "pending": []})
    assert msgspec.msgpack.decode(old, type=BookState) == BookState(valid=True, last=12)
