"""The generated market as a whole."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cryptoflow.simulator import SimulatorOptions
from cryptoflow.simulator.generate import GeneratedMarket

START_MS = 1_790_000_000_000


USDM = ("binance.usdm",)


def test_seed_decides_everything(tmp_path: Path):
    """The same seed makes the same frames, another seed others."""

    def frames(seed):
        told = {"markets": USDM, "symbols": 3, "start_ms": START_MS, "seed": seed}
        return GeneratedMarket(SimulatorOptions(data_dir=tmp_path, **told)).batch(2000)

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)


def test_every_stream_flows(tmp_path: Path):
    """All symbols and channels have frames; a closing round has one of each; time passes by the rate."""
    told = {"markets": USDM, "symbols": 30, "start_ms": START_MS, "rate_fps": 1000}
    market = GeneratedMarket(SimulatorOptions(data_dir=tmp_path, **told))
    streams = Counter(stream for stream, _ in market.batch(10_000))
    symbols = {listing.symbol for listing in market.listings("binance.usdm")}
    assert {stream.partition(" ")[2].partition("@")[0].upper() for stream in streams} == symbols
    assert 10_000 <= market.now_ms - START_MS < 13_000
    assert {stream for stream, _ in market.closing()} == set(market.expected)


def test_channels_are_chosen_by_name(tmp_path: Path):
    """Only the streams asked for are made."""
    told = {"markets": USDM, "symbols": 1, "channels": {"binance.usdm": ("bookTicker",)}}
    market = GeneratedMarket(SimulatorOptions(data_dir=tmp_path, **told))
    assert market.expected == ["binance.usdm sym0001usdt@bookTicker"]
    assert {stream for stream, _ in market.batch(100)} == set(market.expected)


def test_an_unknown_symbol_has_no_book(tmp_path: Path):
    """There is nothing to answer for it."""
    market = GeneratedMarket(SimulatorOptions(data_dir=tmp_path, markets=USDM, symbols=1))
    assert market.snapshot_now("binance.usdm", "NONE") is None
    assert market.trades("binance.usdm", "NONE", -1, 5) is None
