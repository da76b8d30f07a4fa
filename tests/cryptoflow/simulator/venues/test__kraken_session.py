"""Kraken spot answers as PROTOCOLS 7.1.2 says; the producer's own reading of the answers is the judge."""

from __future__ import annotations

import json

import pytest
from kraken_desk import KrakenDesk

from cryptoflow.simulator.venues.kraken_spot import VENUE
from exchanges import Ack
from exchanges.kraken import SPOT


@pytest.mark.parametrize("channel", [stream.channel for stream in SPOT.streams])
def test_what_a_producer_asks_is_acknowledged_per_symbol(channel):
    """One answer per symbol with the request's id, then the stream; giving it up is answered likewise."""
    desk = KrakenDesk()
    session = VENUE.session("/v2", desk)
    names = [f"{channel}:{symbol}" for symbol in ("A/USD", "B/USD")]
    told = desk.ask(session, SPOT.subscribe(41, names).decode())
    assert told[1::2] == [f"start kraken.spot {name}" for name in names]
    assert [SPOT.ack(one.encode()) for one in told[::2]] == [Ack(41, "", (name,)) for name in names]
    told = desk.ask(session, SPOT.unsubscribe(42, names).decode())
    assert told[::2] == [f"stop kraken.spot {name}" for name in names]
    assert [SPOT.ack(one.encode()) for one in told[1::2]] == [Ack(42, "", (name,), subscribed=False) for name in names]


def test_one_symbol_of_a_request_may_be_refused():
    """The others of the request are served; the refusal names the symbol alone."""
    desk = KrakenDesk(unknown=["kraken.spot trade:NO/USD"], refused=["kraken.spot trade:B/USD"])
    session = VENUE.session("/v2", desk)
    names = ["trade:A/USD", "trade:NO/USD", "trade:B/USD"]
    acks = [SPOT.ack(one.encode()) for one in desk.ask(session, SPOT.subscribe(7, names).decode())]
    assert [(ack.streams, bool(ack.error)) for ack in acks if ack] == [((name,), name != names[0]) for name in names]
    assert desk.streams() == ("kraken.spot trade:A/USD",)
    assert not SPOT.ack(desk.ask(session, SPOT.subscribe(8, names[2:]).decode())[0].encode()).error


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"method":"add_order","req_id":1}',
        '{"method":"subscribe","params":{"channel":"ohlc","symbol":["A/USD"]}}',
        '{"method":"subscribe","params":{"channel":"book","symbol":["A/USD"],"depth":11}}',
        '{"method":"unsubscribe","params":{"channel":"book","symbol":["A/USD"],"depth":10}}',
    ],
)
def test_what_is_no_request_is_refused(text):
    """An error, and nothing starts or stops."""
    (told,) = KrakenDesk().ask(VENUE.session("/v2", KrakenDesk()), text)
    assert json.loads(told)["success"] is False


def test_greeting_ping_heartbeat_and_notice():
    """A status on opening, a pong, a heartbeat each second once subscribed, maintenance announced by status."""
    desk = KrakenDesk()
    session = VENUE.session("/v2", desk)
    (opened,) = session.on_open()
    assert SPOT.route(opened.payload).kind == "control"
    assert not SPOT.is_reconnect_notice(opened.payload)
    assert SPOT.is_reconnect_notice(session.on_notice()[0].payload)
    assert json.loads(desk.ask(session, SPOT.endpoints[0].heartbeat.decode())[0])["method"] == "pong"
    assert not session.on_tick(10.0)
    desk.ask(session, SPOT.subscribe(1, ["trade:A/USD"]).decode())
    assert [bool(session.on_tick(now_s)) for now_s in (10.0, 10.5, 11.0, 11.9, 12.1)] == [
        True, False, True, False, True,
    ]  # fmt: skip
