"""Two independent readings of whole frames agree: the fuzzer's strict one and that of `verify`.

Neither shares code with `exchanges/` or with the other. A reading of `verify` is made for what the
simulator sends; a frame it does not know is left out here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal

import pytest
from frame_seeds import golden_seeds, recorded_seeds
from golden import MARKETS, bodies
from strict_path import StrictPath
from strict_reading import Meant

from cryptoflow.verify.frames import exact
from cryptoflow.verify.venues._reader import Reader, reader_classes

TODAY_NS = 1_790_000_000_000_000_000
NEEDS_TERMS = frozenset({"base_size", "notional"})
"""Columns that the strict reading only knows of instruments it has seen."""

READABLE = {
    name: reader_classes()[name.replace("_", ".")] for name in MARKETS if name.replace("_", ".") in reader_classes()
}
Told = Mapping[tuple[str, str], Counter[tuple[Hashable, ...]]]


def names_of(reader: Reader, table: str) -> tuple[str, ...]:
    """Return the columns a reading of `verify` tells of a table, its keys first."""
    return tuple(dict.fromkeys((*reader.keys[table], *reader.values[table])))


def told_by(reader: Reader, frame: bytes, terms: object) -> Told:
    """Return the rows as `verify` reads them, by table and symbol."""
    found: dict[tuple[str, str], Counter[tuple[Hashable, ...]]] = {}
    for one in reader.expected(frame):
        keys = reader.keys[one.table]
        key = one.key if len(keys) > 1 else (one.key,)
        assert isinstance(key, tuple)
        for values in one.rows:
            row = (
                {**dict(zip(keys, key, strict=True)), **dict(zip(reader.values[one.table], values, strict=True))}
                if keys
                else (dict(zip(reader.values[one.table], values, strict=True)))
            )
            place = (one.table, one.symbol)
            found.setdefault(place, Counter())[spelt(row, names_of(reader, one.table), one.symbol, terms)] += 1
    return found


def told_strictly(reader: Reader, meant: Sequence[Meant], terms: object) -> Told:
    """Return the rows as the strict reading has them, in the columns and spelling of `verify`."""
    found: dict[tuple[str, str], Counter[tuple[Hashable, ...]]] = {}
    for one in meant:
        for row in one.rows():
            counter = found.setdefault((one.record, one.symbol), Counter())
            counter[spelt(row, names_of(reader, one.record), one.symbol, terms)] += 1
    return found


def spelt(row: Mapping[str, object], names: Sequence[str], symbol: str, terms: object) -> tuple[Hashable, ...]:
    """Return the values of columns, numbers in one spelling; those that need terms nobody knows are left out."""
    cells: list[Hashable] = []
    for name in names:
        cell = row.get(name)
        if name in NEEDS_TERMS and isinstance(terms, dict) and symbol not in terms:
            continue
        if isinstance(cell, Decimal):
            cell = exact(str(cell))
        elif name == "trade_id" and isinstance(cell, str) and cell.isdigit():
            cell = int(cell)
        assert isinstance(cell, Hashable)
        cells.append(cell)
    return tuple(cells)


@pytest.mark.parametrize("name", READABLE)
def test_both_readings_of_whole_frames_agree(name: str) -> None:
    """Row by row, in every column that both tell."""
    path = StrictPath(name, TODAY_NS)
    terms = None if name.endswith("_spot") else getattr(path.reader, "terms", None)
    reader = READABLE[name]()
    for body in bodies(name):
        reader.instruments(body.decode())
    compared: Counter[str] = Counter()
    for seed in (*golden_seeds(name), *recorded_seeds(path.exchange, path.market)):
        if not seed.kind and path.means_rows(seed):
            meant = path.reader.meant(seed.frame, TODAY_NS)
            try:
                theirs = told_by(reader, seed.frame, terms)
            except (KeyError, ValueError, TypeError, AttributeError):
                continue
            ours = told_strictly(reader, meant, terms)
            assert {place: rows for place, rows in theirs.items() if rows} == ours, seed.frame[:1000]
            compared.update(record for record, _ in ours)
    assert compared.keys() >= {"trades", "quotes", "book_deltas"}, compared
