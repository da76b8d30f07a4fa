"""Kraken Futures answers as PROTOCOLS 7.2.2 says; the producer's own reading of the answers is the judge."""

from __future__ import annotations

import pytest
from kraken_desk import KrakenDesk

from cryptoflow.simulator.venues.kraken_futures import VENUE
from exchanges import NO_REQUEST, Ack
from exchanges.kraken import FUTURES

PATH = "/ws/v1"


@pytest.mark.parametrize("feed", [stream.channel for stream in FUTURES.streams])
def test_what_a_producer_asks_is_acknowledged_per_product(feed):
    """One answer per product, in upper case, without an id; then the stream."""
    desk = KrakenDesk()
    session = VENUE.session(PATH, desk)
    names = [f"{feed}:PF_AUSD", f"{feed}:PI_BUSD"]
    told = desk.ask(session, FUTURES.subscribe(41, [names[0], names[1].lower()]).decode())
    assert told[1::2] == [f"start kraken.futures {name}" for name in names]
    assert [FUTURES.ack(one.encode()) for one in told[::2]] == [Ack(NO_REQUEST, "", (name,)) for name in names]
    told = desk.ask(session, FUTURES.unsubscribe(42, names).decode())
    assert [FUTURES.ack(one.encode()) for one in told[1::2]] == [
        Ack(NO_REQUEST, "", (name,), subscribed=False) for name in names
    ]
    assert desk.streams() == ()


def test_one_product_of_a_request_may_be_refused():
    """`subscribed_failed` names it; so does giving up what was not subscribed."""
    desk = KrakenDesk(unknown=["kraken.futures book:NO"], refused=["kraken.futures book:PF_BUSD"])
    session = VENUE.session(PATH, desk)
    names = ["book:PF_AUSD", "book:NO", "book:PF_BUSD"]
    acks = [FUTURES.ack(one.encode()) for one in desk.ask(session, FUTURES.subscribe(7, names).decode())]
    assert [(ack.streams, bool(ack.error)) for ack in acks if ack] == [((name,), name != names[0]) for name in names]
    told = desk.ask(session, FUTURES.unsubscribe(8, ["book:NO"]).decode())
    assert FUTURES.ack(told[1].encode()).error


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"event":"challenge"}', '{"event":"subscribe","feed":"fills","product_ids":["A"]}']
)
def test_what_is_no_request_is_an_error(text):
    """The error names nothing."""
    (told,) = KrakenDesk().ask(VENUE.session(PATH, KrakenDesk()), text)
    assert FUTURES.ack(told.encode()).error


def test_greeting_and_heartbeat():
    """An info on opening; a heartbeat only for who asks for it."""
    desk = KrakenDesk()
    session = VENUE.session(PATH, desk)
    assert [FUTURES.route(one.payload).kind for one in session.on_open()] == ["control"]
    assert not session.on_tick(10.0)
    desk.ask(session, '{"event":"subscribe","feed":"heartbeat"}')
    (beat,) = session.on_tick(10.0)
    assert FUTURES.route(beat.payload).kind == "control"
    assert not session.on_tick(10.5)
