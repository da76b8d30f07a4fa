"""Binance spot through simulator, producer, broker, worker and tables: the recorded session, and with faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.demo_run import hold_to_faults, hold_to_reference, name_of, sessions

pytestmark = pytest.mark.stack
MARKETS = ("--market", "binance.spot", "--market", "binance.usdm")
PACE = ("--symbols", "2", "--frames", "12000", "--rate", "1200")
UNABLE = frozenset({"checksum"})
"""Books are proven by ids, not by a checksum."""


@pytest.mark.parametrize("path", sessions("binance_spot_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids and exact sums are those of the reference; deltas older than the snapshot are rows too."""
    found = hold_to_reference(path, tmp_path)
    assert found["markets"].keys() == {"binance.spot"}


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Both markets at once, with books spliced over REST: nothing is lost, doubled, altered or undeclared."""
    hold_to_faults(tmp_path, *MARKETS, *PACE, unable=UNABLE)
