"""The independent reader of Coinbase says of golden frames what the reviewed files say."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.verify.frames import exact
from cryptoflow.verify.venues.coinbase import Advanced, Feed, moment

GOLDEN = Path(__file__).resolve().parents[3] / "golden"
TABLES = {"trades": "trades", "quotes": "quotes", "book": "book_deltas", "book_snapshot": "book_snapshots"}


def spelled(row: dict[str, Any], columns: tuple[str, ...]) -> tuple[Any, ...]:
    """Return the reviewed values of a row in the reader's order and spelling."""
    found = []
    for column in columns:
        value = row.get(column)
        if column == "notional":
            value = exact(str(Decimal(row["price"]) * Decimal(row["base_size"])))
        found.append(value)
    return tuple(found)


@pytest.mark.parametrize("reader", [Advanced, Feed])
@pytest.mark.parametrize("kind", TABLES)
def test_golden_frames_are_read_as_reviewed(reader: type[Advanced | Feed], kind: str) -> None:
    """Rows, in their order, and the products are those written down for the parsers."""
    folder, one = GOLDEN / f"coinbase_{reader.market}", reader()
    want = json.loads((folder / f"{kind}.json").read_text("utf-8"))
    rows, table = [], TABLES[kind]
    for frame, (_, symbol, stream, _) in zip(
        (folder / f"{kind}.jsonl").read_text("utf-8").splitlines(), want["frames"], strict=True
    ):
        found = one.expected(frame) if stream else [one.answer(symbol, frame)]
        assert {(each.table, each.symbol) for each in found} <= {(table, symbol)}
        rows += [row for each in found if each is not None for row in each.rows]
    assert rows == [spelled(row, one.values[table]) for row in want["rows"]]


def test_trades_are_told_by_their_ids() -> None:
    """Each trade is one of its own, oldest first; its id is key and bounds."""
    frame = (GOLDEN / "coinbase_spot" / "trades.jsonl").read_text("utf-8").splitlines()[1]
    found = Advanced().expected(frame)
    assert [(one.key, one.first, one.last) for one in found] == [(n, n, n) for n in (900000002, 900000003, 900000004)]


def test_control_frames_are_no_rows() -> None:
    """Answers, heartbeats and empty snapshots become nothing."""
    for reader, market in ((Advanced(), "spot"), (Feed(), "exchange")):
        for frame in (GOLDEN / f"coinbase_{market}" / "control.jsonl").read_text("utf-8").splitlines():
            if '"error"' not in frame:
                assert reader.expected(frame) == []


def test_streams_are_named_as_the_simulator_names_them() -> None:
    """A stream tells kind and product; one we do not use tells nothing."""
    assert Advanced().tracks("level2:BTC-USD") == [("book", "BTC-USD")]
    assert Feed().tracks("matches:BTC-USD") == [("trades", "BTC-USD")]
    assert Advanced().tracks("candles:BTC-USD") == []


def test_what_proves_a_loss() -> None:
    """The connection's number shows any loss of Advanced Trade; of the Exchange feed only trades have ids."""
    assert dict(Advanced.proofs) == {"trades": "contiguous", "quotes": "seen", "book_deltas": "seen"}
    assert dict(Feed.proofs) == {"trades": "contiguous"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, None),
        ("", None),
        ("0001-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00Z", None),
        ("2026-09-21T14:13:20Z", 1_790_000_000_000_000_000),
        ("2026-09-21T14:13:20.000000001Z", 1_790_000_000_000_000_001),
        ("2026-09-21T14:13:20.1Z", 1_790_000_000_100_000_000),
    ],
)
def test_moments_are_exact(text: str | None, wanted: int | None) -> None:
    """Every digit counts; senseless times are none (PROTOCOLS 6.1.6, 6.2.4)."""
    assert moment(text) == wanted
