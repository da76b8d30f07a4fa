"""Ask a venue over REST within its weight budget; back off when told to, never storm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import aiohttp

from cryptoflow import clock, events
from cryptoflow.errors import RetryError
from exchanges import RestRequest

BODY_MAX_BYTES = 64 * 1024 * 1024
BUDGET_SHARE = 0.9
_MINUTE_NS = 60_000_000_000
_BACK_OFF = frozenset({403, 418, 429})
_BACK_OFF_DEFAULT_S = {403: 300.0, 418: 120.0, 429: 10.0}
_BACK_OFF_MAX_S = 3 * 86_400.0
_OK = 200


class RestError(RetryError):
    """Say that a request failed; `wait_s` is how long to leave the venue alone."""

    def __init__(self, text: str, wait_s: float) -> None:
        """Keep the wait."""
        super().__init__(text)
        self.wait_s = wait_s


class WeightBudget:
    """Count weight per wall-clock minute as venues do, and remember when they asked to be left alone."""

    def __init__(self, per_minute: int) -> None:
        """Take the weight that may be spent in one minute."""
        self._per_minute = max(per_minute, 1)
        self._minute = 0
        self.used = 0
        self._blocked_until_ns = 0

    def wait_s(self, weight: int, now_ns: int) -> float:
        """Return how long to wait for `weight`; 0 spends it. A request above the whole budget may go alone."""
        if now_ns < self._blocked_until_ns:
            return (self._blocked_until_ns - now_ns) / 1e9
        minute = now_ns // _MINUTE_NS
        if minute != self._minute:
            self._minute, self.used = minute, 0
        if self.used and self.used + weight > self._per_minute:
            return ((minute + 1) * _MINUTE_NS - now_ns) / 1e9
        self.used += weight
        return 0.0

    def observe(self, used: int) -> None:
        """Take the venue's own count, which others on the same address may have raised."""
        self.used = max(self.used, used)

    def block(self, seconds: float, now_ns: int) -> None:
        """Leave the venue alone for a while."""
        self._blocked_until_ns = max(self._blocked_until_ns, now_ns + int(min(seconds, _BACK_OFF_MAX_S) * 1e9))


class Rest:
    """Send GET requests to one host; use as an async context manager."""

    def __init__(self, base: str, weight_header: str, per_minute: int, *, timeout_s: float, local_address: str) -> None:
        """Take the base URL and the budget."""
        self._base = base.rstrip("/")
        self.host = urlsplit(base).hostname or base
        self._weight_header = weight_header
        self._budget = WeightBudget(per_minute)
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._local_address = local_address
        self._session: aiohttp.ClientSession | None = None
        self.on_limited: Callable[[int, float], None] = lambda _status, _wait_s: None
        """Hears the status and the wait when the venue asks this address to be left alone."""

    async def __aenter__(self) -> Self:
        """Open the session; proxies of the environment are ignored."""
        local = (self._local_address, 0) if self._local_address else None
        connector = aiohttp.TCPConnector(local_addr=local)
        self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    def wait_s(self, weight: int) -> float:
        """Return how long to wait for `weight`; 0 spends it."""
        return self._budget.wait_s(weight, clock.now_ns())

    async def room(self, weight: int, symbol: str = "") -> Rest:
        """Wait until `weight` may be spent, spend it, and return what to `get` with. `symbol` makes no difference."""
        del symbol
        while wait := self.wait_s(weight):  # noqa: ASYNC110 - it waits for time alone
            await asyncio.sleep(min(wait, 1.0))
        return self

    async def get(self, request: RestRequest) -> bytes:
        """Return the body of a 200 answer; call `room` before. Raises RestError with the wait it asks for."""
        if self._session is None:
            raise RestError("asking over REST: the session is not open", 1.0)
        began_s = clock.monotonic_s()
        status = "error"
        try:
            async with self._session.get(self._base + request.path, params=dict(request.query)) as answer:
                status = str(answer.status)
                self._observe(answer)
                body = await _body(answer)
                if answer.status != _OK:
                    raise self._refused(answer, request, body)
                return body
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RestError(f"asking {self.host}{request.path}: {str(error) or type(error).__name__}", 1.0) from error
        finally:
            events.rest_requests_total.labels(self.host, status).inc()
            events.rest_request_seconds.labels(self.host).observe(clock.monotonic_s() - began_s)
            events.rest_weight_used.labels(self.host).set(self._budget.used)

    def _observe(self, answer: aiohttp.ClientResponse) -> None:
        used = answer.headers.get(self._weight_header, "")
        if used.isdecimal():
            self._budget.observe(int(used))

    def _refused(self, answer: aiohttp.ClientResponse, request: RestRequest, body: bytes) -> RestError:
        wait_s = 1.0
        if answer.status in _BACK_OFF:
            told = answer.headers.get("Retry-After", "")
            wait_s = float(told) if told.isdecimal() else _BACK_OFF_DEFAULT_S[answer.status]
            self._budget.block(wait_s, clock.now_ns())
            self.on_limited(answer.status, wait_s)
        text = body[:200].decode("utf-8", "replace")
        return RestError(f"asking {self.host}{request.path}: status {answer.status} {text}", wait_s)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > BODY_MAX_BYTES:
            raise RestError(f"asking {answer.url.host}: the answer is larger than {BODY_MAX_BYTES} bytes", 60.0)
    return b"".join(parts)
