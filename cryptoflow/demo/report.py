"""Say what a run came to."""

from __future__ import annotations

from typing import Any

import orjson

from cryptoflow.demo.progress import Tables, fetch_counter, fetch_counts
from cryptoflow.demo.stages import Stages
from cryptoflow.localstack import LocalStack

_FIRST_QUERY = "SELECT symbol, count(*), max(price) FROM trades GROUP BY symbol ORDER BY symbol"


def collect(stack: LocalStack, stages: Stages, tables: Tables, elapsed_s: float) -> dict[str, Any]:
    """Return counts read from the running parts and from the tables themselves, and what of recordings is in none."""
    states = tables.states()
    frames = stages.frames()
    per_market = {name: tables.by_market(name) for name, state in states.items() if state.rows}
    return {
        "frames": {
            "sent": int(stages.simulator().get("frames_sent", 0)),
            "received": frames.get("received", 0),
            "published": frames.get("published", 0),
            "not_ours": frames.get("not_ours", 0),
        },
        "rows": {name: state.rows for name, state in states.items()},
        "gaps": tables.distinct("gaps", "gap_id"),
        "duplicates_dropped": fetch_counter(stages.metrics_url("worker"), "cryptoflow_duplicates_dropped_total"),
        "dead_letters": states["dead_letters"].rows,
        "checksums": _checksums(stages),
        "snapshots": {name: state.snapshots for name, state in states.items()},
        "markets": {
            market: {name: rows for name, counts in per_market.items() if (rows := counts.get(market, 0))}
            for market in sorted({market for counts in per_market.values() for market in counts})
        },
        "left_out": dict(stages.plan.left_out),
        "elapsed_s": round(elapsed_s, 3),
        "data_dir": str(stack.data_dir),
    }


def _checksums(stages: Stages) -> dict[str, dict[str, int]]:
    """Return, per `<exchange>.<market>`, how many sums over books were right, wrong or not there."""
    name, labels = "cryptoflow_book_checksums_total", ("exchange", "market", "result")
    found: dict[str, dict[str, int]] = {}
    for (exchange, market, result), count in sorted(fetch_counts(stages.metrics_url("worker"), name, *labels).items()):
        found.setdefault(f"{exchange}.{market}", {})[result] = count
    return found


def as_json(found: dict[str, Any]) -> str:
    """Return the one object that `--json` prints."""
    return orjson.dumps(found).decode()


def as_text(found: dict[str, Any]) -> str:
    """Return the lines for a person, the first query included."""
    frames = found["frames"]
    lines = [f"frames: {frames['sent']:,} sent, {frames['received']:,} received, {frames['published']:,} published"]
    for name, rows in found["rows"].items():
        if rows:
            lines.append(f"{name}: {rows:,} rows in {found['snapshots'][name]} snapshots")
    dropped, letters = found["duplicates_dropped"], found["dead_letters"]
    lines.append(f"gaps: {found['gaps']}  duplicates dropped: {dropped}  dead letters: {letters}")
    lines += [
        f"checksums of {market}: {', '.join(f'{count:,} {result}' for result, count in told.items())}"
        for market, told in found["checksums"].items()
    ]
    lines.append(f'next: cryptoflow query --data-dir {found["data_dir"]} "{_FIRST_QUERY}"')
    return "\n".join(lines)
