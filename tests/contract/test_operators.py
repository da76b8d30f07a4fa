"""Promises every operator keeps; found through the registry. tests/properties/test_law.py holds them to the law."""

from __future__ import annotations

import copy
from itertools import pairwise

import msgspec
import pytest

from agents._operator import Operator
from agents._symbol import operators
from tests.doubles.random_log import ACTIONS_MAX, make_log
from tests.doubles.raw_frames import Log, core, delta, quote, trade

BY_NAME = pytest.mark.parametrize("operator", operators(), ids=lambda one: one.name)
STATE_MAX_BYTES = 65_536
"""Bytes of one symbol's state, whatever the log held."""


@BY_NAME
def test_an_operator_says_where_it_stands(operator: Operator) -> None:
    """Its module is named like it, and its stage is its own."""
    assert operator.step.__module__ == f"agents.{operator.name}"
    assert [one.stage for one in operators()].count(operator.stage) == 1


def test_operators_act_in_the_order_of_their_stages() -> None:
    """Frames are deduplicated before anything reads them, gaps declared after all evidence."""
    assert all(one.stage < other.stage for one, other in pairwise(operators()))
    names = [one.name for one in operators()]
    assert names[:2] == ["dedupe_frames", "report_unreadable"]
    assert names.index("declare_gaps") > max(names.index("sequence"), names.index("dedupe_rows"))


@BY_NAME
def test_a_fresh_state_survives_the_checkpoint(operator: Operator) -> None:
    """States are msgspec structs that encode, decode and compare."""
    fresh = operator.state()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(fresh), type=operator.state) == fresh
    assert operator.state() is not fresh


@BY_NAME
def test_quiet_changes_no_state_it_is_given(operator: Operator) -> None:
    """Another operator may refuse the run: what `quiet` was given must be as before, and what it returns is new."""
    seen: list[bool] = []

    def watched(state: object, run: object) -> object:
        before = copy.deepcopy(state)
        after = operator.quiet(state, run)  # type: ignore[arg-type]  # the core passes a Run
        assert state == before
        seen.append(after is not None)
        return None

    chain = tuple(
        Operator(one.name, one.stage, one.state, one.step, watched if one is operator else one.quiet)
        for one in operators()
    )
    log = Log()
    for number in range(5):
        log.put("trades", trade(number))
        log.put("quotes", quote(number))
        log.put("book", delta(number, number))
        log.put("funding", {"mark": "1", "at": number})
    one = core(chain=chain)
    for record in log.records:
        one.process([record])
    one.process(log.records)
    assert any(seen)


def test_a_state_is_bounded_whatever_the_log_holds() -> None:
    """After thousands of frames with every trouble in them a symbol's state is small."""
    steps = [(0, number * 7 + number // 50, number * 13 % 60, number % 4) for number in range(ACTIONS_MAX * 100)]
    one = core()
    one.process(make_log(steps))
    assert max(len(state) for _, _, state in one.dirty()) < STATE_MAX_BYTES
