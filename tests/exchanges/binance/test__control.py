"""Requests, answers and notices of Binance."""

from __future__ import annotations

import json

import pytest

from exchanges import Ack
from exchanges.binance import _control
from exchanges.binance._control import ack, is_reconnect_notice


def test_a_subscription_names_its_streams() -> None:
    """The request is the venue's own, with the id and the names in order."""
    names = ["btcusdt_261225@aggTrade", "ethusdt@bookTicker"]
    wanted = {"method": "SUBSCRIBE", "params": names, "id": 7}
    assert json.loads(_control.subscribe(7, names)) == wanted
    assert json.loads(_control.unsubscribe(7, names)) == {**wanted, "method": "UNSUBSCRIBE"}


@pytest.mark.parametrize(
    ("frame", "want"),
    [
        (b'{"result":null,"id":1}', Ack(1)),
        (b'{"id":1,"result":null,"error":null}', Ack(1)),
        (b'{"code":2,"msg":"Invalid request","id":5}', Ack(5, "2 Invalid request")),
        (b'{"code":0,"msg":"","id":5}', Ack(5, "0 ")),
        (b'{"error":{"code":4,"msg":"Too many"},"id":9}', Ack(9, "4 Too many")),
        (b'{"code":3,"msg":"Invalid JSON"}', Ack(-1, "3 Invalid JSON")),
        (b'{"code":3,"msg":"Invalid JSON","id":"mine"}', Ack(-1, "3 Invalid JSON")),
        (b'{"result":null,"id":"mine"}', None),
        (b'{"result":null}', None),
        (b'{"id":1}', None),
        (b'{"stream":"btcusdt@aggTrade","data":{"id":1,"result":null}}', None),
        (b'{"e":"serverShutdown","E":1}', None),
        (b"oops", None),
    ],
)
def test_answers_are_told_from_everything_else(frame: bytes, want: Ack | None) -> None:
    """An answer has an id and a result, or an error; nothing else is one."""
    assert ack(frame) == want


def test_an_error_text_is_bounded() -> None:
    """However long the venue's text, an answer keeps a bounded part of it."""
    answer = ack(b'{"code":2,"msg":"%b","id":5}' % (b"x" * 10_000))
    assert answer is not None
    assert len(answer.error) == _control.ERROR_TEXT_MAX_CHARS


@pytest.mark.parametrize(
    ("frame", "want"),
    [
        (b'{"e":"serverShutdown","E":1790000000000}', True),
        (b'{"stream":"!serverShutdown","data":{}}', True),
        (b'{"stream":"!any","data":{"e":"serverShutdown"}}', True),
        (b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","s":"serverShutdown"}}', False),
        (b'{"e":"serverShutdown"', False),
        (b'{"stream":"serverShutdown@aggTrade","data":[]}', False),
    ],
)
def test_a_shutdown_notice_is_recognised_by_its_meaning(frame: bytes, want: bool) -> None:
    """The word alone is not a notice, and a broken notice is none."""
    assert is_reconnect_notice(frame) is want
