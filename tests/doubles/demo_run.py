"""Run the command line as its users do, and hold what came out to the reference of the recordings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.simulator import FAULTS, LEDGER_DIR

ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "recordings"
ABSENT = "recordings not present at ../shared/recordings"
TIMEOUT_S = 240.0
IMPATIENT = {
    "CRYPTOFLOW_PRODUCER__SILENCE_MIN_S": "10",
    "CRYPTOFLOW_PRODUCER__UNHEARD_LIMIT_S": "15",
    "CRYPTOFLOW_PRODUCER__RECONNECT_MAX_S": "1",
    "CRYPTOFLOW_PRODUCER__CONNECTION_SILENCE_S": "4",
    "CRYPTOFLOW_PRODUCER__ADDRESS_COOL_DOWN_S": "1",
}
"""A silent stream is given up and a cut connection is back within seconds, so the run heals sooner."""
TABLE_OF = {
    "trade": "trades",
    "quote": "quotes",
    "ticker": "quotes",
    "book_delta": "book_deltas",
    "book_snapshot": "book_snapshots",
}
"""Names of `expected.json` and the tables they are about; a book counts its level rows."""
TRADES_SQL = """
    SELECT native_symbol, count(*) AS rows, count(DISTINCT trade_id) AS distinct_ids, sum(size) AS size_sum,
           sum(notional) AS notional_sum, max(price) AS high, min(price) AS low
    FROM trades GROUP BY native_symbol
"""


def sessions(pattern: str) -> list[Any]:
    """Return the recordings of a name, or one parameter that is skipped when there are none."""
    found = sorted(RECORDINGS.glob(f"{pattern}.jsonl.gz"))
    return [*found] or [pytest.param(Path("none"), marks=pytest.mark.skip(reason=ABSENT))]


def name_of(recording: Path) -> str:
    """Return the name `expected.json` has for a recording."""
    return recording.name.removesuffix(".jsonl.gz")


def expected_of(recording: Path) -> dict[str, Any]:
    """Return what the reference says of a recording; skip the test where it says nothing."""
    told: dict[str, Any] = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))
    if name_of(recording) not in told:
        pytest.skip(f"expected.json says nothing of {name_of(recording)}")
    found: dict[str, Any] = told[name_of(recording)]
    return found


def cryptoflow(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line; of this environment's settings it sees only those given."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CRYPTOFLOW_")}
    kept |= {name: os.environ[name] for name in ("CRYPTOFLOW_CACHE",) if name in os.environ}
    command = [sys.executable, "-m", "cryptoflow", *map(str, words)]
    env = {**kept, **settings}
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


def demo(data_dir: Path, *words: str | Path, **settings: str) -> dict[str, Any]:
    """Run `demo --once --json`; its standard output is one object and nothing else."""
    done = cryptoflow("demo", "--once", "--json", "--data-dir", data_dir, *words, **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def verified(data_dir: Path) -> dict[str, Any]:
    """Run `verify`, which must find nothing wrong, and return its report."""
    done = cryptoflow("verify", "--data-dir", data_dir, "--json")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def queried(data_dir: Path, sql: str) -> list[dict[str, Any]]:
    """Ask the tables of a stack that is down."""
    done = cryptoflow("query", "--data-dir", data_dir, "--format", "json", sql)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def rows_expected(told: Mapping[str, Any]) -> dict[str, int]:
    """Sum what a recording holds over its symbols, by table."""
    found = dict.fromkeys(TABLE_OF.values(), 0)
    for name, rows in {**told["frames"], **told["level_rows"]}.items():
        kind = name.split()[0]
        if kind in TABLE_OF:
            found[TABLE_OF[kind]] += rows
    return found


def trades_expected(told: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    """Return counts, sums and extremes of the trades of each symbol."""
    return {
        symbol: {name: Decimal(value) for name, value in figures.items()} for symbol, figures in told["trades"].items()
    }


def trades_found(data_dir: Path) -> dict[str, dict[str, Decimal]]:
    """Return the same of the table of trades."""
    return {
        row.pop("native_symbol"): {column: Decimal(value) for column, value in row.items()}
        for row in queried(data_dir, TRADES_SQL)
    }


def hold_to_reference(recording: Path, data_dir: Path) -> dict[str, Any]:
    """Run a recording through everything: rows, ids and exact sums are those of the reference, without a gap."""
    told = expected_of(recording)
    found = demo(data_dir, "--recording", recording)
    wanted = rows_expected(told)
    assert {table: found["rows"][table] for table in wanted} == wanted
    frames = found["frames"]
    assert frames["sent"] == frames["received"] == frames["published"] > 0
    assert not told["sequence_gaps"]
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    assert trades_found(data_dir) == trades_expected(told)
    return found


def hold_to_faults(data_dir: Path, *words: str, unable: frozenset[str]) -> dict[str, Any]:
    """Run generated markets with every fault: all but those `unable` to be happen, and `verify` is clean."""
    found = demo(data_dir, *words, "--faults", "all", **IMPATIENT)
    assert found["frames"]["received"] == found["frames"]["published"]
    assert found["gaps"] > 0
    assert faults_done(data_dir).keys() == set(FAULTS) - unable
    report = verified(data_dir)
    assert (report["lost"], report["duplicated"], report["altered"], report["undeclared_gaps"]) == (0, 0, 0, 0)
    return report


def faults_done(data_dir: Path) -> Counter[str]:
    """Count the faults the simulator noted in its ledger."""
    counts: Counter[str] = Counter()
    for path in (data_dir / LEDGER_DIR).glob("*.log"):
        with path.open("rb") as lines:
            for line in lines:
                if line.startswith(b"J "):
                    told = json.loads(line.split(b" ", 4)[4])
                    if told["ev"] == "fault":
                        counts[told["kind"]] += 1
    return counts
