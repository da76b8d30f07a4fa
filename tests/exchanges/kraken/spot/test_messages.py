"""Wire structs of Kraken spot decode the documented payloads, keep numbers as text, and refuse the rest."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from exchanges.kraken.spot import messages
from exchanges.kraken.spot.messages import BookUpdate, Level, Trade

DOCUMENTED = [
    struct
    for struct in vars(messages).values()
    if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and re.search(r"`[{\[]", struct.__doc__ or "")
]


def payload(struct: Any) -> bytes:
    """Return the example of a struct's docstring as one line."""
    text = re.search(r"`([{\[].*?[}\]])`", struct.__doc__, re.DOTALL)
    assert text
    return "".join(line.strip() for line in text[1].splitlines()).encode()


@pytest.mark.parametrize("struct", DOCUMENTED)
def test_the_documented_example_decodes(struct: Any) -> None:
    """The example in a struct's docstring is a payload of that struct."""
    assert isinstance(msgspec.json.decode(payload(struct), type=struct), struct)


@pytest.mark.parametrize("struct", [one for one in DOCUMENTED if not one.__struct_config__.array_like])
def test_a_required_field_may_not_be_missing(struct: Any) -> None:
    """Each field without a default is required: leaving it out is an error."""
    body = msgspec.json.decode(payload(struct))
    for one in msgspec.structs.fields(struct):
        if one.required:
            rest = {key: value for key, value in body.items() if key != one.encode_name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(msgspec.json.encode(rest), type=struct)


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
