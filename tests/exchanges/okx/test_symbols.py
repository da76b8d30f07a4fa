"""Instruments of OKX by their metadata. PROTOCOLS 1.6, 1.7, 5.1."""

from __future__ import annotations

import json

import pytest

from exchanges.okx.symbols import instrument, instruments

SWAP = {
    "instType": "SWAP",
    "instId": "BTC-USDT-SWAP",
    "uly": "BTC-USDT",
    "settleCcy": "USDT",
    "state": "live",
    "ctType": "linear",
    "ctVal": "0.01",
    "ctMult": "1",
    "ctValCcy": "BTC",
    "lotSz": "1",
    "tickSz": "0.1",
}


def entry(**changed: str) -> bytes:
    """Make one entry."""
    return json.dumps({**SWAP, **changed}).encode()


@pytest.mark.parametrize(
    ("value", "multiplier", "told"),
    [
        ("0.01", "1", "0.01"),
        ("100", "1", "100"),
        ("0.0010", "10", "0.01"),
        ("0.00000001", "0.1", "0.000000001"),
        ("1000000", "1000", "1000000000"),
        ("", "1", None),
        ("NaN", "1", None),
        ("x", "1", None),
    ],
)
def test_a_contract_is_worth_an_exact_product(value: str, multiplier: str, told: str | None) -> None:
    """`ctVal` times `ctMult`, as text without exponent (PROTOCOLS 1.7)."""
    assert instrument(entry(ctVal=value, ctMult=multiplier)).contract_value == told


def test_a_value_in_another_asset_is_not_used() -> None:
    """Linear contracts count the base asset, inverse ones the quote asset."""
    assert instrument(entry(ctValCcy="USDT")).contract_value is None
    inverse = {"ctType": "inverse", "uly": "BTC-USD", "settleCcy": "BTC", "ctVal": "100"}
    assert instrument(entry(**inverse)).contract_value is None
    told = instrument(entry(**inverse, ctValCcy="USD"))
    assert (told.contract_value, told.inverse, told.symbol) == ("100", True, "BTC-USD-PERP:BTC")


@pytest.mark.parametrize(
    ("state", "trading"),
    [("live", True), ("post_only", True), ("suspend", False), ("preopen", False), ("rebase", False), ("test", False)],
)
def test_states_say_whether_there_is_data(state: str, trading: bool) -> None:
    """A contract that is rebased has none, since its value changes (PROTOCOLS 5.1, 5.6)."""
    told = instrument(entry(state=state))
    assert (told.status, told.is_trading) == (state, trading)


def test_dated_contracts_are_named_by_their_expiry() -> None:
    """The date is that of `expTime`; two that differ in what they settle in have two names."""
    dated = {"instType": "FUTURES", "expTime": "1798185600000", "uly": "BTC-USD", "ctValCcy": "USD"}
    coin = instrument(entry(**dated, instId="BTC-USD-261225", settleCcy="BTC", ctType="inverse"))
    other = instrument(entry(**dated, instId="BTC-USD_UM-261225", settleCcy="USDC"))
    assert (coin.symbol, other.symbol) == ("BTC-USD-20261225", "BTC-USD-20261225:USDC")
    assert coin.expires_ns == 1_798_185_600_000_000_000
    with pytest.raises(ValueError, match="expiry"):
        instrument(entry(**{**dated, "expTime": ""}))


def test_an_instrument_without_assets_is_left_out() -> None:
    """Before a listing the venue sends empty fields; options are no market of ours."""
    left_out = [entry(uly=""), entry(settleCcy=""), entry(instType="OPTION"), entry(ctType="")]
    body = b'{"code":"0","msg":"","data":[%b]}' % b",".join([*left_out, entry()])
    assert [definition.native_symbol for definition, _ in instruments(body)] == ["BTC-USDT-SWAP"]
    for one in left_out:
        with pytest.raises(ValueError, match="give no name"):
            instrument(one)


def test_a_contract_follows_its_underlying() -> None:
    """`index-tickers` are subscribed by it (PROTOCOLS 9)."""
    assert instrument(entry()).index == "BTC-USDT"
