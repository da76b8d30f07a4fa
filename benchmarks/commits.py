"""Measure what one commit costs after many, with merging of manifests and expiry of table snapshots on.

Path: one small data file per commit into one table of a SQL catalog on local disk, committed as the
sink does. Compares the mean of the first hundred commits after the tenth with that of the last hundred.

Command: `.venv/bin/python benchmarks/commits.py [--commits 10000]`.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import threading
import time
from pathlib import Path

from cryptoflow.config import Settings
from schemas import records
from sinks._batch import Span
from sinks._sink import Patience, TopicIdentity
from sinks.iceberg import catalog as ice
from sinks.iceberg.committer import Batch, Committer
from sinks.iceberg.tables import ensure_namespace, ensure_table
from sinks.iceberg.writer import EncodedFile, Writer, encoding

WINDOW = 100
WARM_UP = 10


def small_file(table: ice.Table) -> EncodedFile:
    """Encode one row of invented values."""
    record = records()["trades"]
    chosen = encoding(record, ice.arrow_schema(table), 3)
    writer = Writer(chosen, 1024)
    rows = chosen.layout.schema.empty_table()
    opened = writer._file(0, "binance")  # noqa: SLF001 - a file without a log behind it
    opened.writer.write_table(rows)
    return writer.finish()[0]


def main() -> None:
    """Print the cost of early and late commits, and what metadata has become."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commits", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(
            catalog={"kind": "sql", "uri": f"sqlite:///{folder}/c.db", "warehouse": f"file://{folder}/w"},
            sinks={"snapshot_max_age_h": 1e-9},
        )
        catalog = ice.connect(settings)
        ensure_namespace(settings, catalog)
        table, _ = ensure_table(settings, catalog, records()["trades"])
        committer = Committer(settings, table, "md.trades", TopicIdentity("c", "t", (0,)))
        patience = Patience(threading.Event(), 1)
        file = small_file(table)
        cpu: list[float] = []
        for number in range(options.commits):
            span = Span(number or None, number + 1, {("raw.binance", 0): number})
            began = time.process_time()
            committer.commit(Batch({0: span}, (file,), 0), patience)
            cpu.append(time.process_time() - began)
        snapshot = table.current_snapshot()
        manifests = len(snapshot.manifests(table.io)) if snapshot else 0
        size = Path(table.metadata_location.removeprefix("file://")).stat().st_size
    early, late = cpu[WARM_UP : WARM_UP + WINDOW], cpu[-WINDOW:]
    print(f"hardware: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    print(f"after {WARM_UP} commits: {statistics.mean(early) * 1e3:.1f} ms CPU a commit", end=", ")
    print(f"after {options.commits:,}: {statistics.mean(late) * 1e3:.1f} ms", end=", ")
    print(f"ratio {statistics.mean(late) / statistics.mean(early):.2f}")
    print(f"snapshots {len(table.metadata.snapshots)}, manifests {manifests}, metadata.json {size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
