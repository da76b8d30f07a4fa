"""A Bybit market is made from its category."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict
from exchanges.bybit.market import market


@pytest.mark.parametrize(("enforced", "verdict"), [(True, DeltaVerdict.BREAK), (False, DeltaVerdict.APPLIED)])
def test_what_a_hole_means_can_be_chosen(enforced: bool, verdict: DeltaVerdict) -> None:
    """PROTOCOLS 4.6.5 (!): a hole breaks the book, or is logged."""
    rules, state = market("linear", enforce_sequence=enforced).book_rules, BookState()
    rules.on_snapshot(state, 5, in_stream=True)
    assert rules.on_delta(state, 9, 9, -1) is verdict


def test_only_linear_has_funding_and_liquidations() -> None:
    """PROTOCOLS 9."""
    assert set(market("linear").parsers) - set(market("spot").parsers) == {"funding", "liquidations"}
