"""What a recording holds, before it is replayed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from cryptoflow.errors import ConfigError
from cryptoflow.simulator import plan_recording

RECORDINGS = Path(__file__).parents[3] / ".." / "shared" / "recordings"


def test_other_venues_are_refused(tmp_path):
    """A file that is no recording of this market is refused in one line."""
    (tmp_path / "x.gz").write_bytes(b"no gzip")
    with pytest.raises(ConfigError, match="reading recording"):
        plan_recording([tmp_path / "x.gz"])
    with gzip.open(tmp_path / "y.gz", "wt") as file:
        file.write('{"t":1,"conn":"c","ev":"open","url":"wss://ws.example.com/x"}\n')
    with pytest.raises(ConfigError, match="no venue known here"):
        plan_recording([tmp_path / "y.gz"])


def test_plan(tmp_path):
    """A plan names symbols, channels and streams, without what is not recorded, each file from its own start."""
    for name, start in (("one", 10**18), ("two", 5)):
        with gzip.open(tmp_path / name, "wt") as file:
            rows = [
                {"t": start, "conn": "w", "ev": "open", "url": "wss://fstream.binance.com/stream"},
                {"t": start + 7, "conn": "w", "ev": "recv", "data": f'{{"stream":"{name}usdt@aggTrade","data":{{}}}}'},
                {"t": start + 8, "conn": "w", "ev": "recv", "data": f'{{"stream":"{name}usdt@kline_1m","data":{{}}}}'},
                {"t": start + 9, "conn": "w", "ev": "recv", "data": '{"result":null,"id":1}'},
            ]
            file.writelines(json.dumps(row) + "\n" for row in rows)
    plan = plan_recording([tmp_path / "one", tmp_path / "two"])
    assert plan.markets == ("binance.usdm",)
    assert plan.symbols("binance.usdm") == ("ONEUSDT", "TWOUSDT")
    assert list(plan.channels) == ["binance.usdm oneusdt@aggTrade", "binance.usdm twousdt@aggTrade"]
    assert plan.received_ns == {"binance": [10**18, 5]}
    assert [step.offset_ns for step in plan.steps] == [7, 7]
    assert plan.rest == {}


def test_what_is_left_out_is_told(tmp_path):
    """By stream, with the rows of further channels of a book; answers are not."""
    path = tmp_path / "r"
    url = "wss://stream.bybit.com/v5/public/linear"
    frames = ["kline.1.A", "kline.1.A", "orderbook.200.A", "orderbook.50.A", "publicTrade.A"]
    rows = [{"t": 1, "conn": "w", "ev": "open", "url": url}]
    rows += [{"t": 2, "conn": "w", "ev": "recv", "data": json.dumps({"topic": topic})} for topic in frames]
    rows.append({"t": 3, "conn": "w", "ev": "recv", "data": '{"op":"subscribe","success":true}'})
    rows.append({"t": 3, "conn": "h", "ev": "rest", "url": "https://api.bybit.com/v5/market/time", "data": "{}"})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan_recording([path])
    assert set(plan.channels) == {"bybit.linear orderbook.200.A", "bybit.linear publicTrade.A"}
    assert len(plan.steps) == 2
    assert plan.left_out == {
        "bybit linear kline.1.A": 2, "bybit GET /v5/market/time": 1, "bybit.linear orderbook.50.A": 1,
    }  # fmt: skip
    assert plan.omissions.startswith("4 recorded rows are not replayed: bybit linear kline.1.A (2), ")
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:3]))
    with pytest.raises(ConfigError, match=r"no stream of ours; 2 recorded rows .*kline\.1\.A \(2\)"):
        plan_recording([path])


def test_a_book_is_sound_from_its_snapshot_to_the_next_hole(tmp_path):
    """A frame recorded twice is no hole; without a snapshot nothing is known."""
    path = tmp_path / "r"
    rows = [{"t": 1, "conn": "w", "ev": "open", "url": "wss://stream.bybit.com/v5/public/spot"}]
    for number, kind in ((3, "delta"), (5, "snapshot"), (6, "delta"), (6, "delta"), (8, "delta"), (9, "snapshot")):
        frame = {"topic": "orderbook.50.A", "type": kind, "data": {"s": "A", "u": number}}
        rows.append({"t": 2, "conn": "w", "ev": "recv", "data": json.dumps(frame)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [step.sound for step in plan_recording([path]).steps] == [False, True, True, True, False, True]


def test_a_symbol_whose_definition_nobody_can_read_is_left_out(tmp_path):
    """A producer that was asked for it would refuse everything."""
    path = tmp_path / "r"
    rows = [{"t": 1, "conn": "w", "ev": "open", "url": "wss://futures.kraken.com/ws/v1"}]
    for symbol in ("PF_AUSD", "PV_AXBT"):
        frame = {"feed": "ticker_lite", "product_id": symbol}
        rows.append({"t": 2, "conn": "w", "ev": "recv", "data": json.dumps(frame)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan_recording([path])
    assert plan.symbols("kraken.futures") == ("PF_AUSD",)
    assert plan.left_out == {"kraken.futures ticker_lite:PV_AXBT": 1}


def test_an_update_recorded_twice_is_one(tmp_path):
    """Of a book without ids; another one in between is no repeat."""
    path = tmp_path / "r"
    rows = [{"t": 1, "conn": "w", "ev": "open", "url": "wss://ws.kraken.com/v2"}]
    for price in (1, 2, 2, 1):
        book = {"symbol": "A/USD", "bids": [{"price": price, "qty": 1}], "asks": []}
        frame = {"channel": "book", "type": "update", "data": [book]}
        rows.append({"t": 2, "conn": "w", "ev": "recv", "data": json.dumps(frame)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan_recording([path])
    assert len(plan.steps) == 3
    assert plan.left_out == {"kraken.spot book@10:A/USD, recorded twice": 1}


def test_a_name_that_no_venue_gives_is_left_out(tmp_path):
    """The rest is replayed."""
    path = tmp_path / "r"
    rows = [{"t": 1, "conn": "w", "ev": "open", "url": "wss://ws.okx.com:8443/ws/v5/public"}]
    for symbol in ("A-USD-SOON", "A-USD-300101"):
        frame = {"arg": {"channel": "trades", "instId": symbol}, "data": [{}]}
        rows.append({"t": 2, "conn": "w", "ev": "recv", "data": json.dumps(frame)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    plan = plan_recording([path])
    assert plan.symbols("okx.futures") == ("A-USD-300101",)
    assert plan.left_out == {"okx.futures trades:A-USD-SOON": 1}


def test_real_recording():
    """The recorded exchangeInfo is found, and the channels of the time."""
    path = RECORDINGS / "binance_usdm_4symbols_20210722.jsonl.gz"
    if not path.exists():
        pytest.skip("recordings not present at ../shared/recordings")
    plan = plan_recording([path])
    assert {key.partition("@")[2] for key in plan.channels} == {"aggTrade", "bookTicker", "depth@100ms"}
    assert len(json.loads(plan.rest["binance.usdm", "instruments"][0])["symbols"]) == 122
