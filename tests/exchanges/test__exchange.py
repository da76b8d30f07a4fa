"""The vocabulary of venues: what a market answers without any venue's help."""

from __future__ import annotations

import pytest

from exchanges import Parser, Peek, Routed, RouteError, StreamKind
from exchanges.binance import USDM


def test_endpoints_are_found_by_name() -> None:
    """An endpoint is looked up by its name; an unknown name is an error, not a default."""
    assert USDM.endpoint("market").name == "market"
    with pytest.raises(KeyError):
        USDM.endpoint("private")


def test_route_error_is_a_value_error() -> None:
    """Whoever catches bad input catches a frame that cannot be routed."""
    assert issubclass(RouteError, ValueError)


def test_stream_kinds_are_plain_text() -> None:
    """A kind is its text, so it can stand in a raw record and be compared with one."""
    assert [*StreamKind] == ["trades", "quotes", "book", "funding", "liquidations"]
    assert Routed(StreamKind.BOOK, "BTCUSDT") == Routed("book", "BTCUSDT")


def test_defaults_promise_nothing() -> None:
    """A parser that says nothing about ids promises no contiguity, and a peek is no snapshot."""
    parser = Parser("md.trades", "trades", dict, lambda *_: None)
    assert not parser.contiguous
    assert parser.unlisted_id is None
    assert not Peek(1, 2, 0).snapshot
