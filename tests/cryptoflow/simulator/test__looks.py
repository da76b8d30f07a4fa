"""Frames tell where they come from."""

from __future__ import annotations

import random

import pytest

from cryptoflow.simulator._looks import url_by_look
from cryptoflow.simulator.market import SymbolMarket
from cryptoflow.simulator.venues import venue_of, venues
from cryptoflow.simulator.venues._values import Frame
from cryptoflow.simulator.venues._venue import Venue

NOW_MS = 1_790_000_000_000
MARKETS = [f"{venue.exchange}.{market}" for venue in venues() for market in venue.markets]


def heard(venue: Venue, market: str) -> list[str]:
    """Return some frames of an invented symbol."""
    model = SymbolMarket(venue.listing(market, 1, random.Random(1)), 1, 20)
    model.voice = venue.voice(model, frozenset(channel.key for channel in venue.channels(model.listing)))
    frames: list[Frame] = []
    for step in range(300):
        model.step(NOW_MS + 10 * step, frames)
    return [payload.decode() for _, payload in frames]


@pytest.mark.parametrize("market", MARKETS)
def test_frames_are_told_to_be_of_their_market(market: str) -> None:
    """Each one that tells anything tells the right host; of some markets of one venue the path too."""
    venue = venue_of(market)
    told = {url_by_look([frame]) for frame in heard(venue, market.partition(".")[2])} - {""}
    assert told
    assert {url.partition("://")[2].partition("/")[0].partition(":")[0] for url in told} <= venue.hosts
    assert venue.exchange != "bybit" or {url.rpartition("/")[2] for url in told} == {market.partition(".")[2]}


def test_what_tells_nothing_is_passed_over() -> None:
    """The first frame that tells counts; books of Bybit are alike on both markets."""
    book = '{"topic":"orderbook.50.A","type":"delta","data":{"s":"A","b":[],"a":[],"u":7}}'
    trade = '{"topic":"publicTrade.A","type":"snapshot","data":[{"s":"A"}]}'
    assert url_by_look(["pong", '{"result":null,"id":1}', book]) == ""
    assert url_by_look([book, trade]).endswith("/spot")
