"""How Bybit answers a connection. PROTOCOLS 4.2, 4.3."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.simulator.venues._bybit_session import BybitSession
from cryptoflow.simulator.venues._values import Send, Start, Stop
from cryptoflow.simulator.venues.bybit import VENUE
from exchanges import Ack
from exchanges.bybit import EXCHANGE, LINEAR

NAMES = ["orderbook.200.AUSDT", "publicTrade.AUSDT"]


def session(market: str = "linear", *, refuses: str = "", unknown: str = "") -> BybitSession:
    """Make a connection."""
    desk: Any = SimpleNamespace(
        number=10,
        limits=VENUE.limits,
        streams=lambda: (),
        refuses=lambda key: key == refuses,
        knows=lambda key: key != unknown,
    )
    return BybitSession(VENUE, desk, market)


def read(action: Any) -> Ack:
    """Read an answer as the producer does."""
    assert isinstance(action, Send)
    told = LINEAR.ack(action.payload)
    assert told is not None
    assert LINEAR.route(action.payload).kind == "control"
    return told


@pytest.mark.parametrize(("market", "text", "place"), [("spot", "subscribe", 0), ("linear", "", -1)])
def test_a_request_has_one_answer(market: str, text: str, place: int) -> None:
    """Without names; on linear data comes before it, as recorded."""
    actions = list(session(market).on_text(EXCHANGE.markets[market].subscribe(7, NAMES)))
    answer = actions.pop(place)
    assert read(answer) == Ack(7)
    assert isinstance(answer, Send)
    assert json.loads(answer.payload)["ret_msg"] == text
    assert actions == [Start(f"bybit.{market} {name}") for name in NAMES]


@pytest.mark.parametrize("market", ["spot", "linear"])
def test_an_answer_without_an_id(market: str) -> None:
    """It has none on spot and an empty one on linear (PROTOCOLS 4.2)."""
    actions = session(market).on_text('{"op":"subscribe","args":["publicTrade.A"]}')
    (answer,) = [json.loads(one.payload) for one in actions if isinstance(one, Send)]
    assert answer.get("req_id") == (None if market == "spot" else "")


@pytest.mark.parametrize(
    ("market", "made"),
    [
        ("linear", {"refuses": f"bybit.linear {NAMES[1]}"}),
        ("linear", {"unknown": f"bybit.linear {NAMES[1]}"}),
        ("linear", {}),
        ("spot", {}),
    ],
)
def test_one_bad_topic_refuses_the_request(market: str, made: dict[str, str]) -> None:
    """None of its streams begins (PROTOCOLS 4.2 (!)); liquidations exist for contracts alone."""
    other = {"linear": "kline.1.A", "spot": "allLiquidation.AUSDT"}[market]
    names = NAMES if made else [*NAMES, other]
    (error,) = session(market, **made).on_text(LINEAR.subscribe(7, names))
    assert (read(error).request_id, names[-1] in read(error).error) == (7, True)


def test_spot_takes_ten_topics_at_once() -> None:
    """Contracts have no such limit (PROTOCOLS 4.3)."""
    names = [f"publicTrade.A{number}" for number in range(11)]
    (error,) = session("spot").on_text(LINEAR.subscribe(7, names))
    assert "args size" in read(error).error
    assert len(session("spot").on_text(LINEAR.subscribe(7, names[:10]))) == 11
    assert len(session("linear").on_text(LINEAR.subscribe(7, names))) == 12


def test_long_arguments_are_refused() -> None:
    """More than 21 000 characters on one connection (PROTOCOLS 4.3)."""
    (error,) = session().on_text(LINEAR.subscribe(1, [f"publicTrade.{'A' * 100}{number}" for number in range(200)]))
    assert "names_max_chars" in read(error).error


def test_streams_are_given_up() -> None:
    """With one answer."""
    *stops, ack = session().on_text(LINEAR.unsubscribe(8, NAMES))
    assert stops == [Stop(f"bybit.linear {name}") for name in NAMES]
    assert read(ack) == Ack(8, subscribed=False)


def test_a_pong_has_the_form_of_an_answer() -> None:
    """With op "ping" (PROTOCOLS 4.2)."""
    (pong,) = session().on_text('{"req_id":"p1","op":"ping"}')
    assert isinstance(pong, Send)
    told = json.loads(pong.payload)
    assert (told["success"], told["ret_msg"], told["req_id"], told["op"]) == (True, "pong", "p1", "ping")
    assert LINEAR.ack(pong.payload) is None
    assert LINEAR.route(pong.payload).kind == "control"
    assert LINEAR.endpoints[0].heartbeat is not None
    assert len(session().on_text(LINEAR.endpoints[0].heartbeat)) == 1


@pytest.mark.parametrize("text", [b"{", b"\xff", b'{"op":"auth","args":[]}', b'{"op":"subscribe","args":[]}'])
def test_other_requests_fail(text: bytes) -> None:
    """The answer says so."""
    (answer,) = session().on_text(text)
    assert isinstance(answer, Send)
    assert json.loads(answer.payload)["success"] is False
