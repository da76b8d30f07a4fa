"""The whole path as a person runs it: the CLI, on recorded sessions and on a market full of faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptoflow.demo.plan import EXCHANGE, MARKET
from cryptoflow.simulator import FAULTS
from tests.doubles.demo_run import IMPATIENT, demo, faults_done, hold_to_reference, name_of, sessions, verified

pytestmark = pytest.mark.stack
SYMBOLS, FRAMES, RATE = 3, 20_000, 1500
"""Few books: after a cut every book asks for a snapshot, and the venue allows so many a minute."""


@pytest.mark.parametrize("path", sessions(f"{EXCHANGE}_{MARKET}_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids and exact sums are those of the independent reference; nothing missing, nothing twice."""
    hold_to_reference(path, tmp_path)


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """With every kind of fault on, each happens, and `verify` finds nothing lost, doubled, altered or undeclared."""
    market = ("--symbols", str(SYMBOLS), "--frames", str(FRAMES), "--rate", str(RATE))
    found = demo(tmp_path, *market, "--faults", "all", **IMPATIENT)
    assert faults_done(tmp_path).keys() == {*FAULTS} - {"checksum"}
    assert found["frames"]["received"] == found["frames"]["published"]
    assert found["gaps"] > 0
    assert found["dead_letters"] > 0
    assert found["duplicates_dropped"] > 0
    report = verified(tmp_path)
    assert report["frames"] >= FRAMES
    assert (report["lost"], report["duplicated"], report["altered"]) == (0, 0, 0)
