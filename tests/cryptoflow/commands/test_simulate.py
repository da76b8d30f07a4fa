"""`cryptoflow simulate` hands its options to the simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.simulator import FAULTS, SimulatorOptions


def test_options_arrive(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A generated market has symbols, rate, end, seed and faults."""
    seen: list[SimulatorOptions] = []

    async def simulate(options: SimulatorOptions, stop: asyncio.Event) -> None:
        assert not stop.is_set()
        seen.append(options)

    monkeypatch.setattr("cryptoflow.simulator.simulate", simulate)
    words = "--data-dir d --symbols 2 --rate 5 --frames 7 --for 1.5 --faults all --speed 2 --seed 9"
    assert cli("simulate", *words.split()).exit_code == 0
    [options] = seen
    assert options.symbols == 2
    assert options.markets == ()
    assert (options.rate_fps, options.frames_max, options.run_s, options.seed) == (5, 7, 1.5, 9)
    assert (options.faults, options.data_dir, options.speed) == (FAULTS, Path("d"), 2)


def test_a_fault_that_does_not_exist_is_one_line(error_line: Callable[..., str]) -> None:
    """The error lists those that do."""
    assert "no such fault: flood" in error_line(2, "simulate", "--faults", "flood")
