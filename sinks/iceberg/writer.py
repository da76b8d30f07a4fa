"""Encode rows into Parquet while they arrive, so that what waits for a commit is small.

Pieces wait compressed as they came; every `row_group_rows` rows they are decoded, sorted and encoded
as one row group of the open file of their partition. Files live in memory until they are uploaded.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash
from typing_extensions import override

from schemas import Record, Type
from sinks._batch import Piece
from sinks.iceberg.arrange import Layout, arrange

_INTEGERS = frozenset({Type.LONG, Type.INT, Type.TIMESTAMP})
_STRINGS = frozenset({Type.STRING, Type.SYMBOLIC})
_PIECE_BYTES = 400
"""What one waiting piece costs beyond its bytes."""


@dataclass(frozen=True, slots=True)
class EncodedFile:
    """Hold one finished Parquet file."""

    hour: int
    exchange: str
    chunks: tuple[bytes, ...]
    footer: pq.FileMetaData
    digest: str

    @property
    def size_bytes(self) -> int:
        """Return its length."""
        return sum(len(chunk) for chunk in self.chunks)

    @property
    def sorted_file(self) -> bool:
        """Tell whether all of the file is in sort order, not only each row group."""
        return bool(self.footer.num_row_groups == 1)


class _Chunks(io.RawIOBase):
    """Take what the Parquet writer writes, without ever copying it into something bigger."""

    def __init__(self) -> None:
        super().__init__()
        self.chunks: list[bytes] = []
        self.size_bytes = 0
        self.hash = xxhash.xxh3_128()

    @override
    def writable(self) -> bool:
        return True

    @override
    def write(self, chunk: object) -> int:
        kept = bytes(chunk)  # type: ignore[call-overload]  # Arrow hands a buffer it will reuse
        self.chunks.append(kept)
        self.size_bytes += len(kept)
        self.hash.update(kept)
        return len(kept)

    @override
    def tell(self) -> int:
        return self.size_bytes


@dataclass(slots=True)
class _Open:
    sink: _Chunks
    writer: pq.ParquetWriter


@dataclass(frozen=True, slots=True)
class Encoding:
    """Say how a table's columns are encoded: the layout plus the Parquet writer's options."""

    layout: Layout
    options: dict[str, object] = field(default_factory=dict)


def encoding(record: Record, table_schema: pa.Schema, compression_level: int) -> Encoding:
    """Choose encodings by column type: dictionary for strings and decimals, delta for integers.

    Strings that repeat stay dictionaries up to the file, so they are never spelled out in memory.
    """
    by_name = {f.name: f for f in record.columns}
    schema = pa.schema(
        [_stored(target, by_name[target.name].type if target.name in by_name else None) for target in table_schema]
    )
    dictionary, delta = [], {}
    for path, name in _leaves(schema):
        kind = by_name[name].type if name in by_name else None
        if kind in _INTEGERS:
            delta[path] = "DELTA_BINARY_PACKED"
        elif kind is Type.DECIMAL or kind is Type.LEVELS or kind in _STRINGS:
            dictionary.append(path)
    sorting = pq.SortingColumn.from_ordering(schema, [(name, "ascending") for name in record.sort], "at_end")
    return Encoding(
        Layout(record, schema),
        {
            "compression": "zstd",
            "compression_level": compression_level,
            "use_dictionary": dictionary,
            "column_encoding": delta,
            "write_page_index": True,
            "sorting_columns": sorting,
            "store_decimal_as_integer": True,
            # Without the Arrow schema in the file every reader sees plain strings.
            "store_schema": False,
        },
    )


def _stored(target: pa.Field, kind: Type | None) -> pa.Field:
    if kind in _STRINGS:
        stored = pa.dictionary(pa.int32(), pa.string()) if kind is Type.SYMBOLIC else pa.string()
        return target.with_type(stored)
    return target


def _leaves(schema: pa.Schema) -> list[tuple[str, str]]:
    """List (path in the file, column) of every leaf."""
    leaves = []
    for target in schema:
        if pa.types.is_list(target.type) or pa.types.is_large_list(target.type):
            leaves += [(f"{target.name}.list.element.{f.name}", target.name) for f in target.type.value_type]
        else:
            leaves.append((target.name, target.name))
    return leaves


class Writer:
    """Encode the pieces of one batch of one table."""

    def __init__(self, chosen: Encoding, row_group_rows: int) -> None:
        """Start empty."""
        self._encoding = chosen
        self._row_group_rows = row_group_rows
        self._waiting: list[Piece] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        self._open: dict[tuple[int, str], _Open] = {}
        self.rows = 0

    @property
    def held_bytes(self) -> int:
        """Return the bytes held: waiting pieces and encoded files."""
        return self._waiting_bytes + self.encoded_bytes

    @property
    def encoded_bytes(self) -> int:
        """Return the bytes encoded so far."""
        return sum(opened.sink.size_bytes for opened in self._open.values())

    @property
    def open_files(self) -> int:
        """Return the number of files open."""
        return len(self._open)

    @property
    def empty(self) -> bool:
        """Tell whether nothing was added."""
        return not self._waiting and not self._open

    def add(self, piece: Piece) -> None:
        """Take one piece; encodes a row group when enough rows wait."""
        self._waiting.append(piece)
        self._waiting_rows += piece.record.header.rows
        self._waiting_bytes += len(piece.record.value) + _PIECE_BYTES
        if self._waiting_rows >= self._row_group_rows:
            self.encode()

    def encode(self) -> None:
        """Encode what waits as one row group per partition."""
        waiting, self._waiting = self._waiting, []
        self._waiting_rows = self._waiting_bytes = 0
        if not waiting:
            return
        # Fetch order between partitions is chance; log order makes the same rows the same bytes.
        waiting.sort(key=lambda piece: (piece.record.partition, piece.record.offset))
        for part in arrange((piece.decode() for piece in waiting), self._encoding.layout):
            self._file(part.hour, part.exchange).writer.write_table(part.rows, row_group_size=part.rows.num_rows)
            self.rows += part.rows.num_rows

    def _file(self, hour: int, exchange: str) -> _Open:
        opened = self._open.get((hour, exchange))
        if opened is None:
            sink = _Chunks()
            opened = _Open(sink, pq.ParquetWriter(sink, self._encoding.layout.schema, **self._encoding.options))
            self._open[hour, exchange] = opened
        return opened

    def finish(self) -> list[EncodedFile]:
        """Close all files and return them in a fixed order; the writer is empty then."""
        self.encode()
        files = []
        for (hour, exchange), opened in sorted(self._open.items()):
            opened.writer.close()
            files.append(
                EncodedFile(
                    hour,
                    exchange,
                    tuple(opened.sink.chunks),
                    opened.writer.writer.metadata,
                    opened.sink.hash.hexdigest(),
                )
            )
        self.clear()
        return files

    def clear(self) -> None:
        """Forget everything."""
        self._waiting, self._open = [], {}
        self._waiting_rows = self._waiting_bytes = self.rows = 0
