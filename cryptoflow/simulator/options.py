"""What a run of the venue simulator is asked to do, with every limit it keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptoflow.errors import ConfigError
from cryptoflow.simulator.troubles import TROUBLES

FAULTS = (
    *("gap", "duplicate", "reorder", "disconnect", "silence", "ack_silent", "garbage", "stale", "429", "418", "403"),
    *("checksum", "crossed", *TROUBLES),
)
"""All faults, in the order in which a run with all of them begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorOptions:
    """Describe one run: a replay when `recordings` is given, else a generated market.

    `markets` are `<exchange>.<market>` names, empty for all of a generated run; each gets `symbols`
    instruments. `channels` chooses streams of a market by the beginning of their names, where given.
    A generated run ends after `frames_max` frames handed to sockets or `run_s` seconds (0 = no
    limit). `rate_fps` 0 means as fast as the sockets take it, `speed` 0 the same for a replay and
    1 real time. The same seed, symbols, channels and `start_ms` generate the same market, as long as
    it is paced and the sockets keep up: streams with a period keep it in real time.
    """

    data_dir: Path
    recordings: tuple[Path, ...] = ()
    markets: tuple[str, ...] = ()
    symbols: int = 20
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rate_fps: float = 0.0
    frames_max: int = 0
    run_s: float = 0.0
    speed: float = 0.0
    seed: int = 1
    start_ms: int = 0
    """Venue clock at the start of a generated market [ms]; 0 = now."""
    book_levels: int = 40
    """Levels a generated book keeps per side, about."""

    faults: tuple[str, ...] = ()
    fault_interval_frames: int = 0
    """Mean frames between faults; 0 = chosen from `frames_max`."""
    silence_s: float = 120.0
    """Longest silence of a stream [s]; subscribing it again ends it, so it lasts until it is noticed."""

    ws_port: int = 0
    rest_port: int = 0
    limits: Mapping[str, int | float | None] = field(default_factory=dict)
    """Values of `venues.Limits` to keep instead of the venues' own, by field name."""
    ping_interval_s: float = 20.0
    ping_timeout_s: float = 60.0
    start_wait_s: float = 120.0
    """Wait for the next of the expected streams to be subscribed before data flows anyway [s]."""
    first_wait_s: float = 0.0
    """Wait for the first of them, if that is longer: whoever records starts later than the venue [s]."""
    barrier_wait_s: float = 20.0
    """Hold a symbol's frames behind a recorded snapshot nobody asks for [s]."""
    early_request_wait_s: float = 3.0
    """Hold a snapshot request that comes before its place in the recording [s]."""
    slow_client_s: float = 60.0
    """Cut a client that takes nothing for this long [s]."""
    recovery_wait_s: float = 300.0
    """Keep the market going after its last frame until all faults have healed [s]."""
    unsent_rate_fps: float = 2000.0
    """Frames per second that pass by while nobody is subscribed to them, when unpaced."""


def parse_faults(text: str) -> tuple[str, ...]:
    """Read `all`, `none` or a comma list of fault names. Raises ConfigError for an unknown name."""
    if text in {"", "none"}:
        return ()
    if text == "all":
        return FAULTS
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise ConfigError(f"no such fault: {', '.join(unknown)}", fix=f"use all, none or {','.join(FAULTS)}")
    return names
