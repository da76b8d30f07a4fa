"""What OKX is asked over REST. PROTOCOLS 5.3."""

from __future__ import annotations

import functools
from decimal import Decimal

import pytest

from exchanges.okx import EXCHANGE, rest


@pytest.mark.parametrize("code", ["50011", "50013", "51001"])
def test_a_refusal_may_come_with_status_200(code: str) -> None:
    """The code stands in the body."""
    assert rest.refusal(b'{"code":"%b","msg":"no","data":[]}' % code.encode()) == f"{code} no"
    assert rest.refusal(b'{"code":"0","msg":"","data":[]}') == ""
    assert rest.refusal(b"<html>") == ""


def test_the_budget_is_that_of_the_strictest_request() -> None:
    """40 books or 20 others in 2 s; a refusal is waited out though no Retry-After is documented."""
    assert (rest.HOST.weight_max, rest.HOST.window_s) == (40, 2.0)
    assert rest.HOST.weight_max // rest.snapshot_request("A").weight == 40
    assert rest.HOST.weight_max // rest.instruments_request("SPOT").weight == 20
    assert rest.HOST.back_off_s[429] >= rest.HOST.window_s


def test_each_market_asks_for_its_own_type() -> None:
    """Instruments and volumes are asked for by `instType`."""
    for name, kind in (("spot", "SPOT"), ("swap", "SWAP"), ("futures", "FUTURES")):
        market = EXCHANGE.markets[name]
        assert [one.query["instType"] for one in market.instruments_requests] == [kind]
        assert market.volumes_request is not None
        assert market.volumes_request.query["instType"] == kind


def test_volumes_are_in_the_quote_asset() -> None:
    """`volCcy24h` is quote on spot and base on derivatives; a text that is no number is refused (PROTOCOLS 5.4)."""
    body = b'{"data":[{"instId":"A","last":"2","volCcy24h":"3.5"},{"instId":"B","last":"","volCcy24h":""}]}'
    assert rest.volumes(body, in_base=False) == {"A": Decimal("3.5")}
    assert rest.volumes(body, in_base=True) == {"A": Decimal("7.0")}
    with pytest.raises(ValueError, match="no number"):
        functools.partial(rest.volumes, in_base=True)(body.replace(b"3.5", b"x"))


def test_trades_are_asked_for_between_two_ids() -> None:
    """The bounds are exclusive and hold as many ids as one answer does; ids rise in what is read."""
    query = rest.TRADE_FILL.request("A", 100).query
    assert int(query["after"]) - int(query["before"]) - 1 == rest.TRADE_FILL.trades_max == int(query["limit"])
    body = b'{"code":"0","data":[{"tradeId":"102"},{"tradeId":"100"}]}'
    assert rest.TRADE_FILL.trades("A", body) == [(100, b'{"tradeId":"100"}'), (102, b'{"tradeId":"102"}')]
    with pytest.raises(ValueError, match="no number"):
        rest.TRADE_FILL.trades("A", body.replace(b"100", b"-1"))
