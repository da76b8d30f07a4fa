"""Parquet files: the right encodings, the same bytes for the same rows, bounded memory."""

from __future__ import annotations

import io
import itertools

import pyarrow.parquet as pq
import pytest
from md_log import MdLog
from pyiceberg.io.pyarrow import schema_to_pyarrow

from schemas import records
from schemas._iceberg import iceberg_schema
from sinks._batch import Piece
from sinks.iceberg.writer import EncodedFile, Encoding, Writer, encoding


def chosen(kind: str) -> Encoding:
    """Return the encoding of a record kind."""
    record = records()[kind]
    return encoding(record, schema_to_pyarrow(iceberg_schema(record), include_field_ids=True), 3)


def written(log: MdLog, kind: str, order: list[int] | None = None, row_group_rows: int = 10_000) -> list[EncodedFile]:
    """Write all records of a log, in some order of arrival."""
    writer = Writer(chosen(kind), row_group_rows)
    pieces = [Piece(record, None) for held in log.records.values() for record in held]
    for place in order or range(len(pieces)):
        writer.add(pieces[place])
    return writer.finish()


def trades(records_each: int = 2) -> MdLog:
    """Make a log with two partitions."""
    log = MdLog("md.trades")
    for number, partition in itertools.product(range(records_each), (0, 1)):
        log.append(partition, [2 * number, 2 * number + 1], rows_each=5)
    return log


def test_the_same_rows_give_the_same_bytes_in_any_order_of_arrival() -> None:
    """Which partition was fetched first leaves no trace in the file."""
    log = trades()
    digests = {written(log, "trades", list(order))[0].digest for order in itertools.permutations(range(4))}
    assert len(digests) == 1


@pytest.mark.parametrize("kind", sorted(records()))
def test_columns_are_encoded_by_their_type(kind: str) -> None:
    """Strings and decimals are dictionaries, integers deltas; pages are zstd; field ids are there."""
    record = records()[kind]
    log = MdLog(record.topic, kinds=(kind,))
    log.append(0, [1, 2], rows_each=50)
    (file,) = written(log, kind)
    group = file.footer.row_group(0)
    found = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    for field in record.columns:
        path = f"{field.name}.list.element.price" if field.type.name == "LEVELS" else field.name
        column = found[path]
        assert column.compression == "ZSTD"
        assert column.is_stats_set
        if field.type.name in {"LONG", "INT", "TIMESTAMP"}:
            assert "DELTA_BINARY_PACKED" in column.encodings, path
        elif field.type.name != "BOOL":
            assert "RLE_DICTIONARY" in column.encodings, path
        assert column.has_offset_index
    schema = pq.read_schema(io.BytesIO(b"".join(file.chunks)))
    ids = {target.name: int(target.metadata[b"PARQUET:field_id"]) for target in schema}
    assert ids == {field.name: field.id for field in record.columns}
    assert [c.column_index for c in group.sorting_columns] == [2, 5]


def test_statistics_name_what_is_in_the_file_not_in_the_dictionary() -> None:
    """A row group whose rows use part of a dictionary has the bounds of that part."""
    log = MdLog("md.book", kinds=("book_deltas", "book_snapshots", "gap"))
    log.append(0, [1, 2], rows_each=30)
    (file,) = written(log, "book_snapshots")
    group = file.footer.row_group(0)
    rows = pq.read_table(io.BytesIO(b"".join(file.chunks)))
    for number in range(group.num_columns):
        column = group.column(number)
        if rows.schema.names[number] in {"side", "reason", "symbol"}:
            values = rows.column(number).to_pylist()
            assert (column.statistics.min, column.statistics.max) == (min(values), max(values))


def test_rows_survive_the_file() -> None:
    """What is read back are the rows that came, decimals and times exact."""
    log = trades()
    (file,) = written(log, "trades")
    rows = pq.read_table(io.BytesIO(b"".join(file.chunks))).to_pylist()
    assert {(r["raw_partition"], r["raw_offset"], r["row_index"]) for r in rows} == log.identities()
    for row in rows:
        number = row["raw_offset"] * 1000 + row["row_index"]
        assert row["price"] * 10_000 == number
        assert row["trade_id"] == f"trade_id-{number}"


def test_row_groups_are_encoded_as_rows_come() -> None:
    """Pieces do not wait for the flush: what is held shrinks when a row group is full."""
    log = trades(records_each=20)
    writer = Writer(chosen("trades"), 100)
    most = 0
    for record in log.records[0]:
        writer.add(Piece(record, None))
        most = max(most, writer.held_bytes - writer.encoded_bytes)
    assert writer.rows == 200
    assert most < 11 * (len(record.value) + 400)
    (file,) = writer.finish()
    assert file.footer.num_row_groups == 2
    assert not file.sorted_file
    assert writer.empty
    assert writer.held_bytes == 0


def test_partitions_get_a_file_each() -> None:
    """Rows of two exchanges and two hours become four files, in a fixed order."""
    writer = Writer(chosen("trades"), 10_000)
    for exchange in ("kraken", "binance"):
        log = MdLog("md.trades", exchange=exchange)
        for offset in (0, 5_000):  # five seconds a raw offset apart in made-up time
            writer.add(Piece(log.append(0, [offset]), None))
    files = writer.finish()
    assert [(f.hour - files[0].hour, f.exchange) for f in files] == [
        (0, "binance"),
        (0, "kraken"),
        (1, "binance"),
        (1, "kraken"),
    ]
