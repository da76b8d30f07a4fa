"""A Binance spot market is made with books of a size."""

from __future__ import annotations

from exchanges.binance.spot.market import market


def test_the_whole_book_can_be_asked_for() -> None:
    """PROTOCOLS 2.3: 5000 levels weigh 250; by default there are 1000 at 50."""
    found = {}
    for one in (market(), market(levels=5000)):
        assert one.snapshot_request is not None
        request = one.snapshot_request("BTCUSDT")
        found[request.query["limit"]] = request.weight
    assert found == {"1000": 50, "5000": 250}
