"""What OKX's frames become, beyond the golden ones. PROTOCOLS 1.2-1.7, 5.4, 5.6."""

from __future__ import annotations

from typing import Any

import pytest
from golden import parsed, rows_of

from exchanges import Market, drain
from exchanges.okx import FUTURES, SPOT, SWAP


def rows(market: Market, kind: str, *frames: str) -> list[dict[str, Any]]:
    """Parse frames to rows."""
    parser = market.parsers[kind]
    return rows_of(parser, parsed(parser, [frame.encode() for frame in frames]))


TRADE = '{"arg":{"channel":"%s","instId":"A"},"data":[{"tradeId":"9","px":"2","sz":"3","side":"sell","ts":"1000"%s}]}'


TICKER = (
    '{"arg":{"channel":"tickers","instId":"A"},"data":[{"askPx":"%s","askSz":"3","bidPx":"1","bidSz":"2","ts":"1"}]}'
)


def test_contracts_are_not_taken_for_coins() -> None:
    """Spot sizes are base sizes; those of swaps and futures wait for the definition (PROTOCOLS 1.7, 5.6)."""
    assert rows(SPOT, "trades", TRADE % ("trades", ""))[0]["base_size"] == "3"
    for market in (SWAP, FUTURES):
        assert "base_size" not in rows(market, "trades", TRADE % ("trades", ""))[0]


def test_sides_are_the_takers() -> None:
    """The side is passed on (PROTOCOLS 1.2)."""
    assert rows(SPOT, "trades", TRADE % ("trades", ""))[0]["side"] == "sell"


def test_fills_are_counted_where_told() -> None:
    """An aggregate says how many, `trades-all` is one each, and frames of 2022 do not say (PROTOCOLS 5.4)."""
    assert rows(SPOT, "trades", TRADE % ("trades", ',"count":"3"'))[0]["count"] == 3
    assert rows(SPOT, "trades", TRADE % ("trades-all", ""))[0]["count"] == 1
    assert "count" not in rows(SPOT, "trades", TRADE % ("trades", ""))[0]


def test_ids_of_aggregates_may_have_holes() -> None:
    """What `count` covers is inferred, so an id never seen is no gap (PROTOCOLS 5.4 (!))."""
    parser = SPOT.parsers["trades"]
    assert (parser.id_column, parser.ordered, parser.contiguous) == ("trade_id", True, False)


@pytest.mark.parametrize(("price", "absent"), [("", 1), ("0", 1), ("0.00", 1), ("0e-18", 1), ("00.10", 0), ("1e-2", 0)])
def test_a_side_without_a_price_is_absent(price: str, absent: int) -> None:
    """A ticker says "" or 0, however that is spelt, where one side has no order (PROTOCOLS 5.4)."""
    (row,) = rows(SPOT, "quotes", TICKER % price)
    assert ("ask_price" not in row, "ask_size" not in row) == (bool(absent), bool(absent))


def test_a_time_of_zero_is_none() -> None:
    """Books with a `ts` of 0 occur: their levels are kept, their time is not 1970 (PROTOCOLS 5.6)."""
    frame = '{"action":"update","data":[{"asks":[["1","1","0","1"]],"bids":[],"ts":"0","prevSeqId":1,"seqId":2}]}'
    (row,) = rows(SWAP, "book", frame)
    assert "exchange_ns" not in row


@pytest.mark.parametrize(("checksum", "met"), [("", 0), (',"checksum":0', 0), (',"checksum":7', 1)])
def test_the_checksum_is_dead(checksum: str, met: int) -> None:
    """It is 0 or absent and no column; another value is told once and changes nothing (PROTOCOLS 5.1, 5.6)."""
    drain()
    frame = '{"action":"update","data":[{"asks":[["1","1"]],"bids":[],"ts":"1","prevSeqId":1,"seqId":2%s}]}'
    (row,) = rows(SWAP, "book", frame % checksum)
    assert "checksum" not in row
    assert len(drain()) <= met  # told once per process


def test_funding_channels_are_told_apart() -> None:
    """Rows of one moment from four channels have four identities; a second mark price of a moment a fifth."""
    facts = [("mark-price", '"markPx":"1"'), ("mark-price", '"markPx":"2"'), ("open-interest", '"oi":"1"')]
    facts += [("index-tickers", '"idxPx":"1"'), ("funding-rate", '"fundingRate":"1"')]
    frames = [f'{{"arg":{{"channel":"{channel}"}},"data":[{{{fact},"ts":"5"}}]}}' for channel, fact in facts]
    found = rows(SWAP, "funding", *frames)
    composite = SWAP.parsers["funding"].composite_id
    assert len({tuple(row.get(column) for column in composite) for row in found}) == len(frames)


@pytest.mark.parametrize(("next_ms", "hours"), [("7200000", 1), ("32400000", 8), ("3600000", None), ("5400000", None)])
def test_the_interval_is_told_by_two_times(next_ms: str, hours: int | None) -> None:
    """Hours from the payment to the one after it, not always 8; no whole hours are none (PROTOCOLS 5.4)."""
    fact = f'"fundingRate":"1","fundingTime":"3600000","nextFundingTime":"{next_ms}","ts":"5"'
    (row,) = rows(SWAP, "funding", f'{{"arg":{{"channel":"funding-rate"}},"data":[{{{fact}}}]}}')
    assert row["next_funding_ns"] == 3_600_000_000_000
    assert row.get("interval_hours") == hours


def test_a_liquidation_repeated_on_subscribing_is_known() -> None:
    """Its first message repeats history: all that it says is its identity (PROTOCOLS 1.4, 5.4)."""
    assert set(SWAP.parsers["liquidations"].composite_id) == {"exchange_ns", "side", "position", "size", "price"}


@pytest.mark.parametrize("market", [SPOT, SWAP, FUTURES])
def test_quotes_that_an_overlap_repeats_are_known(market: Market) -> None:
    """A planned reconnect overlaps for 10 s at most, in which a quote may come each 10 ms (PROTOCOLS 5.4)."""
    assert market.parsers["quotes"].recent_max_ids >= 1000
