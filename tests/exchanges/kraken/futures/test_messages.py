"""Wire structs of Kraken Futures decode the documented payloads, keep numbers as text, and refuse the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.kraken.futures import messages
from exchanges.kraken.futures.messages import Fill, Level, Ticker, Trade, TradeSnapshot
from tests.doubles.wire_examples import documented, hold_to_example


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


@pytest.mark.parametrize("text", ["0.0", "320.0", "1e-10", "-5.5959645e-11", "30590973.0"])
def test_numbers_keep_their_text(text: str) -> None:
    """JSON floats are not read as floats."""
    assert bytes(msgspec.json.decode(f'{{"price":{text},"qty":1}}', type=Level).price).decode() == text


def test_the_feed_tells_one_trade_from_many() -> None:
    """One trade and the history after subscribing are read by one decoder; entries need no feed of their own."""
    fill = '{"uid":"a","side":"sell","type":"fill","seq":1,"time":1,"qty":1.0,"price":1.0}'
    decoder = msgspec.json.Decoder(Trade | TradeSnapshot)
    history = decoder.decode(f'{{"feed":"trade_snapshot","product_id":"PF_XBTUSD","trades":[{fill}]}}')
    assert isinstance(history, TradeSnapshot)
    assert [one.uid for one in history.trades] == ["a"]
    assert isinstance(decoder.decode(fill.replace("{", '{"feed":"trade",', 1)), Trade)
    assert isinstance(msgspec.json.decode(fill, type=Fill), Fill)


def test_what_was_not_sent_is_absent() -> None:
    """Funding fields that are zero are left out (PROTOCOLS 7.2.3): they decode as absent, not as zero."""
    ticker = msgspec.json.decode(b'{"feed":"ticker","product_id":"FI_XBTUSD_261225","time":1}', type=Ticker)
    assert bytes(ticker.funding_rate) == bytes(ticker.mark_price) == b""
    assert ticker.next_funding_ms == 0
