"""What a run came to, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cryptoflow.demo import report
from cryptoflow.demo.plan import Plan
from cryptoflow.demo.progress import TableState
from cryptoflow.demo.report import as_json, as_text, collect

FOUND: dict[str, Any] = {
    "frames": {"sent": 12_000, "received": 11_000, "published": 10_000},
    "rows": {"trades": 1234, "funding": 0},
    "gaps": 3,
    "duplicates_dropped": 4,
    "dead_letters": 5,
    "checksums": {"kraken.spot": {"ok": 1510, "mismatch": 2}},
    "snapshots": {"trades": 6, "funding": 0},
    "elapsed_s": 1.5,
    "data_dir": "there",
}


class TablesDouble:
    """Be the tables of a run; it cannot imitate a catalog that is away."""

    def states(self) -> dict[str, TableState]:
        """Return rows and snapshots of three tables."""
        return {"trades": TableState(7, 2, {}), "gaps": TableState(4, 1, {}), "dead_letters": TableState(1, 1, {})}

    def by_market(self, name: str) -> dict[str, int]:
        """Count the rows of one market."""
        return {"binance.usdm": {"trades": 7, "gaps": 4, "dead_letters": 1}[name]}

    def distinct(self, name: str, column: str) -> int:
        """Count gaps: two rows each."""
        return {("gaps", "gap_id"): 2}[name, column]


def test_figures_come_from_the_parts_and_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gaps are counted by id, not by row; frames by who saw them; duplicates where they are dropped."""
    stages: Any = SimpleNamespace(
        simulator=lambda: {"frames_sent": 9},
        frames=lambda: {"received": 8, "published": 7, "not_ours": 1},
        metrics_url=lambda name: f"http://{name}",
        plan=Plan("replay", left_out={"binance btcusdt@kline_1m": 3}),
    )
    counters = {("http://worker", "cryptoflow_duplicates_dropped_total"): 6}
    sums = {("kraken", "spot", "ok"): 5, ("kraken", "spot", "absent"): 1, ("okx", "swap", "ok"): 2}
    monkeypatch.setattr(report, "fetch_counter", lambda url, name: counters[url, name])
    monkeypatch.setattr(report, "fetch_counts", lambda _url, _name, *_labels: sums)
    found = collect(SimpleNamespace(data_dir=Path("there")), stages, TablesDouble(), 1.23456)  # type: ignore[arg-type]  # doubles
    assert found == {
        "frames": {"sent": 9, "received": 8, "published": 7, "not_ours": 1},
        "rows": {"trades": 7, "gaps": 4, "dead_letters": 1},
        "gaps": 2,
        "duplicates_dropped": 6,
        "dead_letters": 1,
        "checksums": {"kraken.spot": {"absent": 1, "ok": 5}, "okx.swap": {"ok": 2}},
        "snapshots": {"trades": 2, "gaps": 1, "dead_letters": 1},
        "markets": {"binance.usdm": {"trades": 7, "gaps": 4, "dead_letters": 1}},
        "left_out": {"binance btcusdt@kline_1m": 3},
        "elapsed_s": 1.235,
        "data_dir": "there",
    }


def test_json_is_one_line_with_everything() -> None:
    """What a program reads is the report, no more."""
    assert json.loads(as_json(FOUND)) == FOUND
    assert "\n" not in as_json(FOUND)


def test_text_says_what_happened_and_what_to_type_next() -> None:
    """Empty tables are left out; the query names the data directory."""
    lines = as_text(FOUND).splitlines()
    assert lines[0] == "frames: 12,000 sent, 11,000 received, 10,000 published"
    assert "trades: 1,234 rows in 6 snapshots" in lines
    assert not [line for line in lines if line.startswith("funding")]
    assert "gaps: 3  duplicates dropped: 4  dead letters: 5" in lines
    assert "checksums of kraken.spot: 1,510 ok, 2 mismatch" in lines
    assert lines[-1].startswith('next: cryptoflow query --data-dir there "SELECT ')
