"""Kraken Futures: the rules of PROTOCOLS 7.2.4, both ways of reading its (!) item."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, SnapshotVerdict, drain
from exchanges.kraken.futures.sequence import RECENT_MAX_DELTAS, FirstDelta, FuturesBookRules

APPLIED, BUFFERED, OLD, BREAK = DeltaVerdict.APPLIED, DeltaVerdict.BUFFERED, DeltaVerdict.OLD, DeltaVerdict.BREAK


def run(rules: FuturesBookRules, state: BookState, *numbers: int) -> list[DeltaVerdict]:
    """Judge deltas by their numbers."""
    return [rules.on_delta(state, number, number, -1) for number in numbers]


@pytest.fixture(params=FirstDelta)
def rules(request: pytest.FixtureRequest) -> FuturesBookRules:
    """Return the rules, enforcing and logging."""
    return FuturesBookRules(request.param)


def test_a_chain_of_next_numbers_is_whole(rules: FuturesBookRules) -> None:
    """From the snapshot on each delta has the next number."""
    state = BookState()
    assert rules.on_snapshot(state, 4000, in_stream=True) is SnapshotVerdict.SPLICED
    assert run(rules, state, 4001, 4002, 4003) == [APPLIED] * 3
    assert state.valid


def test_deltas_before_a_snapshot_wait(rules: FuturesBookRules) -> None:
    """They are of no use, but their order is proven already."""
    state = BookState()
    assert run(rules, state, 10, 11, 13, 14) == [BUFFERED, BUFFERED, BREAK, BUFFERED]
    assert not state.valid


@pytest.mark.parametrize("number", [4004, 4000, 3, 5000])
def test_a_number_that_is_not_the_next_breaks_the_book(rules: FuturesBookRules, number: int) -> None:
    """Forward or back: between deltas the next number is enforced."""
    state = BookState()
    rules.on_snapshot(state, 4000, in_stream=True)
    assert run(rules, state, 4001, 4002, number) == [APPLIED, APPLIED, BREAK]
    assert (state.valid, state.last) == (False, number)
    assert rules.on_snapshot(state, 6000, in_stream=True) is SnapshotVerdict.SPLICED
    assert run(rules, state, 6001) == [APPLIED]


def test_a_repeat_behind_the_chain_is_old(rules: FuturesBookRules) -> None:
    """A delta taken before changes nothing, how often it comes."""
    state = BookState()
    rules.on_snapshot(state, 4000, in_stream=True)
    assert run(rules, state, 4001, 4002, 4002, 4001, 4003) == [APPLIED, APPLIED, OLD, OLD, APPLIED]
    assert state.valid


@pytest.mark.parametrize("number", [4002, 4000, 17])
def test_the_first_delta_after_a_snapshot_is_noted_or_enforced(number: int) -> None:
    """PROTOCOLS 7.2.4 (!): a mismatch is told once and, by choice, a break; from then on numbers are enforced."""
    drain()
    state = BookState()
    noting, enforcing = FuturesBookRules(), FuturesBookRules(FirstDelta.ENFORCE)
    noting.on_snapshot(state, 4000, in_stream=True)
    assert run(noting, state, number, number + 1, number + 3) == [APPLIED, APPLIED, BREAK]
    state = BookState()
    enforcing.on_snapshot(state, 4000, in_stream=True)
    assert run(enforcing, state, number, number + 1) == [BREAK, BUFFERED]
    assert all(rule.startswith("PROTOCOLS 7.2.4") for rule, _ in drain())


def test_logging_is_the_default() -> None:
    """The rule is not documented: by default it breaks no book."""
    assert FuturesBookRules().first_delta is FirstDelta.LOG


def test_numbers_of_another_subscription_tell_no_repeat(rules: FuturesBookRules) -> None:
    """Numbers hold within one subscription (PROTOCOLS 1.4): after a new snapshot old ones mean nothing."""
    state = BookState()
    rules.on_snapshot(state, 100, in_stream=True)
    run(rules, state, *range(101, 140))
    rules.on_snapshot(state, 100, in_stream=True)
    assert run(rules, state, *range(101, 140)) == [APPLIED] * 39


def test_a_snapshot_on_a_valid_book_begins_anew(rules: FuturesBookRules) -> None:
    """The newest snapshot counts, wherever it stands."""
    state = BookState()
    rules.on_snapshot(state, 100, in_stream=True)
    run(rules, state, 101, 102)
    rules.on_snapshot(state, 101, in_stream=True)
    assert (state.valid, state.last) == (True, 101)


def test_memory_is_bounded(rules: FuturesBookRules) -> None:
    """However long the chain, a fixed number of deltas is remembered; one older than that went back."""
    state = BookState()
    rules.on_snapshot(state, 0, in_stream=True)
    run(rules, state, *range(1, 2000))
    assert (len(state.recent), state.pending) == (RECENT_MAX_DELTAS, [])
    assert run(rules, state, 1) == [BREAK]
