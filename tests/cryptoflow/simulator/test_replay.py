"""Recordings come out as they went in, and their snapshots in their place."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from cryptoflow.simulator import plan_recording

RECORDINGS = Path(__file__).parents[3] / ".." / "shared" / "recordings"
DEADLINE_S = 60.0


def _recording(path, rows):
    """Write a recording of invented frames: (t, kind, symbol, number)."""
    with gzip.open(path, "wt") as file:
        url = "wss://fstream.binance.com/stream?streams=abcusdt@depth@100ms/abcusdt@kline_1m"
        file.write(json.dumps({"t": 0, "conn": "w", "ev": "open", "url": url}) + "\n")
        for t, kind, number in rows:
            if kind == "rest":
                body = {"lastUpdateId": number, "bids": [["1.50", "2"]], "asks": [["1.60", "1"]]}
                row = {
                    "conn": "h",
                    "ev": "rest",
                    "url": "https://fapi.binance.com/fapi/v1/depth?symbol=ABCUSDT&limit=1000",
                }
            else:
                body = {"stream": f"abcusdt@{kind}", "data": {"u": number, "spelling": "as  recorded"}}
                row = {"conn": "w", "ev": "recv"}
            file.write(json.dumps({"t": t, **row, "data": json.dumps(body)}) + "\n")
    return path


async def _take(socket, count):
    async with asyncio.timeout(DEADLINE_S):
        return [json.loads(await socket.recv())["data"]["u"] for _ in range(count)]


@pytest.fixture
def recording(tmp_path):
    """Write two deltas, a snapshot, two deltas; the snapshot is first in the file."""
    rows = [(5, "rest", 12), (1, "depth@100ms", 10), (2, "depth@100ms", 11), (3, "kline_1m", 1)]
    return _recording(tmp_path / "r.jsonl.gz", [*rows, (6, "depth@100ms", 12), (7, "depth@100ms", 13)])


async def test_snapshot_is_a_barrier(start, recording):
    """Frames after a snapshot wait until it is asked for; it is served once, then the newest again."""
    path = "/public/stream?streams=abcusdt@depth@100ms/abcusdt@kline_1m"
    async with start(recordings=(recording,)) as venue, venue.connect(path) as socket:
        assert await _take(socket, 2) == [10, 11]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)
        assert (await venue.get("/fapi/v1/depth?symbol=ABCUSDT&limit=1000"))[1]["lastUpdateId"] == 12
        assert await _take(socket, 2) == [12, 13]
        status = await venue.until(lambda found: found["state"] == "done")
        assert status["frames_sent"] == 4
        assert (await venue.get("/fapi/v1/depth?symbol=ABCUSDT&limit=1000"))[1]["lastUpdateId"] == 12


async def test_barrier_waits_only_so_long(start, recording):
    """Nobody asks: the frames go on, and whoever asks later is served."""
    async with start(recordings=(recording,), barrier_wait_s=0.2) as venue:
        async with venue.connect("/public/stream?streams=abcusdt@depth@100ms") as socket:
            assert await _take(socket, 4) == [10, 11, 12, 13]
        assert (await venue.get("/fapi/v1/depth?symbol=ABCUSDT&limit=1000"))[1]["lastUpdateId"] == 12


async def test_request_ahead_of_its_place(start, recording):
    """A request that comes early gets the snapshot after the frames that came before it."""
    async with start(recordings=(recording,)) as venue:
        asked = asyncio.create_task(venue.get("/fapi/v1/depth?symbol=ABCUSDT&limit=1000"))
        async with venue.connect("/public/stream?streams=abcusdt@depth@100ms") as socket:
            assert await _take(socket, 4) == [10, 11, 12, 13]
        assert (await asked)[1]["lastUpdateId"] == 12


async def test_a_snapshot_before_all_updates_lets_the_first_pass(start, tmp_path):
    """Nobody asks for a book before its first update; what follows that one waits until it was asked for."""
    rows = [(1, "rest", 9), (2, "depth@100ms", 10), (3, "depth@100ms", 11)]
    path = "/public/stream?streams=abcusdt@depth@100ms"
    async with start(recordings=(_recording(tmp_path / "r", rows),)) as venue, venue.connect(path) as socket:
        assert await _take(socket, 1) == [10]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)
        assert (await venue.get("/fapi/v1/depth?symbol=ABCUSDT&limit=1000"))[1]["lastUpdateId"] == 9
        assert await _take(socket, 1) == [11]


async def test_several_snapshots_are_served_once_each(start, tmp_path):
    """Whoever asks on gets nothing: the last one again would tell nothing."""
    rows = [(1, "depth@100ms", 10), (2, "rest", 10), (3, "depth@100ms", 11), (4, "rest", 11)]
    recording = _recording(tmp_path / "r", rows)
    book = "/fapi/v1/depth?symbol=ABCUSDT&limit=1000"
    async with start(recordings=(recording,)) as venue:
        async with venue.connect("/public/stream?streams=abcusdt@depth@100ms") as socket:
            assert await _take(socket, 1) == [10]
            assert (await venue.get(book))[1]["lastUpdateId"] == 10
            assert await _take(socket, 1) == [11]
        assert (await venue.get(book))[1]["lastUpdateId"] == 11
        assert (await venue.get(book))[0] == 400
    assert plan_recording([recording]).has_later_books


async def test_missing_exchange_info_is_synthetic(start, recording):
    """A recording without exchangeInfo gets one marked synthetic, with the price step of its snapshot."""
    async with start(recordings=(recording,)) as venue:
        entry = (await venue.get("/fapi/v1/exchangeInfo"))[1]["symbols"][0]
        assert (entry["symbol"], entry["baseAsset"], entry["quoteAsset"]) == ("ABCUSDT", "ABC", "USDT")
        assert entry["x_synthetic"] is True
        assert entry["filters"][0]["tickSize"] == "0.01"


def _session(path, url, frames):
    """Write a recording of one connection."""
    rows = [{"t": 0, "conn": "w", "ev": "open", "url": url}]
    rows += [{"t": t, "conn": "w", "ev": "recv", "data": json.dumps(frame)} for t, frame in enumerate(frames, 1)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def _book(u, kind="delta"):
    """Return an invented book frame of Bybit."""
    return {"topic": "orderbook.50.A", "type": kind, "ts": 1, "data": {"s": "A", "b": [["1", str(u)]], "a": [], "u": u}}


async def test_a_book_asked_for_anew_loses_nothing_and_is_not_made_up(start, tmp_path):
    """A client that meets a hole of the recording gets all that was recorded, and no snapshot that was not."""
    rows = [_book(7, "snapshot"), _book(8), *(_book(number) for number in range(10, 2000)), _book(3000, "snapshot")]
    recording = _session(tmp_path / "r", "wss://stream.bybit.com/v5/public/linear", rows)
    async with start(recordings=(recording,)) as venue, venue.connect("/bybit/v5/public/linear") as socket:
        ask = json.dumps({"op": "subscribe", "args": ["orderbook.50.A"]})
        await socket.send(ask)
        got = []
        async with asyncio.timeout(DEADLINE_S):
            while len(got) < len(rows):
                found = json.loads(await socket.recv())
                got += [found] if "topic" in found else []
                if len(got) == 3 and "topic" in found:
                    await socket.send(ask.replace("subscribe", "unsubscribe"))
                    await socket.send(ask)
    assert got == rows


async def test_whoever_comes_later_gets_what_was_sent(start, tmp_path):
    """A new connection begins with a snapshot made of the frames so far, and misses nothing after it."""
    recording = _session(
        tmp_path / "r", "wss://stream.bybit.com/v5/public/linear", [_book(7, "snapshot"), *(map(_book, range(8, 2000)))]
    )
    ask = json.dumps({"op": "subscribe", "args": ["orderbook.50.A"]})
    async with start(recordings=(recording,)) as venue, asyncio.timeout(DEADLINE_S):
        async with venue.connect("/bybit/v5/public/linear") as socket:
            await socket.send(ask)
            while "topic" not in json.loads(await socket.recv()):
                pass
        async with venue.connect("/bybit/v5/public/linear") as socket:
            await socket.send(ask)
            first = json.loads(await socket.recv())
            assert first["type"] == "snapshot"
            number = first["data"]["u"]
            while number < 1999:
                found = json.loads(await socket.recv())
                if "topic" in found:
                    number += 1
                    assert found["data"]["u"] == number


async def test_frames_that_were_not_recorded_are_missed(start, tmp_path):
    """The connection's own number jumps as the recorded one did; what follows waits for who connects again."""

    def frame(number, kind="update"):
        event = {"type": kind, "product_id": "A-USD", "updates": []}
        return {"channel": "l2_data", "timestamp": "x", "sequence_num": number, "events": [event]}

    frames = [frame(4, "snapshot"), frame(5), frame(8), frame(9), frame(10, "snapshot"), frame(11)]
    recording = _session(tmp_path / "r", "wss://advanced-trade-ws.coinbase.com", frames)
    ask = json.dumps({"type": "subscribe", "channel": "level2", "product_ids": ["A-USD"]})

    async def book(socket):
        while (found := json.loads(await socket.recv()))["channel"] != "l2_data":
            pass
        return found["sequence_num"], found["events"][0]["type"]

    async with start(recordings=(recording,)) as venue, asyncio.timeout(DEADLINE_S):
        async with venue.connect("/coinbase/spot") as socket:
            await socket.send(ask)
            first = [await book(socket) for _ in range(3)]
        async with venue.connect("/coinbase/spot") as socket:
            await socket.send(ask)
            later = [await book(socket) for _ in range(3)]
    assert [number - first[0][0] for number, _ in first] in ([0, 1, 4], [0, 2, 5])
    assert [kind for _, kind in later] == ["update", "snapshot", "update"]


@pytest.mark.parametrize("name", ["binance_usdm_4symbols_20210722", "binance_usdm_btcusdt_20240808"])
async def test_real_recordings(start, name):
    """Every recorded frame of every channel arrives verbatim, and each snapshot once."""
    path = RECORDINGS / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("recordings not present at ../shared/recordings")
    expected = json.loads((RECORDINGS / "expected.json").read_text())[name]["frames"]
    plan = plan_recording([path])
    recorded = Counter(step.payload for step in plan.steps if step.keys)
    got: Counter[bytes] = Counter()
    bodies = [step for step in plan.steps if not step.keys]
    async with start(recordings=(path,)) as venue:

        async def listen(endpoint):
            async with venue.connect(
                f"/{endpoint}/stream?streams=" + "/".join(key.partition(" ")[2] for key in plan.channels)
            ) as socket:
                while True:
                    got[await socket.recv(decode=False)] += 1

        tasks = [asyncio.create_task(listen(endpoint)) for endpoint in ("public", "market")]
        for step in bodies:
            answer = await venue.get(f"/fapi/v1/depth?symbol={step.symbol}&limit=1000")
            assert answer[1] == json.loads(step.payload)
        async with asyncio.timeout(DEADLINE_S):
            while got.total() < recorded.total():  # noqa: ASYNC110 - counts of two sockets
                await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert got == recorded
    data = [count for kind, count in expected.items() if not kind.startswith("book_snapshot")]
    assert got.total() == sum(data)
    assert len(bodies) == sum(count for kind, count in expected.items() if kind.startswith("book_snapshot"))
