"""`cryptoflow demo` hands its options to the demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.demo import DemoOptions


def test_options_arrive(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every option has its place, and the demo's exit code is the command's."""
    seen: list[DemoOptions] = []
    monkeypatch.setattr("cryptoflow.demo.run", lambda options: seen.append(options) or 1)
    (tmp_path / "r.gz").touch()
    words = "--recording r.gz --market binance.spot --symbols 3 --rate 5 --frames 7 --for 1.5 --faults gap --seed 9"
    words += " --once --data-dir d --json"
    assert cli("demo", *words.split()).exit_code == 1
    assert seen == [
        DemoOptions(
            recordings=(Path("r.gz"),),
            markets=("binance.spot",),
            symbols=3,
            rate=5,
            frames=7,
            seconds=1.5,
            faults="gap",
            seed=9,
            once=True,
            data_dir=Path("d"),
            as_json=True,
        )
    ]


def test_a_recording_that_is_not_there_is_one_line(error_line: Callable[..., str]) -> None:
    """The file is named before anything starts."""
    assert "'nowhere.gz' does not exist" in error_line(2, "demo", "--recording", "nowhere.gz")
