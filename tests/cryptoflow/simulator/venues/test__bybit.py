"""Bybit's names, definitions, pages and snapshots as simulated."""

from __future__ import annotations

import json
import random

import pytest

from cryptoflow.simulator.venues._bybit import body, error, instrument, left_by, listing_of, page, split, step, volume
from cryptoflow.simulator.venues.bybit import VENUE
from exchanges import RestRequest
from exchanges.bybit import EXCHANGE, LINEAR


def test_topics_tell_channel_and_symbol() -> None:
    """The symbol stands behind the last point."""
    assert split("orderbook.200.AUSDT") == ("orderbook.200", "AUSDT")
    assert split("publicTrade.AUSDT-01JAN30") == ("publicTrade", "AUSDT-01JAN30")


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_definitions_are_read_by_our_reader(name: str) -> None:
    """Of all kinds of contracts, with their steps and ends."""
    listings = [VENUE.listing(name, number, random.Random(number)) for number in range(1, 7)]
    market = EXCHANGE.markets[name]
    found = [one for one, _ in market.instruments(page(name, [instrument(one) for one in listings], 0, ""))]
    assert [one.native_symbol for one in found] == [one.symbol for one in listings]
    assert [one.kind for one in found] == [one.kind for one in listings]
    assert [one.expires_ns or 0 for one in found] == [one.expires_ms * 1_000_000 for one in listings]
    assert [one.tick_size for one in found] == [step(one.price_decimals) for one in listings]
    assert all(one.is_trading for one in found)
    assert len({one.symbol for one in found}) == len(found)
    assert market.volumes is not None
    told = body({"category": name, "list": [volume(one, 1) for one in listings]})
    assert set(market.volumes(told)) == {one.symbol for one in listings}


def test_a_list_has_pages() -> None:
    """Our reader asks for each by the cursor of the one before, and stops after the last."""
    entries = [instrument(VENUE.listing("linear", number, random.Random(1))) for number in range(1, 6)]
    request: RestRequest | None = LINEAR.instruments_requests[0]
    found = []
    while request is not None:
        told = page("linear", entries, 2, request.query.get("cursor", ""))
        found += [one.native_symbol for one, _ in LINEAR.instruments(told)]
        assert LINEAR.next_page is not None
        request = LINEAR.next_page(request, told)
    assert found == [one["symbol"] for one in entries]


def test_refusals_are_told_in_the_body() -> None:
    """By a code that is not 0."""
    assert LINEAR.rest.refusal(error(10006, "busy").body) == "10006 busy"
    assert LINEAR.rest.refusal(body({})) == ""


@pytest.mark.parametrize(
    ("market", "symbol", "base", "quote", "kind"),
    [
        ("spot", "AUSDT", "A", "USDT", "spot"),
        ("linear", "AUSDT", "A", "USDT", "perpetual"),
        ("linear", "APERP", "A", "USDC", "perpetual"),
        ("linear", "AUSDT-01JAN30", "A", "USDT", "future"),
        ("linear", "A-01JAN30", "A", "USDC", "future"),
    ],
)
def test_symbols_without_definitions_are_guessed(market: str, symbol: str, base: str, quote: str, kind: str) -> None:
    """Where a recording has none."""
    found = listing_of(market, symbol)
    assert (found.base, found.quote, found.kind) == (base, quote, kind)
    assert (found.expires_ms > 0) == (kind == "future")


def frame(form: str, number: int, bids: list[list[str]], asks: list[list[str]]) -> bytes:
    """Make a book frame."""
    data = {"s": "A", "b": bids, "a": asks, "u": number, "seq": number}
    return json.dumps({"topic": "orderbook.50.A", "type": form, "ts": number, "data": data, "cts": number}).encode()


def test_a_late_subscriber_gets_the_book_that_frames_leave() -> None:
    """Levels deleted are gone, sides are best first, the ids are the last one's."""
    told = json.loads(
        left_by(
            [
                frame("snapshot", 7, [["9", "1"], ["8", "1"]], [["10", "1"]]),
                frame("delta", 8, [["9", "0"], ["8.5", "2"]], [["9.9", "3"]]),
            ]
        )
    )
    assert (told["type"], told["cts"], told["data"]["u"]) == ("snapshot", 8, 8)
    assert told["data"]["b"] == [["8.5", "2"], ["8", "1"]]
    assert told["data"]["a"] == [["9.9", "3"], ["10", "1"]]


def test_a_restart_begins_the_book_anew() -> None:
    """Also when it calls itself a delta (PROTOCOLS 4.6.3)."""
    told = json.loads(
        left_by([frame("snapshot", 7, [["9", "1"]], [["10", "1"]]), frame("delta", 1, [["5", "1"]], [["6", "1"]])])
    )
    assert (told["data"]["b"], told["data"]["a"], told["data"]["u"]) == ([["5", "1"]], [["6", "1"]], 1)
