"""Wire structs of Bybit decode the documented payloads and refuse everything else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from exchanges.bybit import messages

DOCUMENTED = [
    messages.Trade,
    messages.Liquidation,
    messages.BookData,
    messages.TickerData,
    messages.PriceFilter,
    messages.Instrument,
    messages.Volume,
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
    for info in msgspec.structs.fields(struct):
        if info.required:
            cut = {key: value for key, value in body.items() if key != info.encode_name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(msgspec.json.encode(cut), type=struct)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, "5", 1.5])
def test_update_ids_fit_a_column(number: object) -> None:
    """An id below zero, above int64 or that is no whole number is refused."""
    body = {**msgspec.json.decode(payload(messages.BookData)), "u": number}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=messages.BookData)
