"""What is recorded is chosen from the venue's own answers, within its limits."""

from __future__ import annotations

import dataclasses

import pytest

from cryptoflow.config import Producer
from cryptoflow.errors import ConfigError
from exchanges.binance import USDM
from producers._plan import choose_streams, choose_symbols, is_owned, spread
from schemas import InstrumentDefinition


def definition(native: str, symbol: str, status: str = "TRADING") -> InstrumentDefinition:
    """Invent an instrument."""
    return InstrumentDefinition(native, symbol, "X", "Y", "Y", "perpetual", status, is_trading=status == "TRADING")


LISTED = [definition("AAAUSDT", "AAA-USDT-PERP"), definition("BBBUSDT", "BBB-USDT-PERP", "SETTLING")]


def test_default_channels_are_those_marked_so() -> None:
    """Nothing configured means the venue's defaults."""
    chosen = choose_streams("binance", USDM, Producer())
    assert [stream.channel for stream in chosen] == [one.channel for one in USDM.streams if one.default]


def test_channels_are_checked_against_the_market() -> None:
    """A wrong channel is one line that lists the right ones."""
    settings = Producer(channels={"binance.usdm": ("trade", "depth@0ms")})
    assert [stream.channel for stream in choose_streams("binance", USDM, settings)] == ["trade", "depth@0ms"]
    with pytest.raises(ConfigError, match=r"klines is not one; one of aggTrade"):
        choose_streams("binance", USDM, Producer(channels={"binance.usdm": ("aggTrade", "klines")}))
    with pytest.raises(ConfigError):
        choose_streams("binance", USDM, Producer(channels={"binance.usdm": ()}))


def test_symbols_come_from_the_venues_list() -> None:
    """Native and canonical names are understood, unknown ones refused, none means all that trade."""
    assert choose_symbols("binance", "usdm", ["BBB-USDT-PERP", "AAAUSDT", "AAAUSDT"], LISTED) == ["BBBUSDT", "AAAUSDT"]
    assert choose_symbols("binance", "usdm", [], LISTED) == ["AAAUSDT"]
    with pytest.raises(ConfigError, match="CCCUSDT is not listed"):
        choose_symbols("binance", "usdm", ["CCCUSDT"], LISTED)


@pytest.mark.parametrize("count", [1, 3, 4])
def test_every_symbol_has_exactly_one_owner(count: int) -> None:
    """Replicas share the symbols without overlap, and each gets some."""
    replicas = [Producer(replica_count=count, replica_index=index) for index in range(count)]
    owners = [
        [index for index, one in enumerate(replicas) if is_owned("binance", "usdm", f"S{n}", one)] for n in range(200)
    ]
    assert all(len(one) == 1 for one in owners)
    assert len({one[0] for one in owners}) == count


def test_connections_stay_within_the_venues_limit_and_split_no_symbol() -> None:
    """All streams of a symbol on one endpoint are on one connection."""
    small = dataclasses.replace(
        USDM, endpoints=tuple(dataclasses.replace(endpoint, streams_max=7) for endpoint in USDM.endpoints)
    )
    symbols = [f"S{n}USDT" for n in range(10)]
    carried = spread(small, choose_streams("binance", small, Producer()), symbols)
    assert all(len(one.streams) <= 7 for one in carried)
    for endpoint in ("public", "market"):
        here = [one for one in carried if one.endpoint.name == endpoint]
        assert sorted({info.symbol for one in here for info in one.streams}) == sorted(symbols)
        for symbol in symbols:
            assert sum(any(info.symbol == symbol for info in one.streams) for one in here) == 1
    names = [info.name for one in carried for info in one.streams]
    assert len(names) == len(set(names)) == 50
    assert "s0usdt@depth@100ms" in names
