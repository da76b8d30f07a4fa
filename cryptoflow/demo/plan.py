"""Turn what a demo is asked to do into settings and commands for its parts."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Plan:
    """Hold what the producer needs to know: symbols, channels and how its rows are marked."""

    symbols: tuple[str, ...]
    channels: tuple[str, ...]
    source: str


def simulate_command(options: DemoOptions, data_dir: Path) -> list[str]:
    """Return the command of the simulator."""
    command = [*cli(), "simulate", "--data-dir", str(data_dir), "--seed", str(options.seed)]
    command += ["--faults", options.faults]
    if options.recordings:
        return [*command, *(part for path in options.recordings for part in ("--recording", str(path.resolve())))]
    command += ["--market", f"{EXCHANGE}.{MARKET}", "--symbols", str(options.symbols), "--rate", str(options.rate)]
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
    market = f"{EXCHANGE}.{MARKET}"
    patience = PATIENCE if plan.source == "replay" else {}
    return {
        "producer": {
            **patience,
            "endpoints": {name: url for name, url in urls.items() if name.startswith(f"{market}.")},
            "channels": {market: list(plan.channels)} if plan.channels else {},
            "spool_dir": str(data_dir / "spool"),
            "spool_max_bytes": SPOOL_MAX_BYTES,
        },
        "sinks": {"flush_age_s": FLUSH_INTERVAL_S, "quiet_commit_s": QUIET_INTERVAL_S},
    }


def write_config(path: Path, settings: Settings, extra: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the stack's settings with the overlay as the configuration file of the stages."""
    values = record.plain(settings.model_dump())
    for section, found in extra.items():
        values[section] = {**values[section], **found}
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(values, sort_keys=False), "utf-8")
