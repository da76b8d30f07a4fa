"""The whole path as a person runs it: the CLI, on recorded sessions and on a market full of faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.demo.plan import EXCHANGE, MARKET
from cryptoflow.simulator import FAULTS, LEDGER_DIR

pytestmark = pytest.mark.stack
ROOT = Path(__file__).resolve().parents[2]
RECORDINGS = ROOT.parent / "shared" / "recordings"
ABSENT = "recordings not present at ../shared/recordings"
SESSIONS = sorted(RECORDINGS.glob(f"{EXCHANGE}_{MARKET}_*.jsonl.gz"))
DEMO_TIMEOUT_S = 240.0
SYMBOLS, FRAMES, RATE = 5, 30_000, 1500
"""Few books: after a cut every book asks for a snapshot, and the venue allows so many a minute."""
IMPATIENT = {
    "CRYPTOFLOW_PRODUCER__SILENCE_MIN_S": "10",
    "CRYPTOFLOW_PRODUCER__UNHEARD_LIMIT_S": "15",
    "CRYPTOFLOW_PRODUCER__RECONNECT_MAX_S": "1",
}
"""A silent stream is given up and a cut connection is back within seconds, so the run heals sooner."""
TABLE_OF = {"trade": "trades", "quote": "quotes", "book_delta": "book_deltas", "book_snapshot": "book_snapshots"}
"""Names of `expected.json` and the tables they are about; a book counts its level rows."""
TRADES_SQL = """
    SELECT native_symbol, count(*) AS rows, count(DISTINCT trade_id) AS distinct_ids, sum(size) AS size_sum,
           sum(notional) AS notional_sum, max(price) AS high, min(price) AS low
    FROM trades GROUP BY native_symbol
"""


def name_of(recording: Path) -> str:
    """Return the name `expected.json` has for a recording."""
    return recording.name.removesuffix(".jsonl.gz")


def cryptoflow(*words: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as its users do; of this environment's settings it sees only those given."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("CRYPTOFLOW_")}
    kept |= {name: os.environ[name] for name in ("CRYPTOFLOW_CACHE",) if name in os.environ}
    command = [sys.executable, "-m", "cryptoflow", *map(str, words)]
    env = {**kept, **settings}
    return subprocess.run(
        command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=DEMO_TIMEOUT_S, check=False
    )


def demo(data_dir: Path, *words: str | Path, **settings: str) -> dict[str, Any]:
    """Run `demo --once --json`; its standard output is one object and nothing else."""
    done = cryptoflow("demo", "--once", "--json", "--data-dir", data_dir, *words, **settings)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") == 1
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def queried(data_dir: Path, sql: str) -> list[dict[str, Any]]:
    """Ask the tables of a stack that is down."""
    done = cryptoflow("query", "--data-dir", data_dir, "--format", "json", sql)
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def rows_expected(told: Mapping[str, Any]) -> dict[str, int]:
    """Sum what a recording holds over its symbols, by table."""
    counted = {**told["frames"], **told["level_rows"]}
    found = dict.fromkeys(TABLE_OF.values(), 0)
    for name, rows in counted.items():
        kind = name.split()[0]
        if kind in TABLE_OF:
            found[TABLE_OF[kind]] += rows
    return found


def trades_expected(told: Mapping[str, Any]) -> dict[str, dict[str, Decimal]]:
    """Return counts, sums and extremes of the trades of each symbol."""
    return {
        symbol: {name: Decimal(value) for name, value in figures.items()} for symbol, figures in told["trades"].items()
    }


@pytest.mark.parametrize(
    "path", SESSIONS or [pytest.param(Path("none"), marks=pytest.mark.skip(reason=ABSENT))], ids=name_of
)
def test_a_recorded_session_is_in_the_tables_exactly(path: Path, tmp_path: Path) -> None:
    """Rows, ids and exact sums are those of the independent reference; nothing missing, nothing twice."""
    expected = json.loads((RECORDINGS / "expected.json").read_text("utf-8"))
    name = name_of(path)
    if name not in expected:
        pytest.skip(f"expected.json says nothing of {name}")
    found = demo(tmp_path, "--recording", path)
    wanted = rows_expected(expected[name])
    assert {table: found["rows"][table] for table in wanted} == wanted
    frames = found["frames"]
    assert frames["sent"] == frames["received"] == frames["published"] > 0
    assert (found["gaps"], found["duplicates_dropped"], found["dead_letters"]) == (0, 0, 0)
    trades = {
        row.pop("native_symbol"): {column: Decimal(value) for column, value in row.items()}
        for row in queried(tmp_path, TRADES_SQL)
    }
    assert trades == trades_expected(expected[name])


def faults_done(data_dir: Path) -> dict[str, int]:
    """Count the faults the simulator noted in its ledger."""
    counts = dict.fromkeys(FAULTS, 0)
    for path in (data_dir / LEDGER_DIR).glob("*.log"):
        with path.open("rb") as lines:
            for line in lines:
                if line.startswith(b"J "):
                    told = json.loads(line.split(b" ", 4)[4])
                    if told["ev"] == "fault":
                        counts[told["kind"]] += 1
    return counts


def test_every_fault_is_accounted_for(tmp_path: Path) -> None:
    """With every kind of fault on, each happens, and `verify` finds nothing lost, doubled, altered or undeclared."""
    market = ("--symbols", str(SYMBOLS), "--frames", str(FRAMES), "--rate", str(RATE))
    found = demo(tmp_path, *market, "--faults", "all", **IMPATIENT)
    assert {kind for kind, count in faults_done(tmp_path).items() if not count} == set()
    assert found["frames"]["received"] == found["frames"]["published"]
    assert found["gaps"] > 0
    assert found["dead_letters"] > 0
    assert found["duplicates_dropped"] > 0
    done = cryptoflow("verify", "--data-dir", tmp_path, "--json")
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    report = json.loads(done.stdout)
    assert report["frames"] >= FRAMES
    assert (report["lost"], report["duplicated"], report["altered"]) == (0, 0, 0)
