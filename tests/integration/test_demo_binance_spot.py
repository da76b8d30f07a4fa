"""Binance spot through simulator, producer, broker, worker and tables: the recorded session, and with faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.demo_run import expected_of, hold_to_faults, hold_to_reference, name_of, sessions
from tests.doubles.kept_books import best_expected, best_of_tables

pytestmark = pytest.mark.stack
MARKETS = ("--market", "binance.spot", "--market", "binance.usdm")
PACE = ("--symbols", "2", "--frames", "12000", "--rate", "1200")
UNABLE = frozenset({"checksum"})
"""Books are proven by ids, not by a checksum."""


@pytest.mark.parametrize("path", sessions("binance_spot_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids, sums and the final book are those of the reference; deltas older than the snapshot are rows too."""
    found = hold_to_reference(path, tmp_path)
    assert found["markets"].keys() == {"binance.spot"}
    assert best_of_tables(tmp_path, by_id=True) == best_expected(expected_of(path))


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Both markets at once, with books spliced over REST: nothing is lost, doubled, altered or undeclared."""
    hold_to_faults(tmp_path, *MARKETS, *PACE, unable=UNABLE)
