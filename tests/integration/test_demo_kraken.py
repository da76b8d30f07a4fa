"""Kraken through simulator, producer, broker, worker and tables: recorded sessions, and both markets full of faults."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doubles.demo_run import (
    IMPATIENT,
    demo,
    expected_of,
    faults_done,
    name_of,
    rows_expected,
    sessions,
    trades_expected,
    verified,
)
from tests.doubles.kept_books import best_expected, best_of_tables
from tests.doubles.wire_trades import wire_trades

pytestmark = pytest.mark.stack
MARKETS = ("--market", "kraken.spot", "--market", "kraken.futures")
SYMBOLS, FRAMES, RATE = 2, 12_000, 1500
FAULTS = ("gap", "duplicate", "disconnect", "garbage", "checksum", "crossed", "partial", "notice", "reset", "oversize")
"""Those that show at once; streams that fall silent take their limits and are tried where ids are simplest."""


@pytest.mark.parametrize("path", sessions("kraken_spot_*"), ids=name_of)
def test_a_recorded_spot_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Every sum over the book is right, and the book of the tables ends as the reference's, cut to its depth."""
    told = expected_of(path)
    found = demo(tmp_path, "--recording", path)
    wanted = rows_expected(told)
    assert {table: found["rows"][table] for table in wanted} == wanted
    frames = found["frames"]
    assert frames["sent"] == frames["received"] == frames["published"] == told["checksums"]["ok"] == 510
    assert found["checksums"] == {"kraken.spot": {"ok": 510}}
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    assert best_of_tables(tmp_path, depth=10) == best_expected(told)


@pytest.mark.parametrize("path", sessions("kraken_futures_*"), ids=name_of)
def test_a_recorded_futures_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids, exact sums and books are those of the reference; trades told on subscribing are marked as history."""
    told = expected_of(path)
    found = demo(tmp_path, "--recording", path)
    wanted = rows_expected(told)
    history = sum(rows for name, rows in told["frames"].items() if name.startswith("trade_history "))
    wanted["trades"] += history
    assert {table: found["rows"][table] for table in wanted} == wanted
    frames = found["frames"]
    assert frames["sent"] == frames["received"] == frames["published"] > 0
    assert not told["sequence_gaps"]
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    assert wire_trades(tmp_path, "NOT history") == trades_expected(told)
    assert sum(one["distinct_ids"] for one in wire_trades(tmp_path, "history").values()) == history
    assert best_of_tables(tmp_path) == best_expected(told)


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Every one of these faults happens, and `verify` finds nothing lost, doubled, altered or undeclared."""
    size = ("--symbols", str(SYMBOLS), "--frames", str(FRAMES), "--rate", str(RATE))
    found = demo(tmp_path, *MARKETS, *size, "--faults", ",".join(FAULTS), **IMPATIENT)
    assert faults_done(tmp_path).keys() == {*FAULTS}
    assert found["frames"]["received"] == found["frames"]["published"]
    assert found["markets"].keys() == {"kraken.spot", "kraken.futures"}
    assert min(found["checksums"]["kraken.spot"][verdict] for verdict in ("ok", "mismatch")) > 0
    assert min(found[name] for name in ("gaps", "dead_letters", "duplicates_dropped")) > 0
    report = verified(tmp_path)
    assert report["frames"] >= FRAMES
    assert (report["lost"], report["duplicated"], report["altered"]) == (0, 0, 0)
