"""The Exchange feed answers as the venue does; test_coinbase_exchange.py speaks with it over sockets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from cryptoflow.simulator.venues._coinbase_feed import FeedSession
from cryptoflow.simulator.venues._values import Send, Start
from cryptoflow.simulator.venues.coinbase_exchange import VENUE


def test_a_channel_without_a_login_is_served() -> None:
    """The answer comes before the data; another channel is refused as a whole."""
    desk: Any = SimpleNamespace(
        limits=VENUE.limits, streams=tuple, refuses=lambda _key: False, knows=lambda _key: True
    )  # fmt: skip
    session = FeedSession(VENUE, desk)
    answer, start = session.on_text(b'{"type":"subscribe","product_ids":["A-USD"],"channels":["matches"]}')
    assert isinstance(answer, Send)
    assert start == Start("coinbase.exchange matches:A-USD")
    (refusal,) = session.on_text(b'{"type":"subscribe","product_ids":["A-USD"],"channels":["level2"]}')
    assert isinstance(refusal, Send)
    assert b"needs authentication" in refusal.payload
