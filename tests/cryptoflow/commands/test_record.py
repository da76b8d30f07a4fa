"""`cryptoflow record` writes a session of a venue into a file that can be replayed."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.simulator import plan_recording
from tests.doubles.venue_run import venue


@pytest.fixture
def endpoints(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Run a simulated venue in a thread of its own and point commands at it.

    It has one symbol, because it sends nothing before all of its streams are asked for.
    """
    told: dict[str, str] = {}
    ready, over = threading.Event(), threading.Event()

    async def run() -> None:
        async with venue(tmp_path / "venue", markets=("okx.swap",), symbols=1, rate_fps=400) as one:
            told["CRYPTOFLOW_PRODUCER__ENDPOINTS"] = json.dumps(one.endpoints)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(15)
    yield {**told, "CRYPTOFLOW_ENVIRONMENT": "test"}
    over.set()
    thread.join(15)


def test_a_session_is_written_and_told(cli: Callable[..., Any], endpoints: dict[str, str], tmp_path: Path) -> None:
    """The named symbol alone, for as long as asked, into the named file or a folder of recordings."""
    words = ("record", "--exchange", "okx", "--market", "swap", "--symbol", "SYM0001-USDT-SWAP", "--for", "0.5s")
    told = cli(*words, "--out", "one.jsonl.gz", "--json", **endpoints)
    assert told.exit_code == 0, told.output
    found = json.loads(told.stdout)
    assert found["path"] == "one.jsonl.gz"
    assert found["complete"]
    assert found["symbols"] == {"okx.swap": ["SYM0001-USDT-SWAP"]}
    assert found["rows"]["recv"] > 5
    assert plan_recording([tmp_path / "one.jsonl.gz"]).symbols("okx.swap") == ("SYM0001-USDT-SWAP",)
    again = cli(*words, "--streams", "trades", **endpoints)
    assert again.exit_code == 0, again.output
    (path,) = (tmp_path / "recordings").glob("okx_*Z.jsonl.gz")
    assert f"recordings/{path.name}: " in again.stdout
    assert {key for step in plan_recording([path]).steps for key in step.keys} == {"okx.swap trades:SYM0001-USDT-SWAP"}


def test_an_expression_that_fits_nothing_is_refused(
    error_line: Callable[..., str], endpoints: dict[str, str], tmp_path: Path
) -> None:
    """Minutes of a file without data would be found out too late; so would a channel of a market misspelled."""
    words = ("record", "--exchange", "okx", "--market", "swap", "--for", "0.5s", "--symbols")
    assert "nothing that okx.swap trades fits" in error_line(2, *words, "quote=XYZ", **endpoints)
    assert not list((tmp_path / "recordings").glob("*"))
    kinds = {"CRYPTOFLOW_PRODUCER__CHANNELS": '{"okx.swap": ["trades"]}'}
    assert "okx.swap has no stream of kind book" in error_line(
        2, *words, "all", "--streams", "book", **endpoints, **kinds
    )
    wrong = {"CRYPTOFLOW_PRODUCER__CHANNELS": '{"okx.swp": ["trades"]}'}
    assert "there is no market okx.swp" in error_line(2, *words, "all", **endpoints, **wrong)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), "name what to record"),
        (("--symbol", "A", "--for", "soon"), "soon is no span of time"),
        (("--symbol", "A", "--exchange", "nowhere"), "there is no exchange nowhere"),
        (("--symbol", "A", "--out", "a.json"), "not a recording's name"),
        (("--symbols", "volume=3"), "there is no volume="),
        (("--symbols", ""), "an expression is empty; write `all` for everything that trades, or"),
        (("--symbol", " "), "an expression is empty"),
        (("--symbols", "okx: "), "an expression is empty"),
    ],
)
def test_what_cannot_be_recorded_is_one_line(
    error_line: Callable[..., str], words: tuple[str, ...], expected: str
) -> None:
    """Everything the venue lists is recorded only when it is said: `all`."""
    assert expected in error_line(2, "record", *words)
