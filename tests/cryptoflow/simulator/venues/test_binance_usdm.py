"""Binance USD-M as simulated."""

from __future__ import annotations

import pytest

from cryptoflow.simulator.venues.binance_usdm import VENUE


def test_endpoints():
    """Each stream flows on its own endpoint; on the unrouted one as the venue or the recording has it."""
    public, market = ["a@bookTicker", "a@depth@100ms", "a@trade"], ["a@aggTrade", "a@markPrice@1s", "a@forceOrder"]
    for stream in public:
        assert VENUE.serves("public", stream, replaying=False)
        assert VENUE.serves("", stream, replaying=False)
        assert not VENUE.serves("market", stream, replaying=False)
    for stream in market:
        assert VENUE.serves("market", stream, replaying=False)
        assert not VENUE.serves("public", stream, replaying=False)
        assert not VENUE.serves("", stream, replaying=False)
        assert VENUE.serves("", stream, replaying=True)


@pytest.mark.parametrize(("limit", "weight"), [(5, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
def test_depth_weight(limit, weight):
    """PROTOCOLS 3.2."""
    assert VENUE.depth_weight(limit) == weight
