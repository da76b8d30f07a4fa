"""Canonical names of Binance spot pairs come from the metadata's own fields."""

from __future__ import annotations

import json

import pytest

from exchanges.binance.spot.symbols import instrument, instruments

ENTRY = {"symbol": "USDCUSDT", "status": "TRADING", "baseAsset": "USDC", "quoteAsset": "USDT", "filters": []}


def test_names_are_not_sliced_from_the_symbol() -> None:
    """PROTOCOLS 1.6: base and quote are the venue's own fields; multipliers stay in the name."""
    assert instrument(json.dumps(ENTRY).encode()).symbol == "USDC-USDT"
    other = {**ENTRY, "symbol": "1000SATSFDUSD", "baseAsset": "1000SATS", "quoteAsset": "FDUSD"}
    assert instrument(json.dumps(other).encode()).symbol == "1000SATS-FDUSD"


@pytest.mark.parametrize(
    ("status", "trading"), [("TRADING", True), ("BREAK", False), ("HALT", False), ("CANCEL_ONLY", False)]
)
def test_only_trading_pairs_have_data(status: str, trading: bool) -> None:
    """PROTOCOLS 2.1: a pair that takes no orders has a status of its own."""
    found = instrument(json.dumps({**ENTRY, "status": status}).encode())
    assert (found.status, found.is_trading) == (status, trading)


def test_spot_has_no_contract() -> None:
    """A spot pair is settled in its quote and has neither contract value nor expiry."""
    found = instrument(json.dumps(ENTRY).encode())
    assert (found.kind, found.settle, found.contract_value, found.expires_ns) == ("spot", "USDT", None, None)


@pytest.mark.parametrize("body", [b"{}", b'{"symbols":[{}]}', b'{"symbols":{}}', b"["])
def test_a_broken_body_is_refused(body: bytes) -> None:
    """A body of another shape is an error, never an empty market."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's
        instruments(body)
