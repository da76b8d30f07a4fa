"""A connection of the simulated Advanced Trade: acks, heartbeats, numbers, refusals."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

from cryptoflow.simulator.venues._coinbase_advanced import AdvancedSession, enveloped
from cryptoflow.simulator.venues._values import Send, Start, Stop
from cryptoflow.simulator.venues.coinbase_advanced import VENUE
from exchanges.coinbase import SPOT


def session(*held: str, refuses: str = "", unknown: str = "") -> AdvancedSession:
    """Make a connection that holds some streams."""
    desk: Any = SimpleNamespace(
        limits=VENUE.limits,
        streams=lambda: held,
        refuses=lambda key: key == refuses,
        knows=lambda key: key != unknown,
        world=SimpleNamespace(now_ms=1_790_000_000_000),
    )
    return AdvancedSession(VENUE, desk)


def asked(one: AdvancedSession, *names: str, verb: str = "subscribe") -> list[Any]:
    """Let a client ask for streams as our producer does."""
    request = SPOT.subscribe if verb == "subscribe" else SPOT.unsubscribe
    return [*one.on_text(request(1, names))]


def told(action: Any) -> tuple[str, ...]:
    """Return the streams an answer lists, as the producer reads them."""
    assert isinstance(action, Send)
    answer = SPOT.ack(action.payload)
    assert answer is not None
    assert not answer.error
    assert answer.lists_all
    return answer.streams


def test_data_comes_before_the_answer_that_lists_everything() -> None:
    """The streams start first; the answer names what was active before, too (PROTOCOLS 6.2.2)."""
    start, ack = asked(session("coinbase.spot ticker:A-USD"), "level2:A-USD")
    assert start == Start("coinbase.spot level2:A-USD")
    assert set(told(ack)) == {"level2:A-USD", "ticker:A-USD"}


def test_giving_up_is_answered_with_what_is_left() -> None:
    """After an unsubscribe the answer lists the rest."""
    one = session("coinbase.spot ticker:A-USD", "coinbase.spot ticker:B-USD")
    stop, ack = asked(one, "ticker:A-USD", verb="unsubscribe")
    assert stop == Stop("coinbase.spot ticker:A-USD")
    assert told(ack) == ("ticker:B-USD",)


def test_refused_products_are_errors_and_the_others_are_served() -> None:
    """An unknown or refused product has an error; of the rest the answer tells."""
    one = session(refuses="coinbase.spot ticker:B-USD", unknown="coinbase.spot ticker:C-USD")
    start, *errors, ack = asked(one, "ticker:A-USD", "ticker:B-USD", "ticker:C-USD")
    assert start == Start("coinbase.spot ticker:A-USD")
    assert [(SPOT.ack(error.payload) or ack).error for error in errors] == [
        "B-USD is not a valid product",
        "C-USD is not a valid product",
    ]
    assert told(ack) == ("ticker:A-USD",)
    (alone,) = asked(one, "ticker:B-USD")
    assert json.loads(alone.payload)["type"] == "error"


def test_requests_the_venue_does_not_know_are_errors() -> None:
    """Broken JSON, another verb, another channel and a request without products are refused, not served."""
    for text in (
        b"{",
        b"\xff",
        b"[]",
        b'{"type":"ping","channel":"level2"}',
        b'{"type":"subscribe","channel":"heartbeat"}',
        b'{"type":"subscribe","channel":"level2"}',
        b'{"type":"subscribe","product_ids":["A-USD"],"channels":["level2"]}',
    ):
        (answer,) = session().on_text(text)
        assert isinstance(answer, Send)
        assert json.loads(answer.payload)["type"] == "error"


def test_heartbeats_come_once_a_second_when_asked_for() -> None:
    """Without the channel there is no beat; with it one a second, counted, and a control frame to us."""
    one = session()
    assert not one.on_tick(5.0)
    assert told(asked(one, "heartbeats")[0]) == ("heartbeats",)
    beats = [action for now in range(20) for action in one.on_tick(5.0 + now / 4)]
    assert len(beats) == 5
    assert all(isinstance(beat, Send) and SPOT.route(beat.payload).kind == "control" for beat in beats)
    assert told(asked(one, "heartbeats", verb="unsubscribe")[0]) == ()
    assert not one.on_tick(99.0)


def test_every_frame_of_a_connection_has_the_next_number() -> None:
    """Data, answers and beats count from 0; a lost frame takes a number, an error has none (PROTOCOLS 6.2.4)."""
    assert SPOT.connection_sequence is not None
    one = session()
    frames = [enveloped("ticker", b"t", b"{}"), b'{"channel":"l2_data","timestamp":"t","sequence_num":77,"events":[]}']
    dressed = [one.dress(frame, is_data=True) for frame in frames]
    assert [SPOT.connection_sequence(frame) for frame in dressed] == [0, 1]
    assert dressed[1] == frames[1].replace(b"77", b"1")
    assert one.dress(b'{"type":"error","message":"no"}', is_data=False) == b'{"type":"error","message":"no"}'
    one.skip()
    assert SPOT.connection_sequence(one.dress(frames[0], is_data=True)) == 3
    assert one.number == 3
