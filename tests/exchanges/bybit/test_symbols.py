"""Canonical names of Bybit instruments come from the metadata's own fields."""

from __future__ import annotations

import json

import pytest

from exchanges import RestRequest
from exchanges.bybit.symbols import instrument, instruments, next_page, volumes

PERPETUAL = {
    "symbol": "BTCPERP",
    "contractType": "LinearPerpetual",
    "status": "Trading",
    "baseCoin": "BTC",
    "quoteCoin": "USDC",
    "settleCoin": "USDC",
    "deliveryTime": "0",
}
DATED = {**PERPETUAL, "symbol": "BTC-25DEC26", "contractType": "LinearFutures", "deliveryTime": "1798185600000"}
REQUEST = RestRequest("/v5/market/instruments-info", {"category": "linear", "limit": "1000"}, 1)


def entry(base: dict[str, str], **changes: object) -> bytes:
    """Encode an entry with some fields changed."""
    return json.dumps({**base, **changes}).encode()


def body(*entries: bytes, cursor: str | None = None) -> bytes:
    """Return a page."""
    tail = b"" if cursor is None else b',"nextPageCursor":' + json.dumps(cursor).encode()
    return b'{"retCode":0,"retMsg":"OK","result":{"list":[%b]%b}}' % (b",".join(entries), tail)


def test_names_are_not_sliced_from_the_symbol() -> None:
    """PROTOCOLS 1.6: USDC perpetuals and dated futures are spelled in ways of their own."""
    assert instrument(entry(PERPETUAL)).symbol == "BTC-USDC-PERP"
    assert instrument(entry(DATED)).symbol == "BTC-USDC-20261225"
    assert instrument(entry(DATED)).expires_ns == 1798185600000000000
    spot = {"symbol": "TRUMPUSDT", "status": "Trading", "baseCoin": "TRUMP", "quoteCoin": "USDT"}
    found = instrument(entry(spot))
    assert (found.symbol, found.kind, found.settle, found.contract_value) == ("TRUMP-USDT", "spot", "USDT", None)


@pytest.mark.parametrize(
    ("status", "trading"), [("Trading", True), ("PreLaunch", False), ("Delivering", False), ("Closed", False)]
)
def test_only_trading_instruments_have_data(status: str, trading: bool) -> None:
    """PROTOCOLS 4.7: a pre-launch contract has no book until continuous trading."""
    assert instrument(entry(PERPETUAL, status=status)).is_trading is trading


@pytest.mark.parametrize("delivery", ["0", "", "-1", "1e12", "soon", "9" * 15])
def test_a_dated_future_has_a_date(delivery: str) -> None:
    """Without one it has no name, and the entry is refused."""
    with pytest.raises(ValueError, match="is no time"):
        instrument(entry(DATED, deliveryTime=delivery))


def test_contracts_of_another_kind_are_left_out() -> None:
    """An inverse contract is of no market of ours; asked for alone it is an error."""
    inverse = entry(PERPETUAL, contractType="InversePerpetual")
    assert [one.symbol for one, _ in instruments(body(inverse, entry(PERPETUAL)))] == ["BTC-USDC-PERP"]
    with pytest.raises(ValueError, match="is unknown"):
        instrument(inverse)


def test_pages_follow_the_cursor() -> None:
    """It comes escaped and is sent on as what it means; an empty or absent one ends the list."""
    request = next_page(REQUEST, body(cursor="first%3DBTC%26last%3d5"))
    assert request is not None
    assert request.path == REQUEST.path
    assert dict(request.query) == {**REQUEST.query, "cursor": "first=BTC&last=5"}
    assert next_page(REQUEST, body(cursor="")) is None
    assert next_page(REQUEST, body()) is None


@pytest.mark.parametrize(
    "broken", [b"{}", b'{"retCode":10001,"result":{}}', b'{"retCode":0,"result":{"list":[7]}}', b"["]
)
def test_a_broken_body_is_refused(broken: bytes) -> None:
    """A body of another shape is an error, never an empty market."""
    for read in (instruments, volumes):
        with pytest.raises(ValueError):  # noqa: PT011 - the text is the decoder's
            read(broken)


def test_a_volume_that_is_no_number_is_refused() -> None:
    """Nothing is taken for zero."""
    with pytest.raises(ValueError, match="no number"):
        volumes(body(b'{"symbol":"AB","turnover24h":"many"}'))
