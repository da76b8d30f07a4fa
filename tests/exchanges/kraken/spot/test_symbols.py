"""Kraken spot: names come from the metadata, with the older asset names mapped. PROTOCOLS 1.6, 7.1.6."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from exchanges.kraken.spot.symbols import instrument, instruments, volumes


def pair(name: str, **more: object) -> dict[str, object]:
    """Return one entry of AssetPairs."""
    return {"wsname": name, "pair_decimals": 1, "lot_decimals": 8, "status": "online", **more}


def body(**entries: object) -> bytes:
    """Write a body of AssetPairs."""
    return json.dumps({"error": [], "result": entries}).encode()


def test_the_socket_knows_btc_and_doge() -> None:
    """REST says XBT/USD where the socket takes BTC/USD only, on either side of a pair."""
    found = instruments(body(XXBTZUSD=pair("XBT/USD"), XDGXBT=pair("XDG/XBT"), BTCUSDT=pair("BTC/USDT")))
    assert [one.native_symbol for one, _ in found] == ["BTC/USD", "DOGE/BTC", "BTC/USDT"]
    assert [one.symbol for one, _ in found] == ["BTC-USD", "DOGE-BTC", "BTC-USDT"]


def test_several_keys_of_one_pair_are_one_instrument() -> None:
    """The first of several keys counts; a pair without a name on the socket is left out."""
    entries = {"XXBTZUSD": pair("XBT/USD"), "XBTUSD": pair("XBT/USD", pair_decimals=5), "X.d": {"altname": "XBTUSD.d"}}
    found = instruments(body(**entries))
    assert [(one.native_symbol, one.price_decimals) for one, _ in found] == [("BTC/USD", 1)]


def test_precisions_and_steps_are_exact() -> None:
    """Decimals are kept for the checksum; ticks are the venue's text, else made from them."""
    one = instrument(json.dumps(pair("ETH/EUR", pair_decimals=2, tick_size="0.05")).encode())
    assert (one.price_decimals, one.size_decimals, one.tick_size, one.step_size) == (2, 8, "0.05", "0.00000001")
    other = instrument(json.dumps(pair("ETH/EUR", pair_decimals=0, lot_decimals=10)).encode())
    assert (other.tick_size, other.step_size) == ("1", "0.0000000001")


@pytest.mark.parametrize(
    ("status", "trading"),
    [
        *((one, True) for one in ("online", "post_only", "limit_only", "reduce_only")),
        ("cancel_only", False),
        ("x", False),
    ],
)
def test_data_comes_while_orders_can_meet(status: str, trading: bool) -> None:
    """A pair has data in every state in which trades can happen."""
    assert instrument(json.dumps(pair("ETH/EUR", status=status)).encode()).is_trading is trading


@pytest.mark.parametrize("name", ["", "XBTUSD", "/USD", "XBT/"])
def test_a_name_without_two_assets_is_refused(name: str) -> None:
    """Nothing is sliced out of a name without a slash."""
    with pytest.raises(ValueError, match="is not BASE/QUOTE"):
        instrument(json.dumps(pair(name)).encode())


def test_volumes_are_in_the_quote_asset() -> None:
    """Volume of 24 hours times its average price, by the socket's symbol; a REST name tells none."""
    tickers = {"XBT/USD": {"v": ["1", "2.5"], "p": ["9", "4"]}, "XXBTZUSD": {"v": ["1", "1"], "p": ["1", "1"]}}
    assert volumes(json.dumps({"error": [], "result": tickers}).encode()) == {"BTC/USD": Decimal(10)}
