"""OKX through simulator, producer, broker, worker and tables: the recorded session, and all markets full of faults."""

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
MARKETS = ("--market", "okx.spot", "--market", "okx.swap", "--market", "okx.futures")
SYMBOLS, FRAMES, RATE = 2, 12_000, 1000
FAULTS = ("gap", "duplicate", "disconnect", "garbage", "crossed", "partial", "notice", "reset", "oversize")
"""Those that show at once; streams that fall silent take their limits and are tried where ids are simplest."""


@pytest.mark.parametrize("path", sessions("okx_*"), ids=name_of)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """A session of an older dialect is read as of its date: rows, sums, books, and every sum over a book is right."""
    told = expected_of(path)
    found = demo(tmp_path, "--recording", path)
    wanted = rows_expected(told)
    assert {table: found["rows"][table] for table in wanted} == wanted
    frames = found["frames"]
    assert frames["sent"] == frames["received"] == frames["published"] > 0
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    assert found["markets"].keys() == {"okx.spot", "okx.swap", "okx.futures"}
    books = sum(count for name, count in told["frames"].items() if name.startswith("book_"))
    assert [verdict for sums in found["checksums"].values() for verdict in sums] == ["ok"] * len(found["markets"])
    assert sum(sums["ok"] for sums in found["checksums"].values()) == books == 290
    assert wire_trades(tmp_path) == trades_expected(told)
    assert best_of_tables(tmp_path) == best_expected(told)


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """Every one of these faults happens, and `verify` finds nothing lost, doubled, altered or undeclared."""
    size = ("--symbols", str(SYMBOLS), "--frames", str(FRAMES), "--rate", str(RATE))
    found = demo(tmp_path, *MARKETS, *size, "--faults", ",".join(FAULTS), **IMPATIENT)
    assert faults_done(tmp_path).keys() == {*FAULTS}
    frames = found["frames"]
    # One stream tells the liquidations of every instrument, those of others too.
    assert frames["received"] == frames["published"] + frames["not_ours"]
    assert found["markets"].keys() == {"okx.spot", "okx.swap", "okx.futures"}
    assert min(found[name] for name in ("gaps", "dead_letters", "duplicates_dropped")) > 0
    report = verified(tmp_path)
    assert report["frames"] >= FRAMES
    assert (report["lost"], report["duplicated"], report["altered"]) == (0, 0, 0)
