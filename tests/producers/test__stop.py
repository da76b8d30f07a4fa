"""Work ends when it is done, or when it is asked to."""

from __future__ import annotations

import asyncio

import pytest

from producers._stop import finished_before


async def test_work_that_is_done_first_counts() -> None:
    """What it raises comes out."""

    async def fails() -> None:
        raise ValueError("it")

    assert await finished_before(asyncio.Event(), asyncio.sleep(0))
    with pytest.raises(ValueError, match="it"):
        await finished_before(asyncio.Event(), fails())


async def test_a_stop_cancels_the_work() -> None:
    """Before the answer comes, so that nothing goes on unseen."""
    stop, ended = asyncio.Event(), asyncio.Event()

    async def never() -> None:
        try:
            stop.set()
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert not await asyncio.wait_for(finished_before(stop, never()), 5)
    assert ended.is_set()
