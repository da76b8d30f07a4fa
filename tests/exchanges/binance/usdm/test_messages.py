"""Wire structs of Binance USD-M decode the documented payloads and refuse everything else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.binance.usdm import messages
from exchanges.binance.usdm.messages import AggTrade, DepthUpdate, Level, LiquidationFrame, MarkPrice, Trade, TradeFrame
from tests.doubles.wire_examples import documented, hold_to_example, payload


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


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
