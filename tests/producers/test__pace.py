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


def test_the_connection_that_sent_the_fewest_goes_first() -> None:
    """However much the others want: a venue closes one that subscribes nothing within seconds (PROTOCOLS 6.2.2)."""
    distance = Distance(ENDPOINT)
    busy, fresh, ended = Pace(ENDPOINT, distance), Pace(ENDPOINT, distance), Pace(ENDPOINT, distance)
    assert busy.take(0.0)
    assert not fresh.take(0.1)
    assert not ended.take(0.1)
    assert not busy.take(0.3)
    assert fresh.take(0.4)
    # The other asks no more: it is waited for no longer than a second.
    assert not busy.take(1.0)
    assert busy.take(1.2)
    # Two that sent as many take turns as they come.
    assert not busy.take(1.3)
    assert fresh.take(1.5)
    assert busy.take(1.8)


def test_connections_open_as_fast_as_their_requests_can_follow() -> None:
    """Each is promised its requests: two of four at 4 a second open ahead, then one a second."""
    distance = Distance(ENDPOINT)
    opened = []
    for step in range(40):
        if not distance.wait_s(step / 8):
            distance.promise(step / 8, 4)
            opened.append(step / 8)
    assert opened == [0.0, 0.125, 1.0, 2.0, 3.0, 4.0]


def test_connections_that_hung_hold_further_ones_back() -> None:
    """What they were promised has passed when they open at last: they are promised it once more."""
    distance = Distance(ENDPOINT)
    distance.promise(0.0, 4)
    assert distance.wait_s(10.0) == 0
    distance.opened(10.0, 4, took_s=0.5)
    assert distance.wait_s(10.0) == 0
    distance.opened(10.0, 8, took_s=10.0)
    assert distance.wait_s(10.0) == 1


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
