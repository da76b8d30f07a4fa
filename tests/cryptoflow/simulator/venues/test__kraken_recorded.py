"""Recorded rows of Kraken spot: the depth of a book is found, and frames are changed on purpose."""

from __future__ import annotations

import json

import pytest

from cryptoflow.simulator.venues._kraken_recorded import Reader, listed, miscounted
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
    """The least depth that holds it; updates of the same symbol belong to it, on another connection too."""
    read = Reader(VENUE).read
    found = [read(row(book("snapshot", levels))), read(row(book("update", 1))), read(row(book("update", 1), conn="d"))]
    assert [one.keys[0] for one in found if one] == [f"kraken.spot book@{depth}:A/USD"] * 3
    assert all(one and one.snapshots and one.kinds == ("book",) for one in found)


def test_a_recorded_request_tells_it_better():
    """What the client asked for counts, also for a thin book."""
    read = Reader(VENUE).read
    asked = '{"method":"subscribe","params":{"channel":"book","symbol":["A/USD"],"depth":500},"req_id":1}'
    assert read(row(asked, "send")) is None
    assert read(row(book("snapshot", 4))).keys == ("kraken.spot book@500:A/USD",)


def test_rows_to_come_tell_the_depth_too():
    """An answer names it; and a thin snapshot that comes before the full one is of the same stream."""
    answer = '{"method":"subscribe","result":{"channel":"book","symbol":"A/USD","depth":100},"success":true}'
    thin, full = row(book("snapshot", 4)), row(book("snapshot", 20))
    assert Reader(VENUE, [row(answer), thin]).read(thin).keys == ("kraken.spot book@100:A/USD",)
    assert Reader(VENUE, [thin, full]).read(thin).keys == ("kraken.spot book@25:A/USD",)


def test_a_frame_of_several_symbols_has_their_streams():
    """Whoever has one of them gets it."""
    found = Reader(VENUE).read(
        row('{"channel":"trade","type":"update","data":[{"symbol":"A/USD"},{"symbol":"B/USD"}]}')
    )
    assert found.keys == ("kraken.spot trade:A/USD", "kraken.spot trade:B/USD")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('{"channel":"ohlc","data":[{"symbol":"A/USD"}]}', "ohlc:A/USD"),
        ('[336,[["1","1","1","b","m",""]],"trade","XBT/USD"]', "v1 trade:XBT/USD"),
        ('{"channel":"heartbeat"}', ""),
        ('{"channel":"status","data":[{"system":"online"}]}', ""),
        ('{"method":"pong"}', ""),
        ("[", ""),
        ("7", ""),
    ],
)
def test_what_is_left_out_has_a_name(text, name):
    """Data of channels that we do not use, and of the former protocol."""
    assert VENUE.unused(row(text)) == name


def test_recorded_pairs_are_the_venues_own():
    """A pair that no recorded list has is added to it."""
    told = b'{"error":[],"result":{"XXBTZUSD":{"wsname":"XBT/USD"}}}'
    assert listed([told], {"BTC/USD": {"wsname": "XBT/USD"}}) == told
    assert json.loads(listed([told], {"A/USD": {"wsname": "A/USD"}}))["result"] == {
        "XXBTZUSD": {"wsname": "XBT/USD"}, "A/USD": {"wsname": "A/USD"},
    }  # fmt: skip
    url = "https://api.kraken.com/0/public/AssetPairs"
    assert Reader(VENUE).read(Row(0, "h", "rest", url, told)).rest == "instruments"


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
