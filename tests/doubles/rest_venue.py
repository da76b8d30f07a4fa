"""A REST venue on loopback that answers what its script says.

It cannot imitate: weight accounting, TLS, slow bodies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class RestVenue:
    """Answer each request with the next (status, headers, body) of the script, the last one for ever; `go` lets it."""

    def __init__(self) -> None:
        """Answer 200 and an empty object."""
        self.script: list[tuple[int, dict[str, str], bytes]] = [(200, {}, b"{}")]
        self.asked: list[str] = []
        self.base = ""
        self.go = asyncio.Event()
        self.go.set()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        self.asked.append(str(request.rel_url))
        await self.go.wait()
        status, headers, body = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return web.Response(status=status, headers=headers, body=body)


@asynccontextmanager
async def rest_venue() -> AsyncIterator[RestVenue]:
    """Listen on a free port."""
    venue = RestVenue()
    app = web.Application()
    app.router.add_get("/{path:.*}", venue.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    venue.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield venue
    finally:
        await runner.cleanup()
