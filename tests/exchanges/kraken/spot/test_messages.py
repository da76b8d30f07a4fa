"""Wire structs of Kraken spot decode the documented payloads, keep numbers as text, and refuse the rest."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.kraken.spot import messages
from exchanges.kraken.spot.messages import BookUpdate, Level, Trade
from tests.doubles.wire_examples import documented, hold_to_example


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


@pytest.mark.parametrize("text", ["0.00000000", "1.25000000", "1e-7", "1.20E+3", "60000", "0.1234567890123456789"])
def test_numbers_keep_their_text(text: str) -> None:
    """Trailing zeros, exponents and digits beyond a float survive (PROTOCOLS 7.1.6)."""
    level = msgspec.json.decode(f'{{"price":{text},"qty":{text}}}', type=Level)
    assert (bytes(level.price).decode(), bytes(level.size).decode()) == (text, text)


def test_a_checksum_is_unsigned() -> None:
    """Half of all checksums are above the largest signed 32-bit number (PROTOCOLS 7.1.6)."""
    head = '{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[],"checksum":'
    assert msgspec.json.decode(f"{head}4294967295}}]}}", type=BookUpdate).data[0].checksum == 2**32 - 1
    for wrong in ("-1", "4294967296", "1.0", '"1"'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(f"{head}{wrong}}}]}}", type=BookUpdate)


def test_a_missing_checksum_is_no_error() -> None:
    """PROTOCOLS 7.1.5.5: the key is optional."""
    frame = b'{"channel":"book","type":"update","data":[{"symbol":"BTC/USD","bids":[],"asks":[]}]}'
    assert msgspec.json.decode(frame, type=BookUpdate).data[0].checksum is None


def test_unknown_fields_are_skipped() -> None:
    """PROTOCOLS 1.8.7: venues add fields."""
    trade = b'{"symbol":"BTC/USD","side":"buy","price":1,"qty":1,"trade_id":1,"timestamp":"","maker_ids":[1]}'
    assert msgspec.json.decode(trade, type=Trade).id == 1
