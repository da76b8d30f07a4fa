"""Canonical names of Binance USD-M contracts come from the metadata's own fields."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.binance.usdm.symbols import instrument, instruments

ENTRY: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "filters": [
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "1"},
        {"filterType": "PRICE_FILTER", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "stepSize": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    ],
}


def entry(**changes: object) -> bytes:
    """Encode one entry of exchangeInfo with some fields changed."""
    return msgspec.json.encode({**ENTRY, **changes})


def test_names_are_not_sliced_from_symbols() -> None:
    """Whatever the native spelling, base and quote are the fields that say so."""
    found = instrument(entry(symbol="TRUMPUSDTUSDC", baseAsset="TRUMPUSDT", quoteAsset="USDC"))
    assert (found.symbol, found.native_symbol) == ("TRUMPUSDT-USDC-PERP", "TRUMPUSDTUSDC")


@pytest.mark.parametrize("contract_type", ["PERPETUAL", "TRADIFI_PERPETUAL"])
def test_perpetuals_do_not_expire(contract_type: str) -> None:
    """The far delivery date of a perpetual is a placeholder."""
    found = instrument(entry(contractType=contract_type))
    assert (found.symbol, found.kind, found.expires_ns) == ("BTC-USDT-PERP", "perpetual", None)


@pytest.mark.parametrize("contract_type", ["CURRENT_QUARTER", "NEXT_QUARTER"])
@pytest.mark.parametrize(
    ("delivery_ms", "day"),
    [
        (1798185600000, "20261225"),
        (1798156800000, "20261225"),
        (1798156799999, "20261224"),
        (0, "19700101"),
        (9_223_372_036_854, "22620411"),
    ],
)
def test_dated_futures_are_named_by_their_delivery_day(contract_type: str, delivery_ms: int, day: str) -> None:
    """The day is the UTC day of deliveryDate, whatever the symbol's own suffix says."""
    found = instrument(entry(symbol="BTCUSDT_999999", contractType=contract_type, deliveryDate=delivery_ms))
    assert (found.symbol, found.kind, found.expires_ns) == (f"BTC-USDT-{day}", "future", delivery_ms * 1_000_000)


def test_steps_come_from_their_own_filters() -> None:
    """Tick from PRICE_FILTER, step from LOT_SIZE, kept as the venue's text; absent filters are null."""
    found = instrument(entry())
    assert (found.tick_size, found.step_size) == ("0.10", "0.001")
    bare = instrument(entry(filters=[]))
    assert (bare.tick_size, bare.step_size) == (None, None)


def test_a_contract_type_nobody_documents_has_no_name() -> None:
    """Alone it is an error; in a list it is left out and the others are kept."""
    odd = entry(symbol="SOONUSDT", contractType="")
    with pytest.raises(ValueError, match="contract type '' is unknown"):
        instrument(odd)
    body = b'{"symbols":[%b,%b]}' % (odd, entry())
    assert [definition.native_symbol for definition, _ in instruments(body)] == ["BTCUSDT"]


def test_each_definition_keeps_its_own_bytes() -> None:
    """Spacing, order and fields nobody reads stay as the venue wrote them."""
    raw = b'{ "unheard" : [1.50, {"x":null}], ' + entry()[1:]
    found = instruments(b'{"symbols": [ %b , %b ] ,"serverTime":1}' % (raw, entry(symbol="ETHUSDT")))
    assert found[0][1] == raw
    assert instrument(found[0][1]) == found[0][0]


@pytest.mark.parametrize("field", ENTRY)
def test_an_entry_without_a_field_is_refused(field: str) -> None:
    """A definition is whole or it is an error."""
    cut = {key: value for key, value in ENTRY.items() if key != field}
    with pytest.raises(ValueError, match="missing required field"):
        instrument(msgspec.json.encode(cut))
