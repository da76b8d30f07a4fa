"""Commit one batch to one table exactly once, whatever the catalog answers.

The rules:
1. A batch is attempted only if every partition in it starts where the table ends, judged on the very
   metadata whose snapshot the commit requires (the fence). Otherwise all of it is discarded.
2. Rows and positions are one request.
3. Anything but a clean answer is unknown: reload until that succeeds, look for our snapshot, decide then.
4. The snapshot id is the same on every attempt of a batch, the manifest is written once.
5. Nothing is deleted, so nothing a late commit refers to can be missing.
"""

from __future__ import annotations

import enum
import functools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec
import xxhash

from cryptoflow import clock, events, metrics
from cryptoflow.config import Settings
from cryptoflow.errors import IdentityError, RetryError
from cryptoflow.failpoint import fail_point
from sinks._batch import Position, Span
from sinks._sink import Patience, TopicIdentity
from sinks.iceberg import catalog as ice
from sinks.iceberg.expiry import expired
from sinks.iceberg.manifests import for_commit
from sinks.iceberg.positions import LastCommit, commit_key, from_properties, to_properties
from sinks.iceberg.writer import EncodedFile

_UPLOAD_VALID_S = 24 * 3600.0
"""S3 Tables removes files that no commit refers to after three days; older uploads are repeated."""


class Outcome(enum.Enum):
    """What became of a batch."""

    COMMITTED = "committed"
    DISCARDED = "discarded"


@dataclass(frozen=True)
class Batch:
    """Hold what one commit adds: files, and the span of positions they come from."""

    spans: Mapping[int, Span]
    files: tuple[EncodedFile, ...]
    rows: int
    id: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the batch after its positions and its content."""
        ranges = sorted((p, span.start, span.end, sorted(span.marks.items())) for p, span in self.spans.items())
        named = xxhash.xxh3_128(repr(ranges).encode())
        for file in self.files:
            named.update(f"{file.hour}|{file.exchange}|{file.digest}".encode())
        object.__setattr__(self, "id", named.hexdigest())


@dataclass(slots=True)
class _Staged:
    snapshot_id: int
    files: list[ice.DataFile]
    manifest: ice.ManifestFile | None
    at_s: float


class Committer:
    """Commit batches to one table. One thread uses it."""

    def __init__(self, settings: Settings, table: ice.Table, topic: str, identity: TopicIdentity) -> None:
        """Stand on the table as loaded."""
        self.settings = settings.sinks
        self.keeps_all = settings.catalog.kind == "s3tables"
        self.table = table
        self.topic = topic
        self.identity = identity
        self.name = table.name()[-1]
        self.uuid = table.metadata.table_uuid
        self.random = random.Random()  # noqa: S311 - spreads retries, protects nothing

    def positions(self) -> dict[int, Position]:
        """Return the table's positions as last loaded. Raises IdentityError when they are not ours."""
        self._refuse_rollback()
        return from_properties(self.name, self.table.properties, self.topic, self.identity)

    def commit(self, batch: Batch, patience: Patience) -> Outcome:
        """Commit a batch or find that the table has moved on.

        Raises RetryError when patience ends before the outcome is known; IdentityError when the table
        was recreated or rolled back.
        """
        staged: _Staged | None = None
        attempt = 0
        while True:
            if not self.continues(batch):
                events.BatchDiscarded(table=self.name, rows=batch.rows, batch=batch.id).emit()
                return Outcome.DISCARDED
            if staged is None or clock.monotonic_s() - staged.at_s > _UPLOAD_VALID_S:
                staged = self._stage(batch, staged, patience)
            attempt += 1
            if self.attempt(batch, staged, attempt):
                return self._committed(batch, staged, attempt)
            self._wait(attempt, patience, "commit")
            self.resolve(patience)
            if self.landed(staged.snapshot_id):
                return self._committed(batch, staged, attempt)

    def continues(self, batch: Batch) -> bool:
        """Apply the fence: every partition of the batch starts where the table ends."""
        stored = self.positions()
        return all(stored[partition].next == span.start for partition, span in batch.spans.items())

    def attempt(self, batch: Batch, staged: _Staged, attempt: int) -> bool:
        """Send one commit. False means that its outcome is not known yet."""
        began_s = clock.monotonic_s()
        try:
            manifests = for_commit(
                self.table, staged.manifest, staged.snapshot_id, self.settings.manifest_merge_commits
            )
            fail_point("sink.before_commit")
            ice.append(
                self.table,
                staged.snapshot_id,
                manifests,
                staged.files,
                {"cryptoflow.batch": batch.id, "cryptoflow.sink-index": str(self.settings.sink_index)},
                self.properties(batch, staged),
                self.dropped(),
            )
            fail_point("sink.after_commit")
        except ice.CommitFailedException as error:
            # Not even this is proof: a proxy may repeat a request that landed.
            events.CommitConflict(table=self.name, attempt=attempt, error=_short(error)).emit()
            return False
        except Exception as error:  # noqa: BLE001 - the catalog's client lets many kinds out; each means unknown
            events.CommitUnknown(table=self.name, attempt=attempt, error=_short(error)).emit()
            return False
        finally:
            metrics.s3tables_commit_latency_seconds.labels(self.name).observe(clock.monotonic_s() - began_s)
        return True

    def properties(self, batch: Batch, staged: _Staged) -> dict[str, str]:
        """Return what the commit sets beside the snapshot: positions, and the commit's own name."""
        sequence = self.table.metadata.next_sequence_number()
        last = LastCommit(batch.id, staged.snapshot_id, sequence)
        return to_properties(self.topic, self.identity, batch.spans) | {
            commit_key(self.settings.sink_index): msgspec.json.encode(last).decode()
        }

    def dropped(self) -> list[int]:
        """Return the table snapshots to drop; S3 Tables does that itself and refuses to be helped."""
        if self.keeps_all or not self.settings.snapshot_max_age_h:
            return []
        md = self.table.metadata
        referred = frozenset(ref.snapshot_id for ref in md.refs.values()) | {md.current_snapshot_id or 0}
        return expired(
            md.snapshots,
            referred,
            clock.now_ns() // 1_000_000,
            self.settings.snapshot_max_age_h,
            self.settings.snapshot_keep_min,
        )

    def landed(self, snapshot_id: int) -> bool:
        """Look for our snapshot in the table as loaded."""
        return self.table.metadata.snapshot_by_id(snapshot_id) is not None

    def resolve(self, patience: Patience) -> None:
        """Load the table again, until that succeeds."""

        def load() -> None:
            fresh = self.table.catalog.load_table(self.table.name())
            self.table.metadata, self.table.metadata_location = fresh.metadata, fresh.metadata_location

        self._until_done("load", load, patience)
        if self.table.metadata.table_uuid != self.uuid:
            raise IdentityError(f"reloading {self.name}: the table was recreated", fix="see runbook `identity`")

    def _stage(self, batch: Batch, before: _Staged | None, patience: Patience) -> _Staged:
        snapshot_id = before.snapshot_id if before else ice.new_snapshot_id()
        fail_point("sink.before_upload")
        files: list[ice.DataFile] = []
        for number, file in enumerate(batch.files):
            path = self.table.location_provider().new_data_location(f"{self.name}-{batch.id}-{number:04d}.parquet")
            self._until_done("upload", functools.partial(ice.put, self.table, path, file.chunks), patience)
            files.append(
                ice.data_file(
                    self.table,
                    path,
                    (file.hour, file.exchange),
                    file.footer,
                    file.size_bytes,
                    sorted_file=file.sorted_file,
                )
            )
        fail_point("sink.after_upload")
        manifests: list[ice.ManifestFile] = []
        if files:
            self._until_done(
                "manifest", lambda: manifests.append(ice.new_manifest(self.table, files, snapshot_id)), patience
            )
        return _Staged(snapshot_id, files, manifests[0] if manifests else None, clock.monotonic_s())

    def _until_done(self, step: str, work: Callable[[], None], patience: Patience) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                work()
            except ice.NoSuchTableError as error:
                raise IdentityError(f"writing {self.name}: the table is gone", fix="see runbook `identity`") from error
            except Exception as error:  # noqa: BLE001 - clients of stores let many kinds out; each means again
                events.CatalogAway(table=self.name, step=step, attempt=attempt, error=_short(error)).emit()
            else:
                return
            self._wait(attempt, patience, step)

    def _wait(self, attempt: int, patience: Patience, step: str) -> None:
        if patience.over():
            raise RetryError(f"writing {self.name}: {step} not finished in time")
        longest_s = min(self.settings.commit_retry_max_s, self.settings.commit_retry_min_s * 2 ** min(attempt - 1, 16))
        patience.wait(max(longest_s * self.random.uniform(0.5, 1.0), ice.retry_after_s(self.table.catalog)))

    def _committed(self, batch: Batch, staged: _Staged, attempts: int) -> Outcome:
        events.BatchCommitted(
            table=self.name,
            rows=batch.rows,
            files=len(staged.files),
            batch=batch.id,
            snapshot=staged.snapshot_id,
            attempts=attempts,
        ).emit()
        return Outcome.COMMITTED

    def _refuse_rollback(self) -> None:
        text = self.table.properties.get(commit_key(self.settings.sink_index))
        if text is None:
            return
        last = msgspec.json.decode(text, type=LastCommit)
        if not ice.descends(self.table, last.snapshot, last.sequence):
            raise IdentityError(
                f"opening {self.name}: its positions are newer than its rows; the table was rolled back",
                fix="see runbook `rolled-back table`",
            )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
