"""Wire structs of Binance spot decode the documented payloads and refuse everything else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from exchanges.binance.spot import messages
from exchanges.binance.spot.messages import TradeFrame

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
    """The example in a struct's docstring is a payload of that struct, unless it shows the envelope."""
    if "stream" in struct.__doc__.split("`")[1]:
        assert struct is TradeFrame
        return
    assert isinstance(msgspec.json.decode(payload(struct), type=struct), struct)


@pytest.mark.parametrize("struct", [one for one in DOCUMENTED if one is not TradeFrame])
def test_a_required_field_may_not_be_missing(struct: Any) -> None:
    """Each field without a default is required: leaving it out is an error."""
    body = msgspec.json.decode(payload(struct))
    for info in msgspec.structs.fields(struct):
        if info.required:
            cut = {key: value for key, value in body.items() if key != info.encode_name}
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(msgspec.json.encode(cut), type=struct)


@pytest.mark.parametrize("struct", [one for one in DOCUMENTED if one is not TradeFrame])
@pytest.mark.parametrize("wrong", [None, 1.5, [], {}, True])
def test_a_field_of_another_type_is_refused(struct: Any, wrong: object) -> None:
    """No required field takes null, a fraction, a list, an object or, but for the flag, a boolean."""
    body = msgspec.json.decode(payload(struct))
    for info in msgspec.structs.fields(struct):
        if info.required and not accepts(info.type, wrong):
            with pytest.raises(msgspec.ValidationError):
                msgspec.json.decode(msgspec.json.encode({**body, info.encode_name: wrong}), type=struct)


def accepts(kind: object, wrong: object) -> bool:
    """Say whether a wrong value is of a field's own type after all."""
    return (isinstance(wrong, list) and str(kind).startswith("list")) or (wrong is True and kind is bool)
