"""Manifests of a commit: merged in time, none lost."""

from __future__ import annotations

from pathlib import Path

from md_log import MdLog
from sink_campaign import TABLE, TOPIC, Writer, scripted, settings_for, table_faults


def manifests(writer: Writer) -> list[int]:
    """Return the number of files in each manifest of the table."""
    table = writer.catalog.load_table(TABLE)
    snapshot = table.current_snapshot()
    found = snapshot.manifests(table.io) if snapshot else []
    return [(m.added_files_count or 0) + (m.existing_files_count or 0) for m in found]


def test_small_manifests_are_merged_class_by_class(tmp_path: Path) -> None:
    """With a limit of 3, 20 commits leave few manifests, and every file is still referenced once."""
    settings = settings_for(tmp_path, manifest_merge_commits=3)
    writer = Writer(settings, scripted(settings), MdLog(TOPIC))
    for offset in range(20):
        writer.log.append(0, [offset])
        writer.finish()
        assert len(manifests(writer)) <= 7
    assert sum(manifests(writer)) == 20
    assert max(manifests(writer)) >= 9
    assert table_faults(writer.catalog.load_table(TABLE), writer.log) == []


def test_a_merged_manifest_keeps_where_its_files_came_from(tmp_path: Path) -> None:
    """Entries keep the snapshot and sequence number they were added with."""
    settings = settings_for(tmp_path, manifest_merge_commits=2)
    writer = Writer(settings, scripted(settings), MdLog(TOPIC))
    for offset in range(5):
        writer.log.append(0, [offset])
        writer.finish()
    table = writer.catalog.load_table(TABLE)
    added = {s.snapshot_id: s.sequence_number for s in table.metadata.snapshots}
    snapshot = table.current_snapshot()
    assert snapshot is not None
    entries = [e for m in snapshot.manifests(table.io) for e in m.fetch_manifest_entry(table.io)]
    assert {e.snapshot_id: e.sequence_number for e in entries} == added
