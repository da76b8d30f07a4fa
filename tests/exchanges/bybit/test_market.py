"""A Bybit market is made from its category."""

from __future__ import annotations

import pytest

from exchanges import BookState, DeltaVerdict, RouteError
from exchanges.bybit import LINEAR, SPOT
from exchanges.bybit.market import market
from exchanges.bybit.streams import RETIRED_NS


@pytest.mark.parametrize(("enforced", "verdict"), [(True, DeltaVerdict.BREAK), (False, DeltaVerdict.APPLIED)])
def test_what_a_hole_means_can_be_chosen(enforced: bool, verdict: DeltaVerdict) -> None:
    """PROTOCOLS 4.6.5 (!): a hole breaks the book, or is logged."""
    rules, state = market("linear", enforce_sequence=enforced).book_rules, BookState()
    rules.on_snapshot(state, 5, in_stream=True)
    assert rules.on_delta(state, 9, 9, -1) is verdict


def test_only_linear_has_funding_and_liquidations() -> None:
    """PROTOCOLS 9."""
    assert set(market("linear").parsers) - set(market("spot").parsers) == {"funding", "liquidations"}


def test_contracts_had_a_book_of_500_levels() -> None:
    """Recordings from before 2025-09-11 are read with it (PROTOCOLS 4.1); it is not asked for by default."""
    frame = b'{"topic":"orderbook.500.A","type":"delta","ts":1,"data":{"b":[],"a":[],"u":7},"cts":1}'
    old = LINEAR.at(RETIRED_NS - 1)
    assert old.route(frame).kind == "book"
    assert [stream.channel for stream in old.streams if stream.default] == [
        stream.channel for stream in LINEAR.streams if stream.default
    ]
    with pytest.raises(RouteError):
        LINEAR.at(RETIRED_NS).route(frame)
    with pytest.raises(RouteError):
        SPOT.at(0).route(frame)
