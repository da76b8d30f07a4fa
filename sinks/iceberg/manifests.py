"""Choose the manifests of a commit: ours, the live ones, small ones merged now and then.

Each commit adds one manifest; readers open all of them. When `merge_at` manifests of one size class
have gathered they become one of the next class, so there are at most `merge_at` per class and each
entry is rewritten once per class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from sinks.iceberg import catalog as ice


def for_commit(
    table: ice.Table, own: ice.ManifestFile | None, snapshot_id: int, merge_at: int
) -> list[ice.ManifestFile]:
    """Return the manifests a snapshot on top of the table's current one lists."""
    live = ice.live_manifests(table)
    for group in ripe(live, merge_at):
        merged = ice.merge_manifests(table, group, snapshot_id)
        gone = {manifest.manifest_path for manifest in group}
        live = [merged, *(m for m in live if m.manifest_path not in gone)]
    return [own, *live] if own else live


def ripe(live: Sequence[ice.ManifestFile], merge_at: int) -> list[list[ice.ManifestFile]]:
    """Group manifests by spec and size class; return the groups that are to be merged."""
    groups: dict[tuple[int, int], list[ice.ManifestFile]] = {}
    for manifest in live:
        entries = (manifest.added_files_count or 0) + (manifest.existing_files_count or 0)
        size_class = int(math.log(max(entries, 1), merge_at) + 1e-9)
        groups.setdefault((manifest.partition_spec_id, size_class), []).append(manifest)
    return [group for group in groups.values() if len(group) >= merge_at]
