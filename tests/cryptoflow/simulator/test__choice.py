"""Of what was recorded that is replayed which a producer can subscribe side by side."""

from __future__ import annotations

import pytest

from cryptoflow.simulator import chosen_streams
from exchanges.binance import USDM
from exchanges.bybit import LINEAR
from exchanges.okx import FUTURES, SWAP


@pytest.mark.parametrize(
    ("streams", "kept"),
    [
        (("orderbook.50.A", "orderbook.200.A", "orderbook.1.A"), {"orderbook.200.A", "orderbook.1.A"}),
        (("orderbook.1000.A", "orderbook.50.A"), {"orderbook.50.A"}),
        (("orderbook.50.A", "orderbook.200.A", "orderbook.50.B"), {"orderbook.200.A", "orderbook.50.B"}),
        (("tickers.A", "kline.1.A", "publicTrade.C"), {"tickers.A"}),
    ],
)
def test_a_symbol_has_one_stream_of_books(streams: tuple[str, ...], kept: set[str]) -> None:
    """The default depth, else the first; another symbol may have another; what nobody subscribes is none."""
    assert chosen_streams(LINEAR, ["A", "B"], streams).keys() == kept


def test_streams_of_a_whole_market_serve_symbols() -> None:
    """Where no symbol is recorded there is nothing to subscribe them for."""
    assert chosen_streams(USDM, ["A"], ["!forceOrder@arr"]).keys() == {"!forceOrder@arr"}
    assert not chosen_streams(USDM, [], ["!forceOrder@arr"])
    assert not chosen_streams(FUTURES, [], ["liquidation-orders:FUTURES"])


def test_an_index_serves_the_contracts_named_after_it() -> None:
    """It is subscribed by its own name."""
    recorded = ["index-tickers:A-USD", "index-tickers:B-USD", "mark-price:A-USD-SWAP"]
    assert chosen_streams(SWAP, ["A-USD-SWAP"], recorded).keys() == {"index-tickers:A-USD", "mark-price:A-USD-SWAP"}
