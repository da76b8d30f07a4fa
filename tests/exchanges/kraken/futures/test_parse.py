"""Kraken Futures: rows beyond the golden frames. PROTOCOLS 7.2.3-7.2.5."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from exchanges import drain
from exchanges.kraken import FUTURES
from schemas import Columns, topic_of


def rows(kind: str, *frames: str) -> list[dict[str, Any]]:
    """Parse frames as the agents do and return their rows."""
    parser = FUTURES.parsers[kind]
    columns = Columns(topic_of(parser.record))
    decoder = msgspec.json.Decoder(list[parser.message])  # type: ignore[name-defined]  # a type at run time
    parser.append(decoder.decode(f"[{','.join(frames)}]"), range(len(frames)), columns)
    batch, bad = columns.build()
    assert not bad
    found: list[dict[str, Any]] = batch.to_pylist()
    return found


def fill(time: int, uid: str = "", seq: int | None = None, kind: str = "fill", side: str = "sell") -> str:
    """Write a trade."""
    names = ([f'"uid":"{uid}"'] if uid else []) + ([] if seq is None else [f'"seq":{seq}'])
    rest = f'"side":"{side}","type":"{kind}","time":{time},"qty":1.0,"price":1.5'
    return f'{{"feed":"trade","product_id":"PF_XBTUSD",{",".join([*names, rest])}}}'


def history(*fills: str) -> str:
    """Write the trades that follow a subscription."""
    return f'{{"feed":"trade_snapshot","product_id":"PF_XBTUSD","trades":[{",".join(fills)}]}}'


def ticker(more: str) -> str:
    """Write a ticker."""
    return f'{{"feed":"ticker","product_id":"PF_XBTUSD","time":1790000001000{more}}}'


def test_history_becomes_rows_in_rising_time_order() -> None:
    """The newest trade comes first (!); rows rise in time, and those of one moment keep their order."""
    drain()
    found = rows("trades", history(fill(30, "d"), fill(20, "c"), fill(20, "b"), fill(10, "a")), fill(40, "e"))
    assert [row["trade_id"] for row in found] == ["a", "b", "c", "d", "e"]
    assert [row["history"] for row in found] == [True] * 4 + [False]
    assert drain() == []


def test_history_in_another_order_is_noted_and_put_right() -> None:
    """PROTOCOLS 7.2.3 (!): the order is not documented, so what differs is told once and the rows still rise."""
    found = rows("trades", history(fill(10, "a"), fill(20, "b"), fill(20, "c"), fill(30, "d")))
    assert [row["trade_id"] for row in found] == ["a", "b", "c", "d"]


def test_a_trade_without_uid_has_its_seq() -> None:
    """PROTOCOLS 1.4: older data lacks `uid`; ids have no order."""
    assert [row["trade_id"] for row in rows("trades", fill(1, seq=77), fill(2, "u", 78))] == ["77", "u"]
    assert not FUTURES.parsers["trades"].ordered


@pytest.mark.parametrize("kind", ["fill", "liquidation", "assignment", "termination", "block"])
def test_every_type_is_a_trade_and_one_is_a_liquidation(kind: str) -> None:
    """All types are trades; `liquidation` is a liquidation too."""
    assert len(rows("trades", fill(1, "u", kind=kind))) == 1
    assert len(rows("liquidations", fill(1, "u", kind=kind))) == (kind == "liquidation")


@pytest.mark.parametrize(("side", "position"), [("sell", "long"), ("buy", "short")])
def test_the_side_of_a_liquidation_closes_the_position(side: str, position: str) -> None:
    """PROTOCOLS 1.3: a sell liquidates a long."""
    (row,) = rows("liquidations", fill(1, "u", kind="liquidation", side=side))
    assert (row["side"], row["position"], row["liquidation_id"], row["base_size"]) == (side, position, "u", None)


@pytest.mark.parametrize("qty", ["0.0", "-0.0", "-5", "-1e-3", "0"])
def test_a_quantity_not_above_zero_deletes(qty: str) -> None:
    """PROTOCOLS 7.2.4: negatives are clamped, in deltas and in snapshots."""
    delta = f'{{"feed":"book","product_id":"X","side":"buy","seq":1,"price":1.5,"qty":{qty},"timestamp":1}}'
    assert rows("book", delta)[0]["size"] == 0
    body = f'"timestamp":1,"seq":1,"bids":[{{"price":1.5,"qty":{qty}}}],"asks":[]'
    assert rows("book_snapshot", f'{{"feed":"book_snapshot","product_id":"X",{body}}}')[0]["size"] == 0


def test_the_relative_rate_is_stored_and_paid_hourly() -> None:
    """PROTOCOLS 7.2.5: the fraction, not the absolute amount, with its interval of one hour."""
    (row,) = rows("funding", ticker(',"funding_rate":0.6,"relative_funding_rate":-1e-5'))
    assert (row["funding_rate"], row["interval_hours"]) == (Decimal("-0.00001"), 1)


@pytest.mark.parametrize(
    ("more", "rate", "interval"),
    [
        (',"next_funding_rate_time":1790003600000', Decimal(0), 1),
        (',"next_funding_rate_time":1790003600000,"funding_rate":0.5', None, 1),
        (',"next_funding_rate_time":0', None, None),
        ("", None, None),
        (',"relative_funding_rate":null', None, None),
    ],
)
def test_a_rate_left_out_is_zero_where_funding_is_paid(more: str, rate: Decimal | None, interval: int | None) -> None:
    """PROTOCOLS 7.2.3: zero-valued funding fields are omitted; a contract that pays none has no rate at all."""
    (row,) = rows("funding", ticker(more))
    assert (row["funding_rate"], row["interval_hours"]) == (rate, interval)


@pytest.mark.parametrize(("sent", "stored"), [("1790003600000", 1_790_003_600_000_000_000), ("0", None)])
def test_the_next_funding_is_in_epoch_milliseconds(sent: str, stored: int | None) -> None:
    """It is a moment, not a time left, and 0 is none (PROTOCOLS 7.2.3)."""
    assert rows("funding", ticker(f',"next_funding_rate_time":{sent}'))[0]["next_funding_ns"] == stored


def test_identical_frames_of_the_reduced_ticker_are_rows() -> None:
    """It has no time and no id: each frame is a row, in order."""
    lite = '{"feed":"ticker_lite","product_id":"PI_XBTUSD","bid":1.5,"ask":2.5}'
    found = rows("quotes", lite, lite, ticker(',"bid":3,"ask":4'), lite)
    assert [(row["bid_price"], row["exchange_ns"] is None) for row in found] == [
        (Decimal("1.5"), True),
        (Decimal("1.5"), True),
        (Decimal(3), False),
        (Decimal("1.5"), True),
    ]


def test_sizes_of_contracts_are_not_converted_here() -> None:
    """What a contract is worth stands in the definition: `base_size` and `notional` are left to the agents."""
    (row,) = rows("trades", fill(1, "u"))
    assert (row["size"], row["base_size"], row["notional"]) == (1, None, None)
