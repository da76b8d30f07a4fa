"""What a demo run is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FRAMES_DEFAULT = 100_000
MARKETS_DEFAULT = ("binance.usdm",)


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """Describe one demo run.

    With `recordings` the simulator replays them; otherwise it generates `symbols` instruments of each
    of `markets` (`<exchange>.<market>`) at `rate` frames per second in total (0 = as fast as they are
    taken) until `frames` or `seconds`. `once` ends the run when all that was sent is committed;
    `as_json` then prints one object.
    """

    recordings: tuple[Path, ...] = ()
    markets: tuple[str, ...] = MARKETS_DEFAULT
    symbols: int = 20
    rate: float = 2000
    frames: int = 0
    seconds: float = 0.0
    faults: str = "none"
    seed: int = 1
    once: bool = False
    data_dir: Path | None = None
    as_json: bool = False
