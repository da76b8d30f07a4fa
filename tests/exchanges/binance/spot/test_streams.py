"""Binance spot endpoints, subscriptions and REST questions."""

from __future__ import annotations

import pytest

from exchanges.binance.spot import market, streams
from exchanges.binance.spot.streams import ENDPOINTS, STREAMS


def test_one_trades_and_one_book_channel_are_subscribed() -> None:
    """Single fills, best bid and offer, and the fast book; there is no funding and no liquidation on spot."""
    assert {one.channel: one.kind.value for one in STREAMS if one.default} == {
        "trade": "trades",
        "bookTicker": "quotes",
        "depth@100ms": "book",
    }


def test_documented_limits() -> None:
    """Limits are those of PROTOCOLS 2.3, with room for pongs among the 5 messages a second."""
    (endpoint,) = ENDPOINTS
    assert endpoint.url == "wss://stream.binance.com:9443/stream"
    assert (endpoint.streams_max, endpoint.connects_max, endpoint.connects_window_s) == (1024, 300, 300.0)
    assert endpoint.lifetime_s == 86_400.0
    assert endpoint.messages_per_s + 2 <= 5.0
    assert (streams.REST.weight_max, streams.REST.window_s) == (6000, 60.0)


@pytest.mark.parametrize(
    ("levels", "weight"), [(1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (5000, 250)]
)
def test_a_book_costs_what_its_levels_weigh(levels: int, weight: int) -> None:
    """PROTOCOLS 2.3: the weight follows the limit."""
    request = market(levels).snapshot_request
    assert request is not None
    asked = request("BTCUSDT")
    assert (asked.path, dict(asked.query)) == ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": str(levels)})
    assert asked.weight == weight


def test_the_default_book_lets_a_full_connection_be_whole_within_ten_minutes() -> None:
    """1000 levels: every symbol of a cut connection has its snapshot before the budget is used ten times."""
    request = market().snapshot_request
    assert request is not None
    symbols = ENDPOINTS[0].streams_max // len([one for one in STREAMS if one.default])
    assert symbols * request("BTCUSDT").weight <= 10 * streams.REST.weight_max


@pytest.mark.parametrize("levels", [0, -5, 5001])
def test_a_book_the_venue_does_not_give_is_refused(levels: int) -> None:
    """There are 5000 levels at most."""
    with pytest.raises(ValueError, match="levels are not between 1 and 5000"):
        market(levels)
