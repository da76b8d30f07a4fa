"""Turn what a demo is asked to do into settings and commands for its parts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cryptoflow.config import Settings
from cryptoflow.demo.options import FRAMES_DEFAULT, DemoOptions
from cryptoflow.localstack import record

EXCHANGE = "binance"
MARKET = "usdm"
FLUSH_INTERVAL_S = 2.0
"""A demo shows rows soon; production commits every minute."""
QUIET_INTERVAL_S = 5.0
SPOOL_MAX_BYTES = 1 << 30
PATIENCE = {
    "connection_silence_s": 3600.0,
    "silence_min_s": 3600.0,
    "silence_period_factor": 3600.0,
    "unheard_limit_s": 3600.0,
}
"""A replay runs at another speed than its venue and ends: there silence is no failure."""

LATER_BOOKS_S = 0.5
"""Books that a recording holds besides the first ones are asked for as often as this."""


@dataclass(frozen=True, slots=True)
class MarketPlan:
    """Hold what is recorded of one market, `<exchange>.<market>`; no symbols: all, no channels: its defaults."""

    market: str
    symbols: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what the producer needs to know: markets, how its rows are marked, and the dates of old dialects.

    Of recordings `left_out` counts the rows that are not replayed, by stream, `omissions` says the same in
    a line, and `later_books` tells that books were asked for again while they were recorded.
    """

    source: str
    markets: tuple[MarketPlan, ...] = (MarketPlan(f"{EXCHANGE}.{MARKET}"),)
    dialects: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    omissions: str = ""
    later_books: bool = False

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Return the exchanges of the markets."""
        return tuple(dict.fromkeys(one.market.partition(".")[0] for one in self.markets))

    def producer_words(self) -> list[str]:
        """Return the producer's options: one process records every market."""
        if len(self.markets) == 1:
            exchange, _, market = self.markets[0].market.partition(".")
            named = [word for symbol in self.markets[0].symbols for word in ("--symbol", symbol)]
            return ["--exchange", exchange, "--market", market, "--source", self.source, *named]
        words = []
        for exchange in self.exchanges:
            words += ["--exchange", exchange]
        for one in self.markets:
            words += ["--market", one.market]
        for one in self.markets:
            words += ["--symbols", f"{one.market}:{','.join(one.symbols)}"] if one.symbols else []
        return [*words, "--source", self.source]


def simulate_command(options: DemoOptions, data_dir: Path) -> list[str]:
    """Return the command of the simulator."""
    command = [*cli(), "simulate", "--data-dir", str(data_dir), "--seed", str(options.seed)]
    command += ["--faults", options.faults]
    if options.recordings:
        return [*command, *(part for path in options.recordings for part in ("--recording", str(path.resolve())))]
    command += ["--markets", ",".join(options.markets), "--symbols", str(options.symbols), "--rate", str(options.rate)]
    if options.seconds:
        return [*command, "--for", str(options.seconds)]
    frames = options.frames or (FRAMES_DEFAULT if options.once else 0)
    return [*command, "--frames", str(frames)]


def cli() -> list[str]:
    """Return the command line of this very installation."""
    return [sys.executable, "-m", "cryptoflow"]


def overlay(plan: Plan, urls: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    """Return the settings that point the stages at the simulator and make rows visible soon.

    `urls` has one URL per `<exchange>.<market>.<endpoint>`, and per `<exchange>.<market>.rest`.
    """
    patience = PATIENCE if plan.source == "replay" else {}
    if plan.later_books:
        patience = {**patience, "snapshot_interval_s": LATER_BOOKS_S}
    wanted = tuple(f"{one.market}." for one in plan.markets)
    found: dict[str, Any] = {
        "producer": {
            **patience,
            "endpoints": {name: url for name, url in urls.items() if name.startswith(wanted)},
            "channels": {one.market: list(one.channels) for one in plan.markets if one.channels},
            "spool_dir": str(data_dir / "spool"),
            "spool_max_bytes": SPOOL_MAX_BYTES,
        },
        "sinks": {"flush_age_s": FLUSH_INTERVAL_S, "quiet_commit_s": QUIET_INTERVAL_S},
    }
    return found | ({"dialects": dict(plan.dialects)} if plan.dialects else {})


def write_config(path: Path, settings: Settings, extra: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the stack's settings with the overlay as the configuration file of the stages."""
    values = record.plain(settings.model_dump())
    for section, found in extra.items():
        values[section] = {**values[section], **found}
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
