"""Wire structs of Kraken Futures decode the documented payloads, keep numbers as text, and refuse the rest."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from exchanges.kraken.futures import messages
from exchanges.kraken.futures.messages import Fill, Level, Ticker, Trade, TradeSnapshot

DOCUMENTED = [
    struct
    for struct in vars(messages).values()
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and "`{" in (struct.__doc__ or "")
]


def payload(struct: Any) -> bytes:
    """Return the example of a struct's docstring as one line."""
    text = re.search(r"`(\{.*?\})`", struct.__doc__, re.DOTALL)
    assert text
    return "".join(line.strip() for line in text[1].splitlines()).encode()


@pytest.mark.parametrize("struct", DOCUMENTED)
def test_the_documented_example_decodes(struct: Any) -> None:
    """The example in a struct's docstring is a payload of that struct."""
    assert isinstance(msgspec.json.decode(payload(struct), type=struct), struct)


@pytest.mark.parametrize("struct", DOCUMENTED)
def test_a_required_field_may_not_be_missing(struct: Any) -> None:
    """Each field without a default is required: leaving it out is an error."""
    body = msgspec.json.decode(payload(struct))
    for one in msgspec.structs.fields(struct):
        if one.required:
            rest = {key: value for key, value in body.items() if key != one.encode_name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(msgspec.json.encode(rest), type=struct)


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
