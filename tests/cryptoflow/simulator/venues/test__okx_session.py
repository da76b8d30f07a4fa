"""How OKX answers a connection. PROTOCOLS 5.2, 5.3."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.simulator.venues._okx import market_of
from cryptoflow.simulator.venues._okx_session import OkxSession
from cryptoflow.simulator.venues._values import Send, Start, Stop
from cryptoflow.simulator.venues.okx import VENUE
from exchanges import Ack
from exchanges.okx import SWAP


def session(
    *, refuses: str = "", unknown: str = "", business: bool = False, held: tuple[str, ...] = (), contract: str = ""
) -> OkxSession:
    """Make a connection to a venue where one contract is listed, or none."""
    listed = {f"okx.{market_of(contract)}": [SimpleNamespace(symbol=contract)]} if contract else {}
    desk: Any = SimpleNamespace(
        number=10,
        limits=VENUE.limits,
        streams=lambda: held,
        refuses=lambda key: key == refuses,
        knows=lambda key: key != unknown,
        world=SimpleNamespace(listings=lambda market: listed.get(market, [])),
    )
    return OkxSession(VENUE, desk, business=business)


def read(action: Any) -> Ack:
    """Read an answer as the producer does."""
    assert isinstance(action, Send)
    told = SWAP.ack(action.payload)
    assert told is not None
    assert SWAP.route(action.payload).kind == "control"
    return told


def test_each_argument_has_its_answer() -> None:
    """With the request's id; each stream then begins."""
    names = ["books:A-B-SWAP", "liquidation-orders:FUTURES", "trades:A-B"]
    actions = session().on_text(SWAP.subscribe(7, names))
    assert [read(action) for action in actions[::2]] == [Ack(7, "", (name,)) for name in names]
    keys = [f"okx.swap {names[0]}", f"okx.futures {names[1]}", f"okx.spot {names[2]}"]
    assert list(actions[1::2]) == [Start(key) for key in keys]


def test_one_refused_argument_refuses_no_other() -> None:
    """The error names it in its text (PROTOCOLS 5.2)."""
    one = session(refuses="okx.swap books:A-B-SWAP")
    error, ack, start = one.on_text(SWAP.subscribe(7, ["books:A-B-SWAP", "trades:A-B-SWAP"]))
    assert read(error).streams == ("books:A-B-SWAP",)
    assert read(error).error.startswith("60018")
    assert (read(ack).streams, start) == (("trades:A-B-SWAP",), Start("okx.swap trades:A-B-SWAP"))


@pytest.mark.parametrize(("business", "name"), [(False, "trades-all:A-B"), (True, "trades:A-B"), (False, "x:A-B")])
def test_a_channel_lives_on_one_path(business: bool, name: str) -> None:
    """Elsewhere it does not exist (PROTOCOLS 5.1)."""
    (error,) = session(business=business).on_text(SWAP.subscribe(7, [name]))
    assert read(error).error.startswith("60018")


def test_an_index_is_of_the_market_that_follows_it() -> None:
    """The argument does not tell; the contracts do."""
    request = SWAP.subscribe(7, ["index-tickers:A-B"])
    assert session().on_text(request)[1] == Start("okx.swap index-tickers:A-B")
    assert session(contract="A-B-SWAP").on_text(request)[1] == Start("okx.swap index-tickers:A-B")
    assert session(contract="A-B-300101").on_text(request)[1] == Start("okx.futures index-tickers:A-B")


def test_streams_are_given_up() -> None:
    """Each with an answer."""
    stop, ack = session().on_text(SWAP.unsubscribe(8, ["books:A-B-SWAP"]))
    assert stop == Stop("okx.swap books:A-B-SWAP")
    assert read(ack) == Ack(8, "", ("books:A-B-SWAP",), subscribed=False)


def test_a_ping_is_answered_in_plain_text() -> None:
    """`pong` is no JSON (PROTOCOLS 5.3)."""
    assert session().on_text("ping") == [Send(b"pong")]


@pytest.mark.parametrize("text", [b"{", b"\xff", b'{"op":"login","args":[]}', b'{"op":"subscribe"}'])
def test_other_requests_are_illegal(text: bytes) -> None:
    """Error 60012."""
    (error,) = session().on_text(text)
    assert read(error).error.startswith("60012")


def test_the_budget_of_an_hour_ends() -> None:
    """480 subscribe and unsubscribe requests together; one of many arguments counts once (PROTOCOLS 5.3)."""
    one = session()
    for number in range(480):
        verb = SWAP.subscribe if number % 2 else SWAP.unsubscribe
        assert not read(one.on_text(verb(1, ["trades:A-B", "books:A-B"]))[number % 2 - 1]).error
    (error,) = one.on_text(SWAP.unsubscribe(1, ["trades:A-B"]))
    assert read(error).error.startswith("60014")


def test_long_arguments_are_refused() -> None:
    """More than 64 KB in all (PROTOCOLS 5.3)."""
    (error,) = session().on_text(SWAP.subscribe(1, [f"trades:{'A' * 100}-{number}" for number in range(500)]))
    assert "names_max_chars" in read(error).error


def test_an_upgrade_is_announced() -> None:
    """Notice 64008 asks for another connection."""
    (notice,) = session().on_notice()
    assert isinstance(notice, Send)
    assert SWAP.is_reconnect_notice(notice.payload)
