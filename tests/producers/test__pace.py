"""Requests of a connection stay within the venue's limits."""

from __future__ import annotations

import dataclasses

from exchanges.binance import USDM
from producers._pace import Distance, Pace, least_s

ENDPOINT = dataclasses.replace(USDM.endpoints[0], messages_per_s=5.0, requests_per_hour_max=None)


def test_requests_keep_their_distance() -> None:
    """At 5 messages a second at most four requests leave, for pings count too."""
    pace = Pace(ENDPOINT)
    assert sum(pace.take(step / 100) for step in range(100)) == 4


def test_connections_that_are_counted_together_share_the_distance() -> None:
    """What one sends keeps the others waiting; one without budget for the hour takes nothing from them."""
    distance = Distance(ENDPOINT)
    one, other = Pace(ENDPOINT, distance), Pace(ENDPOINT, distance)
    spent = Pace(dataclasses.replace(ENDPOINT, requests_per_hour_max=0), distance)
    assert not spent.take(0.0)
    assert sum(one.take(step / 100) + other.take(step / 100) for step in range(100)) == 4


def test_an_hour_holds_so_many_requests_and_no_more() -> None:
    """The window slides: a place is free again an hour after it was taken."""
    pace = Pace(dataclasses.replace(ENDPOINT, requests_per_hour_max=3))
    assert [pace.take(float(second)) for second in range(5)] == [True, True, True, False, False]
    assert not pace.take(3599.0)
    assert pace.take(3600.0)
    assert not pace.take(3600.5)


def test_the_distance_can_be_foretold() -> None:
    """It is what the pace keeps."""
    pace = Pace(ENDPOINT)
    assert pace.take(0.0)
    assert not pace.take(least_s(ENDPOINT) - 0.001)
    assert pace.take(least_s(ENDPOINT))
