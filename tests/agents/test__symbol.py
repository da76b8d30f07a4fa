"""A symbol's state in the checkpoint."""

from __future__ import annotations

import msgspec
import pytest

from agents._symbol import NOTHING_YET, UNKNOWN, Symbol, Terms, encode_state, fresh_parts, operators, restore_state
from tests.doubles.invented_venue import MARKET


def symbol() -> Symbol:
    """Return a fresh symbol."""
    return Symbol("invented.m.AB", "invented", "m", "AB", MARKET, fresh_parts(operators()))


def test_a_state_round_trips() -> None:
    """What was encoded is what is restored, with the offset it stands at."""
    one, other = symbol(), symbol()
    one.canonical, one.received_ns, one.terms = "A-B", 77, Terms("0.1", inverse=True)
    restore_state(other, operators(), 5, encode_state(one, operators()))
    assert (other.canonical, other.received_ns, other.offset, other.parts) == ("A-B", 77, 5, one.parts)
    assert other.terms == one.terms
    assert one.offset == NOTHING_YET


def test_a_new_operator_starts_fresh_and_a_removed_one_is_forgotten() -> None:
    """Checkpoints outlive the set of operators."""
    one, other = symbol(), symbol()
    fewer = operators()[1:]
    one.parts = one.parts[1:]
    restore_state(other, operators(), 5, encode_state(one, fewer))
    assert other.parts == fresh_parts(operators())
    restore_state(one, fewer, 5, encode_state(other, operators()))
    assert len(one.parts) == len(fewer)


def test_another_version_is_refused() -> None:
    """A state written by other code is not guessed at."""
    stored = msgspec.msgpack.encode({"v": 99, "canonical": "", "received_ns": 0, "parts": {}})
    with pytest.raises(ValueError, match="version 99"):
        restore_state(symbol(), operators(), 5, stored)


def test_a_state_without_terms_restores() -> None:
    """States written before contracts were known say nothing of them."""
    one = symbol()
    restore_state(one, (), 5, msgspec.msgpack.encode({"v": 1, "canonical": "A", "received_ns": 0, "parts": {}}))
    assert one.terms == UNKNOWN
