"""Read the tables into the same shape as the ledger: rows by table, symbol and key."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from cryptoflow.config import Settings
from cryptoflow.verify.frames import Row, exact
from cryptoflow.verify.venues._reader import KEYS, VALUES, reader_classes

ReadTable = Callable[[str], "pa.Table | Iterable[pa.RecordBatch]"]

GAP_COLUMNS = (
    "exchange", "market", "native_symbol", "gap_id", "revision", "stream", "cause", "from_ns", "to_ns",
    "from_id", "to_id", "ids_missing", "resolved_by",
)  # fmt: skip
LETTER_COLUMNS = ("exchange", "market", "native_symbol", "payload_b64")
_FRAME = ("native_symbol", "received_ns", "conn", "frame_no", "source")
_FETCHED = "backfill"
"""The source of rows that were asked for over REST because their frames were missed."""
_MARKET = ("exchange", "market")

Book = tuple[str, str]
"""Market as `<exchange>.<market>`, and native symbol."""


def columns_of(table: str) -> tuple[str, ...]:
    """Return the columns a comparison reads of a table."""
    if table == "gaps":
        return GAP_COLUMNS
    if table == "dead_letters":
        return LETTER_COLUMNS
    wanted = [*KEYS[table], *VALUES[table]]
    for reader in reader_classes().values():
        wanted += [*reader.keys[table], *reader.values[table]]
    return tuple(dict.fromkeys((*_MARKET, *_FRAME, *wanted)))


@dataclass
class Found:
    """Hold the rows of one table by book and key: how many, the sum of their hashes, first received.

    `fetched` are those that did not come by the stream.
    """

    rows: int = 0
    books: dict[Book, dict[Hashable, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    fetched: dict[Book, dict[Hashable, list[int]]] = field(default_factory=lambda: defaultdict(dict))


def batches(table: pa.Table | Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Return a table's record batches."""
    yield from table.to_batches() if isinstance(table, pa.Table) else table


def read_found(read_table: ReadTable, name: str) -> Found:
    """Read one table."""
    found = Found()
    twins: Counter[tuple[Book, Hashable]] = Counter()
    for piece in _pieces(read_table, name):
        found.rows += len(piece.symbols)
        for symbol, key, row, received_ns, source in zip(
            piece.symbols, piece.keys, piece.rows, piece.received, piece.sources, strict=True
        ):  # fmt: skip
            held = (found.fetched if source == _FETCHED else found.books)[piece.market, symbol]
            seen = held.get(key)
            if seen is None:
                held[key] = [1, hash(row), received_ns]
            else:
                seen[0] += 1
                seen[1] += hash(row)
                seen[2] = min(seen[2], received_ns)
    for book, held in found.books.items():
        _numbered(book, held, twins, name)
    return found


class _FrameKey(NamedTuple):
    """Name a frame of a venue without ids by where it was received, until its content is whole."""

    conn: str
    number: int


def _numbered(book: Book, held: dict[Hashable, list[int]], twins: Counter[tuple[Book, Hashable]], name: str) -> None:
    """Turn the keys of frames without ids into their content and which of its twins each is, in order received."""
    frames = [key for key in held if isinstance(key, _FrameKey)]
    for key in sorted(frames, key=lambda one: held[one][2]):
        seen = held.pop(key)
        content = (seen[0], seen[1])
        number = twins[book, content]
        twins[book, content] += 1
        held[content if name == "book_snapshots" else (content, number)] = seen


def read_rows(
    read_table: ReadTable, name: str, wanted: set[tuple[Book, Hashable]]
) -> dict[tuple[Book, Hashable], list[Row]]:
    """Return the rows of some keys in full, to say what is wrong with them; frames without ids have none."""
    chosen: dict[tuple[Book, Hashable], list[Row]] = defaultdict(list)
    for piece in _pieces(read_table, name):
        for symbol, key, row in zip(piece.symbols, piece.keys, piece.rows, strict=True):
            if ((piece.market, symbol), key) in wanted:
                chosen[(piece.market, symbol), key].append(row)
    return chosen


class _Piece(NamedTuple):
    market: str
    symbols: list[Any]
    keys: list[Any]
    rows: list[Row]
    received: list[int]
    sources: list[str]


def _pieces(read_table: ReadTable, name: str) -> Iterator[_Piece]:
    """Return the rows of each market of each batch."""
    for batch in batches(read_table(name)):
        for market, part in by_market(batch):
            reader = reader_classes().get(market)
            keys, shown = (reader.keys[name], reader.values[name]) if reader else (KEYS[name], VALUES[name])
            named = {column: values(part.column(column)) for column in {*_FRAME, *keys, *shown}}
            rows = list(zip(*(named[column] for column in shown), strict=True))
            made = _made_keys(name, keys, named)
            yield _Piece(market, named["native_symbol"], made, rows, named["received_ns"], named["source"])


def _made_keys(table: str, keys: tuple[str, ...], named: dict[str, list[Any]]) -> list[Any]:
    if not keys:
        return [_FrameKey(*frame) for frame in zip(named["conn"], named["frame_no"], strict=True)]
    if table == "trades" and keys == ("trade_id",):
        return [int(text) if text.isdigit() else text for text in named["trade_id"]]
    return named[keys[0]] if len(keys) == 1 else list(zip(*(named[column] for column in keys), strict=True))


def by_market(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Return the rows of each market as `<exchange>.<market>`."""
    exchanges, markets = (_plain(batch.column(name)) for name in ("exchange", "market"))
    names = pc.binary_join_element_wise(exchanges, markets, ".")
    for market in pc.unique(names).to_pylist():
        yield market, batch.filter(pc.equal(names, market))


def _plain(column: pa.Array) -> pa.Array:
    return pc.cast(column, pa.string())


def values(column: pa.Array) -> list[Any]:
    """Return a column's values; decimals in the spelling of `exact`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if not (pa.types.is_decimal(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        plain: list[Any] = column.to_pylist()
        return plain
    # Each distinct value is read once: prices, sizes and names repeat.
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    distinct: list[Any] = coded.dictionary.to_pylist()
    if pa.types.is_decimal(kind):
        distinct = [None if value is None else exact(str(value)) for value in distinct]
    return [None if index is None else distinct[index] for index in coded.indices.to_pylist()]


def catalog_reader(settings: Settings, *, all_columns: bool = False) -> ReadTable:
    """Read tables of the configured catalog; only the columns a comparison needs unless all are asked for."""
    from sinks.iceberg.catalog import connect  # noqa: PLC0415 - tests compare without a catalog

    catalog = connect(settings)

    def read(name: str) -> pa.RecordBatchReader:
        table = catalog.load_table((settings.catalog.namespace, name))
        return table.scan(selected_fields=("*",) if all_columns else columns_of(name)).to_arrow_batch_reader()

    return read
