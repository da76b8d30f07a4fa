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


async def test_missing_exchange_info_is_synthetic(start, recording):
    """A recording without exchangeInfo gets one marked synthetic, with the price step of its snapshot."""
    async with start(recordings=(recording,)) as venue:
        entry = (await venue.get("/fapi/v1/exchangeInfo"))[1]["symbols"][0]
        assert (entry["symbol"], entry["baseAsset"], entry["quoteAsset"]) == ("ABCUSDT", "ABC", "USDT")
        assert entry["x_synthetic"] is True
        assert entry["filters"][0]["tickSize"] == "0.01"


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
