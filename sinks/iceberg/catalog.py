"""The one module that uses pyiceberg's half-private parts: connect, encode metadata, commit.

`Transaction` is not used: its retries let two writers append the same rows and its clean-up deletes
manifests of commits that landed (its default and its no-retry mode). A commit here is one call whose
requirements name the very snapshot the positions were read with.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Literal
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq
import requests
from pyiceberg.catalog import Catalog
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    write_manifest,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import (
    Operation,
    Snapshot,
    SnapshotSummaryCollector,
    Summary,
    update_snapshot_summaries,
)
from pyiceberg.table.update import (
    AddSnapshotUpdate,
    AssertRefSnapshotId,
    AssertTableUUID,
    RemoveSnapshotsUpdate,
    SetPropertiesUpdate,
    SetSnapshotRefUpdate,
    TableUpdate,
)
from pyiceberg.typedef import Record as PartitionRecord
from typing_extensions import override

from cryptoflow.config import Settings
from cryptoflow.errors import ConfigError

MAIN = "main"
_AVRO: Literal["deflate"] = "deflate"
_LARGEST_ID = (1 << 62) - 1

__all__ = [
    "Catalog",
    "CommitFailedException",
    "DataFile",
    "ManifestFile",
    "NoSuchTableError",
    "Table",
    "append",
    "arrow_schema",
    "connect",
    "data_file",
    "descends",
    "merge_manifests",
    "new_manifest",
    "new_snapshot_id",
    "put",
    "retry_after_s",
]


class TimedRestCatalog(RestCatalog):
    """Be a REST catalog whose every request ends in time, and that hears how long to wait."""

    retry_after_s: float = 0.0

    @override
    def _create_session(self) -> requests.Session:
        """Put a limit on each request of the session; pyiceberg sets none."""
        session = super()._create_session()
        timeout_s = float(self.properties["cryptoflow.http-timeout-s"])
        session.request = functools.partial(session.request, timeout=timeout_s)  # type: ignore[method-assign]  # the only hook there is
        session.hooks["response"].append(self._hear)
        return session

    def _hear(self, response: requests.Response, **_: Any) -> None:
        if response.status_code in {429, 503}:
            text = response.headers.get("Retry-After", "")
            self.retry_after_s = float(text) if text.isdigit() else 1.0
        else:
            self.retry_after_s = 0.0


def retry_after_s(catalog: Catalog) -> float:
    """Return how long the catalog asked us to wait with its last answer, 0 if it did not."""
    return catalog.retry_after_s if isinstance(catalog, TimedRestCatalog) else 0.0


def connect(settings: Settings) -> Catalog:
    """Make the catalog client the settings describe. Raises ConfigError for what is missing."""
    chosen = settings.catalog
    if not chosen.warehouse:
        raise ConfigError("opening the catalog: no warehouse is configured", fix="set catalog.warehouse")
    properties: dict[str, str] = {
        "warehouse": chosen.warehouse,
        "py-io-impl": "pyiceberg.io.pyarrow.PyArrowFileIO",
        "s3.region": chosen.region,
        "s3.connect-timeout": str(chosen.http_timeout_s),
        "s3.request-timeout": str(chosen.http_timeout_s),
    }
    if chosen.endpoint:
        properties |= {"s3.endpoint": chosen.endpoint, "s3.force-virtual-addressing": "false"}
    key, secret = chosen.access_key.get_secret_value(), chosen.secret_key.get_secret_value()
    for prefix in ("s3", "client") if key else ():
        properties |= {f"{prefix}.access-key-id": key, f"{prefix}.secret-access-key": secret}
    if chosen.kind == "sql":
        if not chosen.uri:
            raise ConfigError("opening the catalog: a SQL catalog needs an address", fix="set catalog.uri")
        return SqlCatalog("cryptoflow", uri=chosen.uri, **properties)
    properties["cryptoflow.http-timeout-s"] = str(chosen.http_timeout_s)
    if chosen.kind == "s3tables":
        base = chosen.endpoint or f"https://s3tables.{chosen.region}.amazonaws.com"
        properties |= {
            "uri": chosen.uri or f"{base.rstrip('/')}/iceberg",
            "client.region": chosen.region,
            "rest.sigv4-enabled": "true",
            "rest.signing-name": "s3tables",
            "rest.signing-region": chosen.region,
        }
    elif chosen.uri:
        properties["uri"] = chosen.uri
    else:
        raise ConfigError("opening the catalog: a REST catalog needs an address", fix="set catalog.uri")
    return TimedRestCatalog("cryptoflow", **properties)


def arrow_schema(table: Table) -> pa.Schema:
    """Return the table's current schema as Arrow, field ids in the metadata."""
    return schema_to_pyarrow(table.schema(), include_field_ids=True)


def put(table: Table, path: str, chunks: Sequence[bytes]) -> None:
    """Write one object; the same path may be written again with the same bytes."""
    with table.io.new_output(path).create(overwrite=True) as out:
        for chunk in chunks:
            out.write(chunk)


def data_file(
    table: Table, path: str, partition: tuple[int, str], footer: pq.FileMetaData, size_bytes: int, *, sorted_file: bool
) -> DataFile:
    """Describe a written file from its writer's own footer; nothing is read back."""
    md = table.metadata
    statistics = data_file_statistics_from_parquet_metadata(
        footer, compute_statistics_plan(md.schema(), md.properties), parquet_path_to_id_mapping(md.schema())
    )
    return DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=PartitionRecord(*partition),
        file_size_in_bytes=size_bytes,
        sort_order_id=md.default_sort_order_id if sorted_file else None,
        spec_id=md.default_spec_id,
        equality_ids=None,
        key_metadata=None,
        **statistics.to_serialized_dict(),
    )


def new_snapshot_id() -> int:
    """Draw a snapshot id."""
    return uuid4().int & _LARGEST_ID


def new_manifest(table: Table, files: Sequence[DataFile], snapshot_id: int) -> ManifestFile:
    """Write the manifest of a batch: once, whatever the number of attempts."""
    md = table.metadata
    path = table.location_provider().new_metadata_location(f"{uuid4()}-m0.avro")
    with write_manifest(
        md.format_version, md.spec(), md.schema(), table.io.new_output(path), snapshot_id, _AVRO
    ) as writer:
        for file in files:
            writer.add(
                ManifestEntry.from_args(
                    status=ManifestEntryStatus.ADDED,
                    snapshot_id=snapshot_id,
                    sequence_number=None,
                    file_sequence_number=None,
                    data_file=file,
                )
            )
    return writer.to_manifest_file()


def live_manifests(table: Table) -> list[ManifestFile]:
    """List the manifests of the current snapshot that still have files."""
    parent = table.metadata.current_snapshot()
    manifests = parent.manifests(table.io) if parent else []
    return [m for m in manifests if m.has_added_files() or m.has_existing_files()]


def descends(table: Table, snapshot_id: int, sequence: int) -> bool:
    """Tell whether the current snapshot contains what a commit of ours added.

    An expired snapshot counts as contained while the current one is not older than it.
    """
    current = table.metadata.current_snapshot()
    if current is None or current.snapshot_id == snapshot_id:
        return current is not None
    known = {snapshot.snapshot_id: snapshot for snapshot in table.metadata.snapshots}
    if snapshot_id not in known:
        return (current.sequence_number or 0) >= sequence
    ancestor: Snapshot | None = current
    while ancestor is not None and ancestor.snapshot_id != snapshot_id:
        ancestor = known.get(ancestor.parent_snapshot_id or 0)
    return ancestor is not None


def merge_manifests(table: Table, manifests: Sequence[ManifestFile], snapshot_id: int) -> ManifestFile:
    """Write one manifest with the live entries of several of the same partition spec."""
    md = table.metadata
    path = table.location_provider().new_metadata_location(f"{uuid4()}-m1.avro")
    spec = md.specs()[manifests[0].partition_spec_id]
    with write_manifest(md.format_version, spec, md.schema(), table.io.new_output(path), snapshot_id, _AVRO) as writer:
        for manifest in manifests:
            for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                writer.existing(entry)
    return writer.to_manifest_file()


def append(
    table: Table,
    snapshot_id: int,
    manifests: Sequence[ManifestFile],
    files: Sequence[DataFile],
    summary: Mapping[str, str],
    properties: Mapping[str, str],
    dropped: Sequence[int] = (),
) -> None:
    """Try once to add a snapshot, set properties and drop old snapshots, if the table is still `table`.

    On return the commit has landed and `table` is the new state. Whatever it raises, the commit may
    have landed or not.
    """
    md = table.metadata
    parent = md.current_snapshot()
    parent_id = parent.snapshot_id if parent else None
    sequence = md.next_sequence_number()
    manifest_list = table.location_provider().new_metadata_location(f"snap-{snapshot_id}-{uuid4()}.avro")
    with write_manifest_list(
        md.format_version, table.io.new_output(manifest_list), snapshot_id, parent_id, sequence, _AVRO
    ) as writer:
        # The writer's copies are shallow: without a deep one the first attempt's sequence number sticks
        # to a manifest of ours, and a retry lands with a number below its snapshot's.
        writer.add_manifests([deepcopy(m) if m.added_snapshot_id == snapshot_id else m for m in manifests])
    collector = SnapshotSummaryCollector()
    for file in files:
        collector.add_file(file, md.schema(), md.spec())
    snapshot = Snapshot(
        snapshot_id=snapshot_id,
        parent_snapshot_id=parent_id,
        manifest_list=manifest_list,
        sequence_number=sequence,
        summary=update_snapshot_summaries(
            Summary(Operation.APPEND, **collector.build(), **summary), parent.summary if parent else None
        ),
        schema_id=md.current_schema_id,
    )
    updates: tuple[TableUpdate, ...] = (
        *((RemoveSnapshotsUpdate(snapshot_ids=list(dropped)),) if dropped else ()),
        AddSnapshotUpdate(snapshot=snapshot),
        SetPropertiesUpdate(updates=dict(properties)),
        SetSnapshotRefUpdate(
            ref_name=MAIN,
            type=SnapshotRefType.BRANCH,
            snapshot_id=snapshot_id,
            max_ref_age_ms=None,
            max_snapshot_age_ms=None,
            min_snapshots_to_keep=None,
        ),
    )
    answer = table.catalog.commit_table(
        table, (AssertTableUUID(uuid=md.table_uuid), AssertRefSnapshotId(ref=MAIN, snapshot_id=parent_id)), updates
    )
    table.metadata, table.metadata_location = answer.metadata, answer.metadata_location
