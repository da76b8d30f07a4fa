"""Every market's reader compares columns that exist, by keys that exist."""

from __future__ import annotations

import pytest

from cryptoflow.verify.venues._reader import KEYS, TABLES, Reader, reader_classes, readers
from schemas import records


@pytest.mark.parametrize("market", sorted(reader_classes()))
def test_columns(market: str) -> None:
    """Keys and values are columns of their tables, and every proof is a known one."""
    found: Reader = readers()[market]
    for table in TABLES:
        columns = {column.name for column in records()[table].columns}
        assert {*found.keys[table], *found.values[table]} <= columns
    assert set(found.proofs) <= KEYS.keys()
    assert set(found.proofs.values()) <= {"contiguous", "chain", "seen"}


def test_readers_are_made_fresh() -> None:
    """Two comparisons share no contracts."""
    assert readers()["binance.usdm"] is not readers()["binance.usdm"]
