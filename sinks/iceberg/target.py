"""One table being written: what was taken since its last commit, and when it is due."""

from __future__ import annotations

from collections.abc import Mapping

from cryptoflow import clock, metrics
from cryptoflow.config import Settings
from cryptoflow.failpoint import fail_point
from sinks._batch import Intake, Span
from sinks._sink import MdRecord, Patience
from sinks.iceberg import catalog as ice
from sinks.iceberg.committer import Batch, Committer, Outcome
from sinks.iceberg.config import TablePlan
from sinks.iceberg.writer import Writer, encoding


class Target:
    """Buffer, flush and commit one table."""

    def __init__(self, settings: Settings, plan: TablePlan, committer: Committer) -> None:
        """Stand where the table ends."""
        self.plan = plan
        self.committer = committer
        self._settings = settings.sinks
        chosen = encoding(plan.record, ice.arrow_schema(committer.table), settings.sinks.compression_level)
        self._writer = Writer(chosen, settings.sinks.row_group_rows)
        self._intake = Intake(committer.positions(), adopt=settings.sinks.new_table_start == "log_start")
        self._oldest_s: float | None = None
        self._moved_s: float | None = None
        self.rows_committed = 0

    @property
    def held_bytes(self) -> int:
        """Return the bytes this table holds in memory."""
        return self._writer.held_bytes

    def starts(self) -> dict[int, int | None]:
        """Return, per partition, the offset this table has to read next."""
        return {partition: self._intake.next_of(partition) for partition in self._intake.stored()}

    def stored(self) -> dict[int, int | None]:
        """Return, per partition, the offset the table is durable up to."""
        return self._intake.stored()

    def take(self, record: MdRecord, *, has_rows: bool) -> None:
        """Take a record's new rows; without rows only the position moves."""
        known = self._intake.duplicates
        piece = self._intake.take(record)
        if self._intake.duplicates != known:
            metrics.idempotency_dupe_total.labels(self.committer.name).inc(self._intake.duplicates - known)
        now_s = clock.monotonic_s()
        if self._moved_s is None:
            self._moved_s = now_s
        if piece is not None and has_rows:
            if self._oldest_s is None:
                self._oldest_s = now_s
            self._writer.add(piece)

    def due(self) -> bool:
        """Tell whether a limit of the flush is reached, or a quiet table has to be moved on."""
        now_s = clock.monotonic_s()
        if self._oldest_s is not None:
            return (
                now_s - self._oldest_s >= self.plan.flush_age_s
                or self._writer.encoded_bytes >= self.plan.flush_bytes
                or self._writer.rows >= self.plan.flush_rows
                or self._writer.open_files >= self._settings.open_files_max
            )
        return self._moved_s is not None and now_s - self._moved_s >= self._settings.quiet_commit_s

    def flush(self, patience: Patience) -> bool:
        """Commit all that was taken. False means that the table had moved on: read from `starts` again."""
        began_s = clock.monotonic_s()
        spans = self._intake.spans()
        self._oldest_s = self._moved_s = None
        if not spans:
            return True
        files = tuple(self._writer.finish())
        batch = Batch(spans, files, sum(file.footer.num_rows for file in files))
        outcome = self.committer.commit(batch, patience)
        metrics.flush_size_bytes.labels(self.committer.name).observe(sum(file.size_bytes for file in files))
        metrics.flush_duration_seconds.labels(self.committer.name).observe(clock.monotonic_s() - began_s)
        if outcome is Outcome.DISCARDED:
            self._restart(spans)
            return False
        self._intake.settle(spans)
        self.rows_committed += batch.rows
        return True

    def _restart(self, spans: Mapping[int, Span]) -> None:
        """Go back, in every partition, to where the table ends."""
        fail_point("sink.recovery")
        self._writer.clear()
        del spans
        for partition, position in self.committer.positions().items():
            self._intake.reset(partition, position)

    def detail(self) -> dict[str, object]:
        """Report for health."""
        return {
            "next": {str(partition): offset for partition, offset in self.stored().items()},
            "rows_committed": self.rows_committed,
            "held_bytes": self.held_bytes,
        }
