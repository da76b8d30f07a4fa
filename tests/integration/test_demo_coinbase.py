"""Coinbase through simulator, producer, broker, worker and tables: the recorded session, and both feeds with faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.demo_run import expected_of, hold_to_faults, hold_to_reference, name_of, queried, sessions
from tests.doubles.kept_books import best_expected, best_of_tables

pytestmark = pytest.mark.stack
HISTORY_SQL = "SELECT count(*) AS rows FROM trades WHERE history"
RECENT_TRADES = 100
"""Trades a venue repeats when a product is subscribed."""

FEEDS = ("--market", "coinbase.spot", "--market", "coinbase.exchange")
PACE = ("--symbols", "2", "--frames", "9000", "--rate", "1200")
UNABLE = frozenset({"checksum", "day", "notice", "stale", "429", "418", "403"})
"""Books come in the stream and have no checksum; no lifetime and no notice are documented."""


@pytest.mark.parametrize("path", sessions("coinbase_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids, sums and final books are those of the reference; frames of megabytes pass; old trades are marked."""
    found = hold_to_reference(path, tmp_path)
    assert found["markets"].keys() == {"coinbase.spot"}
    products = found["rows"]["instruments"]
    assert queried(tmp_path, HISTORY_SQL) == [{"rows": products * RECENT_TRADES}]
    assert best_of_tables(tmp_path) == best_expected(expected_of(path))


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Both feeds at once, without ids in their books: nothing is lost, doubled, altered or undeclared."""
    hold_to_faults(tmp_path, *FEEDS, *PACE, unable=UNABLE)
