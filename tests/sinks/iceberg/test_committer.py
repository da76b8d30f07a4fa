"""The commit protocol against a catalog that answers badly."""

from __future__ import annotations

import random
import threading
from pathlib import Path

import pytest
from md_log import MdLog
from pyiceberg.table.update import RemoveSnapshotsUpdate
from scripted_catalog import Outcome
from sink_campaign import TABLE, TOPIC, Campaign, Writer, scripted, settings_for, table_faults

from cryptoflow.errors import HoleError, IdentityError, RetryError
from schemas import Mark, MdHeader, Verdict
from sinks._batch import Intake, Piece
from sinks._sink import MdRecord, Patience
from sinks.iceberg import catalog as ice
from sinks.iceberg import committer as committer_module
from sinks.iceberg.committer import Batch, Committer
from sinks.iceberg.committer import Outcome as Committed

CAMPAIGNS = 180
MUTANT_CAMPAIGNS = 25


def writer_in(folder: Path, **sinks: object) -> Writer:
    """Make one writer over an empty table and an empty log."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = settings_for(folder, **sinks)
    return Writer(settings, scripted(settings), MdLog(TOPIC))


@pytest.mark.parametrize("block", range(6))
def test_random_outcomes_and_writers_leave_each_row_exactly_once(tmp_path: Path, block: int) -> None:
    """Any sequence of answers, kills and rival writers: each row once, each file once, none dangling."""
    for seed in range(block * CAMPAIGNS // 6, (block + 1) * CAMPAIGNS // 6):
        campaign = Campaign(tmp_path / str(seed), seed)
        campaign.run()
        assert campaign.faults() == [], f"seed {seed}"


def test_every_outcome_alone_is_resolved(tmp_path: Path) -> None:
    """Each single answer of the catalog ends in one commit with all rows."""
    for outcome in Outcome:
        writer = writer_in(tmp_path / outcome.name)
        writer.log.append(0, [1, 2])
        writer.take(10)
        writer.catalog.script.append(outcome)
        writer.commit()
        writer.finish()
        assert table_faults(writer.catalog.load_table(TABLE), writer.log) == [], outcome


def test_twenty_bad_answers_in_a_row_end_in_one_commit(tmp_path: Path) -> None:
    """A long sequence of failures is neither given up nor written twice."""
    for seed in range(5):
        writer = writer_in(tmp_path / str(seed))
        rng = random.Random(seed)
        for _ in range(2):
            writer.log.append(0, [writer.log.prev.get(0, 0) + 1])
            writer.take(10)
            writer.catalog.script.extend(rng.choices([o for o in Outcome if o is not Outcome.OK], k=20))
            writer.commit()
            writer.catalog.script.clear()
        writer.finish()
        assert table_faults(writer.catalog.load_table(TABLE), writer.log) == []


def test_a_zombie_with_the_same_offsets_adds_nothing(tmp_path: Path) -> None:
    """Two writers hold the same rows; the second one's batch is discarded and it goes on behind the first."""
    first = writer_in(tmp_path)
    second = Writer(first.settings, first.catalog, first.log)
    first.log.append(0, [1, 2, 3])
    assert first.take(10) == second.take(10) == 1
    first.commit()
    second.commit()
    assert second.places[TOPIC, 0] == 1
    table = first.catalog.load_table(TABLE)
    assert len(table.metadata.snapshots) == 1
    assert table_faults(table, first.log) == []


def test_a_batch_that_overlaps_in_part_is_discarded_whole(tmp_path: Path) -> None:
    """One partition behind is enough: nothing of the batch lands, and all of it is read again."""
    first = writer_in(tmp_path)
    second = Writer(first.settings, first.catalog, first.log)
    first.log.append(0, [1])
    first.take(10)
    second.take(10)
    first.log.append(1, [1])
    second.take(10)
    first.commit()
    second.commit()
    assert second.places == {(TOPIC, 0): 1, (TOPIC, 1): None}
    second.finish()
    assert table_faults(first.catalog.load_table(TABLE), first.log) == []


def test_a_batch_without_rows_moves_positions(tmp_path: Path) -> None:
    """An empty snapshot carries positions, also as the first snapshot of a table."""
    writer = writer_in(tmp_path)
    committer = writer.sink._targets[0].committer
    from sinks._batch import Span

    batch = Batch({0: Span(None, 7, {("raw.binance", 0): 41})}, (), 0)
    assert committer.commit(batch, writer.patience) is Committed.COMMITTED
    writer.restart()
    assert writer.places == {(TOPIC, 0): 7, (TOPIC, 1): None}
    assert writer.sink._targets[0].committer.positions()[0].marks == {("raw.binance", 0): 41}
    assert writer.catalog.load_table(TABLE).scan().to_arrow().num_rows == 0


def test_all_snapshots_expired_still_continues(tmp_path: Path) -> None:
    """Positions outlive the snapshots that wrote them, and old snapshots may go while we hold a batch."""
    writer = writer_in(tmp_path)
    for offset in range(3):
        writer.log.append(0, [offset])
        writer.finish()
    table = writer.catalog.load_table(TABLE)
    current = table.metadata.current_snapshot_id
    gone = [s.snapshot_id for s in table.metadata.snapshots if s.snapshot_id != current]
    writer.catalog.commit_table(table, (), (RemoveSnapshotsUpdate(snapshot_ids=gone),))
    writer.log.append(0, [3])
    writer.finish()
    assert table_faults(writer.catalog.load_table(TABLE), writer.log) == []


def test_a_recreated_table_stops_the_sink(tmp_path: Path) -> None:
    """A table dropped and made again under us is an identity error, not a fresh start."""
    writer = writer_in(tmp_path)
    writer.log.append(0, [1])
    writer.take(10)
    writer.catalog.drop_table(TABLE)
    Writer(writer.settings, writer.catalog, writer.log)
    with pytest.raises(IdentityError, match="recreated"):
        writer.commit()


def test_a_rolled_back_table_stops_the_sink(tmp_path: Path) -> None:
    """Positions newer than the current snapshot mean that an operator rolled back: stop, do not skip rows."""
    writer = writer_in(tmp_path)
    for offset in range(2):
        writer.log.append(0, [offset])
        writer.finish()
    table = writer.catalog.load_table(TABLE)
    table.manage_snapshots().rollback_to_snapshot(table.metadata.snapshots[0].snapshot_id).commit()
    with pytest.raises(IdentityError, match="rolled back"):
        writer.restart()
    table.refresh()
    ice.append(table, ice.new_snapshot_id(), [], [], {}, {})
    with pytest.raises(IdentityError, match="rolled back"):
        writer.restart()


def test_patience_ends_an_endless_failure(tmp_path: Path) -> None:
    """After a stop the sink gives up in time and says so; the rows are read again by the next start."""
    writer = writer_in(tmp_path)
    writer.log.append(0, [1])
    writer.take(10)
    stop = threading.Event()
    stop.set()
    writer.patience = Patience(stop, 0.05)
    writer.catalog.script.extend([Outcome.ERROR_500] * 100_000)
    with pytest.raises(RetryError):
        writer.commit()
    writer.catalog.script.clear()
    writer.restart()
    writer.finish()
    assert table_faults(writer.catalog.load_table(TABLE), writer.log) == []


def test_retries_never_go_below_their_snapshots_sequence_number(tmp_path: Path) -> None:
    """A retried manifest has the sequence number of the snapshot that carries it."""
    first = writer_in(tmp_path)
    second = Writer(first.settings, first.catalog, first.log, (1,))
    first.log.append(0, [1])
    first.log.append(1, [1])
    first.places.pop((TOPIC, 1))
    first.take(10)
    second.take(10)
    second.commit()
    first.commit()
    table = first.catalog.load_table(TABLE)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    added = [m for m in snapshot.manifests(table.io) if m.added_snapshot_id == snapshot.snapshot_id]
    assert [m.sequence_number for m in added] == [snapshot.sequence_number] == [2]


# --- mutants: each promise broken on purpose must be seen -------------------------------------------


def _caught(folder: Path) -> bool:
    for seed in range(MUTANT_CAMPAIGNS):
        campaign = Campaign(folder / str(seed), seed)
        try:
            campaign.run()
        except (IdentityError, HoleError, AssertionError):
            return True
        if campaign.faults():
            return True
    return False


def test_mutant_positions_not_set_in_the_commit_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows without positions are written again by the next start."""
    monkeypatch.setattr(Committer, "properties", lambda *_: {})
    writer = writer_in(tmp_path)
    writer.log.append(0, [1])
    writer.take(10)
    writer.commit()
    writer.restart()
    writer.take(10)
    writer.commit()
    assert "2 rows twice" in table_faults(writer.catalog.load_table(TABLE), writer.log)


def test_mutant_fence_removed_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the fence a rival's rows land twice."""
    monkeypatch.setattr(Committer, "continues", lambda *_: True)
    assert _caught(tmp_path)


def test_mutant_unknown_outcome_retried_blindly_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit that landed unheard is written again by a retry that does not look."""

    def blind(self: Committer, batch: Batch, patience: Patience) -> Committed:
        if not self.continues(batch):
            return Committed.DISCARDED
        staged = self._stage(batch, None, patience)
        while not self.attempt(batch, staged, 1):
            self.resolve(patience)
            staged.snapshot_id = ice.new_snapshot_id()
            staged.manifest = ice.new_manifest(self.table, staged.files, staged.snapshot_id)
        return Committed.COMMITTED

    monkeypatch.setattr(committer_module.Committer, "commit", blind)
    assert _caught(tmp_path)


def test_mutant_no_trim_by_mark_is_caught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that come again after a worker's crash are written twice when nothing trims them."""
    real = Intake.take

    def untrimmed(self: Intake, record: MdRecord) -> Piece | None:
        piece = real(self, record)
        return Piece(record, None) if piece else None

    monkeypatch.setattr(Intake, "take", untrimmed)
    assert _caught(tmp_path)


def test_a_hole_stops_and_the_mutant_without_the_prev_check_is_caught(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record whose `prev` is above the mark stops the sink; without the check rows go missing unseen."""

    def hole(folder: Path) -> Writer:
        writer = writer_in(folder)
        writer.log.append(0, [1])
        writer.log.append(0, [5], prev=3)
        return writer

    with pytest.raises(HoleError, match="missing"):
        hole(tmp_path / "right").finish()
    real = Mark.judge

    def unchecked(self: Mark, header: MdHeader) -> Verdict:
        verdict = real(self, header)
        return Verdict.TAKE if verdict is Verdict.HOLE else verdict

    monkeypatch.setattr(Mark, "judge", unchecked)
    writer = hole(tmp_path / "mutant")
    writer.finish()
    assert writer.catalog.load_table(TABLE).scan().to_arrow().num_rows == 4
