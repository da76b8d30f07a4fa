"""Dropping old table snapshots within commits."""

from __future__ import annotations

from pathlib import Path

from md_log import MdLog
from pyiceberg.table.snapshots import Snapshot
from sink_campaign import TABLE, TOPIC, Writer, scripted, settings_for, table_faults

from sinks.iceberg.expiry import DROPPED_MAX, expired

HOUR_MS = 3_600_000


def snapshots(ages_h: list[float]) -> list[Snapshot]:
    """Make snapshots of these ages, numbered from 1."""
    return [
        Snapshot(snapshot_id=n, timestamp_ms=int((1000 - age) * HOUR_MS), manifest_list="x")
        for n, age in enumerate(ages_h, 1)
    ]


def test_old_snapshots_go_and_the_newest_stay() -> None:
    """Only what is both too old and beyond the number kept is dropped; referenced ones never are."""
    found = snapshots([9, 8, 7, 1, 0])
    assert expired(found, frozenset(), 1000 * HOUR_MS, 5, 2) == [1, 2, 3]
    assert expired(found, frozenset(), 1000 * HOUR_MS, 5, 4) == [1]
    assert expired(found, frozenset({2}), 1000 * HOUR_MS, 5, 1) == [1, 3]
    assert expired(found, frozenset(), 1000 * HOUR_MS, 50, 1) == []


def test_one_commit_drops_a_bounded_number() -> None:
    """After a long pause the backlog goes in steps."""
    assert len(expired(snapshots([9.0] * (DROPPED_MAX + 50)), frozenset(), 1000 * HOUR_MS, 1, 1)) == DROPPED_MAX


def test_a_table_stays_small_and_whole(tmp_path: Path) -> None:
    """With expiry on, many commits leave few snapshots, and all rows exactly once."""
    settings = settings_for(tmp_path, snapshot_max_age_h=1e-9, snapshot_keep_min=3, manifest_merge_commits=4)
    writer = Writer(settings, scripted(settings), MdLog(TOPIC))
    for offset in range(15):
        writer.log.append(0, [offset])
        writer.finish()
    writer.restart()
    table = writer.catalog.load_table(TABLE)
    assert len(table.metadata.snapshots) <= 5
    assert table_faults(table, writer.log) == []
