"""Recorded rows of Kraken spot: the depth of a book is found, and frames are changed on purpose."""

from __future__ import annotations

import pytest

from cryptoflow.simulator.venues._kraken_recorded import Reader, miscounted
from cryptoflow.simulator.venues._values import Row
from cryptoflow.simulator.venues.kraken_spot import VENUE

LEVEL = '{"price":1.0,"qty":1.0}'


def row(data: str, ev: str = "recv", conn: str = "c") -> Row:
    """Return a row of a recording."""
    return Row(0, conn, ev, "wss://ws.kraken.com/v2", data.encode())


def book(form: str, levels: int, symbol: str = "A/USD") -> str:
    """Write a book frame."""
    entry = f'{{"symbol":"{symbol}","bids":[{",".join([LEVEL] * levels)}],"asks":[]}}'
    return f'{{"channel":"book","type":"{form}","data":[{entry}]}}'


@pytest.mark.parametrize(("levels", "depth"), [(10, 10), (3, 10), (11, 25), (100, 100), (777, 1000)])
def test_a_snapshot_tells_the_depth(levels, depth):
    """The least depth that holds it; updates of the same symbol belong to it, other connections have their own."""
    read = Reader(VENUE).read
    found = [read(row(book("snapshot", levels))), read(row(book("update", 1))), read(row(book("update", 1), conn="d"))]
    assert [one.keys[0] for one in found if one] == [
        f"kraken.spot book@{depth}:A/USD", f"kraken.spot book@{depth}:A/USD", "kraken.spot book@10:A/USD",
    ]  # fmt: skip
    assert all(one and one.snapshots and one.kinds == ("book",) for one in found)


def test_a_recorded_request_tells_it_better():
    """What the client asked for counts, also for a thin book."""
    read = Reader(VENUE).read
    asked = '{"method":"subscribe","params":{"channel":"book","symbol":["A/USD"],"depth":500},"req_id":1}'
    assert read(row(asked, "send")) is None
    assert read(row(book("snapshot", 4))).keys == ("kraken.spot book@500:A/USD",)


@pytest.mark.parametrize(
    "text",
    ['{"channel":"heartbeat"}', '{"channel":"ohlc","data":[{"symbol":"A/USD"}]}', '{"method":"pong"}', "[", "[]", "7"],
)
def test_other_frames_are_left_out(text):
    """Control frames and channels we do not use are not replayed."""
    assert Reader(VENUE).read(row(text)) is None
    assert Reader(VENUE).read(row(text, "send")) is None
    assert Reader(VENUE).read(row("{}", "rest")) is None


def test_trades_and_quotes_keep_their_names():
    """Their streams have no depth; trades prove by their ids that none is missing."""
    trade = Reader(VENUE).read(row('{"channel":"trade","type":"update","data":[{"symbol":"A/USD"}]}'))
    quote = Reader(VENUE).read(row('{"channel":"ticker","type":"update","data":[{"symbol":"A/USD"}]}'))
    assert (trade.keys, trade.numbered) == (("kraken.spot trade:A/USD",), True)
    assert (quote.keys, quote.numbered) == (("kraken.spot ticker:A/USD",), False)


def test_a_miscounted_update_changes_its_best_bid():
    """One level has another size, the checksum is what it was; frames without such a level are left alone."""
    head = '{"channel":"book","type":"update","data":[{"symbol":"A/USD","bids":['
    tail = '],"asks":[{"price":3.0,"qty":1.0}],"checksum":5}]}'
    levels = '{"price":9.9,"qty":0.5},{"price":10.1,"qty":0.00000000},{"price":10.0,"qty":5e-08}'
    made = miscounted(f"{head}{levels}{tail}".encode())
    assert made == f"{head}{levels.replace('5e-08', '95')}{tail}".encode()
    assert miscounted(f"{head}{tail}".encode()) is None
    assert miscounted(book("snapshot", 1).encode()) is None
