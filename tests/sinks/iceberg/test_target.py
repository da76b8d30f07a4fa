"""When one table is due, and what it reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from md_log import MdLog
from sink_campaign import TOPIC, Writer, scripted, settings_for

from cryptoflow import clock
from sinks.iceberg.target import Target


class Clock:
    """Be a clock that the test moves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stand at 1000 s."""
        self.now_s = 1000.0
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now_s)


def target_in(folder: Path, **sinks: object) -> tuple[Writer, Target]:
    """Make a writer and return its one target."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_for(folder, **sinks)
    writer = Writer(settings, scripted(settings), MdLog(TOPIC))
    return writer, writer.sink._targets[0]


def test_a_table_is_due_at_the_age_of_its_oldest_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The age counts from the first row after a commit."""
    time = Clock(monkeypatch)
    writer, target = target_in(tmp_path, flush_age_s=10)
    assert not target.due()
    writer.log.append(0, [1])
    writer.take(1)
    time.now_s += 9
    assert not target.due()
    time.now_s += 1
    assert target.due()
    writer.commit()
    assert not target.due()


def test_a_table_is_due_at_its_rows_and_bytes(tmp_path: Path) -> None:
    """Rows and bytes count once they are encoded."""
    writer, target = target_in(tmp_path / "rows", flush_rows=1024, row_group_rows=1024)
    writer.log.append(0, range(5), rows_each=100)
    writer.take(1)
    assert not target.due()
    writer.log.append(0, range(5, 12), rows_each=100)
    writer.take(1)
    assert target.due()
    writer, target = target_in(tmp_path / "bytes", flush_bytes=65_536, row_group_rows=1024)
    while not target.due():
        last = writer.log.prev.get(0, -1)
        writer.log.append(0, range(last + 1, last + 20), rows_each=100)
        writer.take(1)
    assert target.held_bytes >= 65_536


def test_many_open_files_make_a_table_due(tmp_path: Path) -> None:
    """Rows of many hours do not open files without limit."""
    writer, target = target_in(tmp_path, open_files_max=3, row_group_rows=1024)
    for hour in range(4):
        first = hour * 3600
        writer.log.append(0, range(first, first + 300), rows_each=1)
        writer.take(1)
    assert target.due()


def test_a_quiet_table_is_moved_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records without rows for this table move its position after `quiet_commit_s`, with an empty snapshot."""
    time = Clock(monkeypatch)
    writer, target = target_in(tmp_path, quiet_commit_s=100)
    record = writer.log.append(0, [1])
    target.take(record, has_rows=False)
    time.now_s += 99
    assert not target.due()
    time.now_s += 1
    assert target.due()
    assert target.flush(writer.patience)
    assert target.stored()[0] == 1
    assert target.rows_committed == 0
    assert not target.due()


def test_detail_names_positions_and_rows(tmp_path: Path) -> None:
    """Health sees where the table stands."""
    writer, target = target_in(tmp_path)
    writer.log.append(0, [1])
    writer.finish()
    assert target.detail() == {"next": {"0": 1, "1": None}, "rows_committed": 2, "held_bytes": 0}
