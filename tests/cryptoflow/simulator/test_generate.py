"""The generated market as a whole."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from cryptoflow.simulator import SimulatorOptions, invented_symbols
from cryptoflow.simulator.generate import GeneratedMarket

START_MS = 1_790_000_000_000


def test_seed_decides_everything(tmp_path: Path):
    """The same seed makes the same frames, another seed others."""

    def frames(seed):
        told = {"symbols": invented_symbols(3), "start_ms": START_MS, "seed": seed}
        return GeneratedMarket(SimulatorOptions(data_dir=tmp_path, **told)).batch(2000)

    assert frames(1) == frames(1)
    assert frames(1) != frames(2)


def test_every_stream_flows(tmp_path: Path):
    """All symbols and channels have frames; a closing round has one of each; time passes by the rate."""
    symbols = invented_symbols(30)
    market = GeneratedMarket(SimulatorOptions(data_dir=tmp_path, symbols=symbols, start_ms=START_MS, rate_fps=1000))
    streams = Counter(stream for stream, _ in market.batch(10_000))
    assert {stream.partition("@")[0].upper() for stream in streams} == set(symbols)
    assert 10_000 <= market.now_ms - START_MS < 13_000
    assert {stream for stream, _ in market.closing()} == set(market.expected)


def test_rest_bodies(tmp_path: Path):
    """Definitions and funding intervals are of the generated symbols and marked synthetic."""
    market = GeneratedMarket(SimulatorOptions(data_dir=tmp_path, symbols=invented_symbols(4), start_ms=START_MS))
    info = json.loads(market.exchange_info())
    assert [entry["symbol"] for entry in info["symbols"]] == market.symbols
    assert info["rateLimits"][0]["limit"] == 2400
    assert len(json.loads(market.funding_info())) == 2
    assert market.snapshot_now("NONE") is None
