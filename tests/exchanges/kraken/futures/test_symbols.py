"""Kraken Futures: names come from the metadata, and from a symbol only where there is nothing else. PROTOCOLS 1.6."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from exchanges import drain
from exchanges.kraken.futures.symbols import instrument, instruments, volumes


def entry(symbol: str, **more: object) -> bytes:
    """Write one entry of the instruments body."""
    return json.dumps({"symbol": symbol, "tradeable": True, "tickSize": 0.5, "contractSize": 1, **more}).encode()


@pytest.mark.parametrize("more", [{"base": "XBT", "quote": "USD"}, {"pair": "XBT:USD"}, {"pair": "BTC:USD"}])
def test_assets_come_from_what_is_given(more: dict[str, object]) -> None:
    """Base and quote, else the pair; XBT is BTC in our names, and stays in the native symbol (PROTOCOLS 7.2.5)."""
    drain()
    one = instrument(entry("pf_xbtusd", **more))
    assert (one.native_symbol, one.symbol, one.base, one.settle) == ("PF_XBTUSD", "BTC-USD-PERP", "BTC", "USD")
    assert drain() == []


def test_a_symbol_is_taken_apart_only_at_last() -> None:
    """Entries of 2021 name no assets: the documented structure is read, and that is told."""
    one = instrument(entry("pi_xbtusd"))
    assert (one.symbol, one.inverse, one.settle, one.contract_value) == ("BTC-USD-PERP:BTC", True, "BTC", "1")
    with pytest.raises(ValueError, match="neither its assets nor its pair"):
        instrument(entry("pi_xbteur"))


@pytest.mark.parametrize(
    ("symbol", "kind", "inverse"),
    [
        ("PF_XBTUSD", "perpetual", False),
        ("PI_XBTUSD", "perpetual", True),
        ("FF_XBTUSD_261225", "future", False),
        ("FI_XBTUSD_261225", "future", True),
    ],
)
def test_the_product_tells_kind_and_margin(symbol: str, kind: str, inverse: bool) -> None:
    """PI and FI count contracts of 1 USD, PF and FF the base asset (PROTOCOLS 1.7)."""
    one = instrument(entry(symbol, pair="XBT:USD", lastTradingTime="2026-12-25T16:00:00.000Z"))
    assert (one.kind, one.inverse, one.contract_value) == (kind, inverse, "1")
    assert (one.expires_ns is not None) == (kind == "future")


def test_contracts_of_one_date_have_names_of_their_own() -> None:
    """FF and FI may end on the same day: the coin-margined one names its settlement."""
    names = {
        instrument(entry(symbol, pair="XBT:USD", lastTradingTime="2026-12-25T16:00:00.000Z")).symbol
        for symbol in ("FF_XBTUSD_261225", "FI_XBTUSD_261225")
    }
    assert names == {"BTC-USD-20261225", "BTC-USD-20261225:BTC"}


def test_indices_and_options_are_left_out() -> None:
    """Only what PROTOCOLS 1.6 lists is an instrument."""
    listed = [entry(name) for name in ("in_xbtusd", "rr_xbtusd", "pv_xbtusd", "pi_xbtusd")]
    body = b'{"result":"success","instruments":[%b]}' % b",".join(listed)
    assert [one.native_symbol for one, _ in instruments(body)] == ["PI_XBTUSD"]
    with pytest.raises(ValueError, match="its product is unknown"):
        instrument(listed[0])


@pytest.mark.parametrize(
    ("text", "tick", "decimals"),
    [("0.5", "0.5", 1), ("1", "1", 0), ("1.0", "1", 0), ("1e-10", "0.0000000001", 10), ("5E1", "50", 0)],
)
def test_ticks_are_plain_numbers(text: str, tick: str, decimals: int) -> None:
    """A tick is kept exactly, without exponent, whatever it was sent as."""
    one = instrument(entry("pi_xbtusd").replace(b'"tickSize": 0.5', b'"tickSize": %b' % text.encode()))
    assert (one.tick_size, one.price_decimals) == (tick, decimals)


@pytest.mark.parametrize("wrong", [b'"x"', b"true", b"1e400", b"{}", b"1e-300"])
def test_a_tick_that_is_none_is_refused(wrong: bytes) -> None:
    """No number, or one out of range, raises ValueError."""
    with pytest.raises(ValueError, match="reading an instrument"):
        instrument(entry("pi_xbtusd").replace(b'"tickSize": 0.5', b'"tickSize": %b' % wrong))


def test_a_future_without_its_end_is_refused() -> None:
    """The date of a name comes from the end of trading, not from the symbol."""
    with pytest.raises(ValueError, match="without its end of trading"):
        instrument(entry("FI_XBTUSD_261225", pair="XBT:USD"))


@pytest.mark.parametrize(
    ("more", "status", "trading"),
    [({}, "tradeable", True), ({"postOnly": True}, "post_only", True), ({"tradeable": False}, "not_tradeable", False)],
)
def test_states_tell_whether_there_is_data(more: dict[str, object], status: str, trading: bool) -> None:
    """Only what is tradeable has data."""
    one = instrument(entry("pi_xbtusd", **more))
    assert (one.status, one.is_trading) == (status, trading)


def test_volumes_are_in_the_quote_asset() -> None:
    """`volumeQuote` by symbol in upper case; indices have none."""
    tickers = b'{"symbol":"pi_xbtusd","volumeQuote":3.08E7},{"symbol":"in_xbtusd"},{"symbol":"PF_X","volumeQuote":null}'
    assert volumes(b'{"tickers":[%b]}' % tickers) == {"PI_XBTUSD": Decimal(30_800_000)}
