"""OKX's names, definitions and snapshots as simulated."""

from __future__ import annotations

import json
import random

import pytest

from cryptoflow.simulator.venues._okx import body, error, instrument, left_by, market_of, step, underlying, volume
from cryptoflow.simulator.venues.okx import VENUE
from exchanges.okx import EXCHANGE


@pytest.mark.parametrize(
    ("symbol", "market"), [("A-B", "spot"), ("A-B-SWAP", "swap"), ("A-B_UM-SWAP", "swap"), ("A-B-300101", "futures")]
)
def test_instruments_tell_their_market(symbol: str, market: str) -> None:
    """By their spelling alone."""
    assert market_of(symbol) == market


@pytest.mark.parametrize("name", EXCHANGE.markets)
def test_definitions_are_read_by_our_reader(name: str) -> None:
    """Linear and inverse contracts are worth what the listing says, also where a multiplier takes part."""
    listings = [VENUE.listing(name, number, random.Random(number)) for number in range(1, 7)]
    market = EXCHANGE.markets[name]
    found = [definition for definition, _ in market.instruments(body([instrument(one) for one in listings]))]
    assert [one.native_symbol for one in found] == [one.symbol for one in listings]
    assert [one.contract_value for one in found] == [one.contract_value or "1" for one in listings]
    assert [one.inverse for one in found] == [one.inverse for one in listings]
    assert [one.kind for one in found] == [one.kind for one in listings]
    if name != "spot":
        assert {one.inverse for one in found} == {True, False}
        assert [one.index for one in found] == [underlying(one) for one in listings]
    assert market.volumes is not None
    assert set(market.volumes(body([volume(one, 1) for one in listings]))) == {one.symbol for one in listings}


def test_steps_and_errors_are_texts() -> None:
    """The smallest step of so many decimals; a refusal is told in the body."""
    assert [step(0), step(1), step(3)] == ["1", "0.1", "0.001"]
    assert EXCHANGE.markets["spot"].rest.refusal(error(200, "50013", "busy").body) == "50013 busy"


@pytest.mark.parametrize("with_ids", [True, False])
def test_a_late_subscriber_gets_the_book_that_frames_leave(with_ids: bool) -> None:
    """Levels deleted are gone, sides are best first, the id is the last one's; old frames have none."""
    arg = {"channel": "books", "instId": "A-B"}

    def frame(action: str, number: int, bids: list[list[str]], asks: list[list[str]]) -> bytes:
        ids = {"seqId": number, "prevSeqId": number - 1} if with_ids else {}
        data = {"asks": asks, "bids": bids, "ts": str(number), "checksum": number, **ids}
        return json.dumps({"arg": arg, "action": action, "data": [data]}).encode()

    told = json.loads(
        left_by(
            [
                frame("snapshot", 1, [["9", "1", "0", "1"], ["8", "1", "0", "1"]], [["10", "1", "0", "1"]]),
                frame("update", 2, [["9", "0", "0", "0"], ["8.5", "2", "0", "1"]], [["9.9", "3", "0", "1"]]),
            ]
        )
    )
    (data,) = told["data"]
    assert (told["action"], data["ts"], data["checksum"]) == ("snapshot", "2", 2)
    assert [level[0] for level in data["bids"]] == ["8.5", "8"]
    assert [level[0] for level in data["asks"]] == ["9.9", "10"]
    assert (data.get("seqId"), data.get("prevSeqId")) == ((2, -1) if with_ids else (None, None))
