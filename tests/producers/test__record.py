"""A recorded session is what the venue sent, and the simulator replays it frame for frame."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cryptoflow import registry
from cryptoflow.config import Producer, Settings
from cryptoflow.errors import ConfigError, UnreachableError
from cryptoflow.simulator import plan_recording
from producers import _record
from producers._choose import selections
from producers._produce import Recorded
from producers._record import Captured, record
from tests.doubles.venue_run import VenueRun, until, venue

EXCHANGES = registry.load("exchanges", "EXCHANGE")
FRAMES = 200


async def capture(
    run: VenueRun, market: str, path: Path, stop: asyncio.Event | None = None, **changes: Any
) -> Captured:
    """Record all symbols of one simulated market until the simulator has sent everything."""
    exchange, _, name = market.partition(".")
    settings = Settings(environment="test", producer=Producer(endpoints=run.endpoints))
    over = stop or asyncio.Event()

    async def ended() -> bool:
        return bool((await run.status())["state"] == "done")

    async def end() -> None:
        await until(ended, 60, "sending everything")
        over.set()

    watching = asyncio.create_task(end())
    given = {"limit_s": 60.0, "bytes_max": 1 << 30, **changes}
    try:
        return await record(
            settings, [Recorded(EXCHANGES[exchange], (name,))], selections(["all"]), path, stop=over, **given
        )
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def frames(path: Path) -> list[tuple[tuple[str, ...], bytes]]:
    """Return every frame of a recording by the streams it belongs to, numbers of the connection left out."""
    found = []
    for step in plan_recording([path]).steps:
        told = json.loads(step.payload)
        if isinstance(told, dict):
            told.pop("sequence_num", None)
        found.append((step.keys, json.dumps(told).encode()))
    return sorted(found)


@pytest.mark.parametrize("market", ["binance.usdm", "bybit.linear", "coinbase.spot", "kraken.spot", "okx.swap"])
async def test_a_session_is_recorded_whole_and_replayed_frame_for_frame(market: str, tmp_path: Path) -> None:
    """Every frame sent is in the file; the simulator sends just these to whoever records again."""
    first, second = tmp_path / "first.jsonl.gz", tmp_path / "second.jsonl.gz"
    async with venue(tmp_path / "one", markets=(market,), symbols=2, frames_max=FRAMES, rate_fps=FRAMES) as run:
        told = await capture(run, market, first)
        sent = (await run.status())["frames_sent"]
    plan = plan_recording([first])
    assert plan.markets == (market,)
    assert sum(bool(step.keys) for step in plan.steps) == sent >= FRAMES
    assert told.complete
    assert told.reason == "stopped"
    assert set(told.symbols[market]) == set(plan.symbols(market))
    assert told.rows["open"] >= 1
    assert told.rows["send"] >= 1
    async with venue(tmp_path / "two", markets=(), recordings=(first,)) as run:
        await capture(run, market, second)
    assert frames(second) == frames(first)


async def test_rows_are_the_wire_and_its_urls_are_the_venues(tmp_path: Path) -> None:
    """Requests of ours, answers, REST bodies and frames stand in order of time, per connection."""
    path = tmp_path / "a.jsonl.gz"
    async with venue(tmp_path / "venue", symbols=1, frames_max=50, rate_fps=100) as run:
        await capture(run, "binance.usdm", path)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows: list[Mapping[str, Any]] = [json.loads(line) for line in lines]
    assert all(row["via"].startswith("ws://127.0.0.1:") for row in rows if row["ev"] == "open")
    urls = Counter(row["url"].partition("?")[0] for row in rows if row["ev"] in {"open", "rest"})
    assert urls == {
        "wss://fstream.binance.com/public/stream": 1,
        "wss://fstream.binance.com/market/stream": 1,
        "https://fapi.binance.com/fapi/v1/exchangeInfo": 1,
        "https://fapi.binance.com/fapi/v1/depth": 1,
    }
    for conn in {row["conn"] for row in rows if row["ev"] == "open"}:
        own = [row for row in rows if row["conn"] == conn]
        assert [row["ev"] for row in own[:3]] == ["open", "send", "recv"]
        assert json.loads(own[1]["data"])["method"] == "SUBSCRIBE"
        assert [row["t"] for row in own] == sorted(row["t"] for row in own)


@pytest.mark.parametrize(
    ("changes", "reason"), [({"limit_s": 0.3}, "time"), ({"bytes_max": 20_000}, "size"), ({}, "stopped")]
)
async def test_it_ends_by_time_by_size_or_when_asked(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    """Time counts from when every stream is served; the file is whole in any case."""
    path = tmp_path / "a.jsonl.gz"
    stop = asyncio.Event()
    async with venue(tmp_path / "venue", symbols=1, rate_fps=200) as run:
        if reason == "stopped":
            asyncio.get_running_loop().call_later(1.0, stop.set)
        told = await capture(run, "binance.usdm", path, stop, **changes)
    assert told.reason == reason
    assert plan_recording([path]).steps
    if reason == "time":
        assert 0.3 <= told.seconds < 5
    if reason == "size":
        assert 20_000 <= told.bytes < 200_000


async def test_a_stream_that_is_never_served_does_not_hold_the_end_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a limit the time begins without it, and the recording says that it lacks some."""
    monkeypatch.setattr(_record, "START_WAIT_S", 0.2)
    async with venue(tmp_path / "venue", symbols=1, rate_fps=200) as run:
        run.endpoints["binance.usdm.market"] = "ws://127.0.0.1:1"
        told = await capture(run, "binance.usdm", tmp_path / "a.jsonl.gz", limit_s=0.2)
    assert (told.complete, told.reason) == (False, "time")
    assert told.rows["open"] > 0


async def test_a_stop_is_heard_while_a_venue_does_not_answer(tmp_path: Path) -> None:
    """The line says so, and no empty file is left."""
    settings = Settings(environment="test", producer=Producer(endpoints={"binance.usdm.rest": "http://127.0.0.1:1"}))
    venues, stop = [Recorded(EXCHANGES["binance"], ("usdm",))], asyncio.Event()
    asyncio.get_running_loop().call_later(0.1, stop.set)
    with pytest.raises(UnreachableError, match="stopped before the venue"):
        await asyncio.wait_for(
            record(settings, venues, selections(["all"]), tmp_path / "a.jsonl.gz", 1, 1 << 20, stop), 5
        )
    assert not (tmp_path / "a.jsonl.gz").exists()


async def test_what_cannot_be_recorded_leaves_no_claim(tmp_path: Path) -> None:
    """A name the venue does not list, a file that exists, a market that is none: each one line."""
    async with venue(tmp_path / "venue", symbols=1) as run:
        settings = Settings(environment="test", producer=Producer(endpoints=run.endpoints))
        venues = [Recorded(EXCHANGES["binance"], ("usdm",))]
        path, stop = tmp_path / "a.jsonl.gz", asyncio.Event()
        with pytest.raises(ConfigError, match="NOPE is not listed"):
            await record(settings, venues, selections(["NOPE"]), path, 1, 1 << 20, stop)
        assert not path.exists()
        path.write_bytes(b"kept")
        with pytest.raises(ConfigError, match="File exists"):
            await record(settings, venues, selections(["all"]), path, 1, 1 << 20, stop)
        assert path.read_bytes() == b"kept"
        strict = settings.model_copy(update={"environment": "production"})
        with pytest.raises(ConfigError, match="is refused in production"):
            await record(strict, venues, selections(["all"]), tmp_path / "b.jsonl.gz", 1, 1 << 20, stop)
