"""Wire structs of Binance USD-M decode the documented payloads and refuse everything else."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from exchanges.binance.usdm import messages
from exchanges.binance.usdm.messages import AggTrade, DepthUpdate, Level, LiquidationFrame, MarkPrice, Trade, TradeFrame

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


def test_both_trade_events_decode_in_one_list() -> None:
    """Aggregates and single fills stand in one batch, told apart by `e`."""
    frames = b'[{"data":%b},{"data":%b}]' % (payload(AggTrade), payload(Trade))
    first, second = msgspec.json.decode(frames, type=list[TradeFrame])
    assert isinstance(first.data, AggTrade)
    assert isinstance(second.data, Trade)
    assert (second.data.first_fill, second.data.last_fill, first.data.origin) == (0, 0, "MARKET")


@pytest.mark.parametrize(
    "level", [b"[]", b'["1"]', b'["1","2","3"]', b'["1",2]', b'[1,"2"]', b"null", b'{"price":"1"}']
)
def test_a_level_is_a_pair_of_texts(level: bytes) -> None:
    """A level that is not exactly [price, size], both text, is refused."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(level, type=Level)


@pytest.mark.parametrize("number", [-1, 2**63 - 1])
def test_ids_fit_a_column_and_never_mean_absent(number: int) -> None:
    """An id below zero, or one whose next does not fit int64, is refused."""
    body = {**msgspec.json.decode(payload(DepthUpdate)), "pu": number}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=DepthUpdate)


def test_times_fit_a_column_in_nanoseconds() -> None:
    """The largest time accepted still fits an int64 as nanoseconds; one more is refused."""
    body = msgspec.json.decode(payload(MarkPrice))
    largest = (2**63 - 1) // 1_000_000
    assert msgspec.json.decode(msgspec.json.encode({**body, "T": largest}), type=MarkPrice).next_funding_ms == largest
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({**body, "T": largest + 1}), type=MarkPrice)


def test_a_liquidation_side_is_one_of_two() -> None:
    """A closing order is SELL or BUY; a third word is refused, not guessed."""
    frame = b'{"data":{"e":"forceOrder","o":{"S":"sell","q":"1","p":"1","ap":"1","z":"1","T":1}}}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(frame, type=LiquidationFrame)
