"""Choose the table snapshots a commit drops, so that metadata stays small where no service does it.

Only metadata is dropped. Data files belong to the newest snapshot too, because nothing here deletes rows;
the manifest lists left behind are removed by the maintenance job.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyiceberg.table.snapshots import Snapshot

DROPPED_MAX = 1_000
"""Most snapshots one commit drops, so that the first commit after a long pause is no surprise."""
_MS_PER_HOUR = 3_600_000


def expired(
    snapshots: Sequence[Snapshot], kept_ids: frozenset[int], now_ms: int, max_age_h: float, keep: int
) -> list[int]:
    """Return the snapshots older than `max_age_h`, oldest first, sparing the newest `keep` and `kept_ids`."""
    oldest_first = sorted(snapshots, key=lambda snapshot: snapshot.timestamp_ms)
    limit_ms = now_ms - max_age_h * _MS_PER_HOUR
    candidates = oldest_first[: max(0, len(oldest_first) - keep)]
    ids = [s.snapshot_id for s in candidates if s.timestamp_ms < limit_ms and s.snapshot_id not in kept_ids]
    return ids[:DROPPED_MAX]
