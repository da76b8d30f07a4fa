"""Ask a venue over REST within its weight budget; back off when told to, never storm."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Protocol, Self
from urllib.parse import urlencode, urlsplit

import aiohttp

from cryptoflow import clock, metrics
from cryptoflow.errors import RetryError
from exchanges import RestHost, RestRequest

BODY_MAX_BYTES = 64 * 1024 * 1024
BUDGET_SHARE = 0.9
_NS_PER_S = 1_000_000_000
_MINUTE_NS = 60 * _NS_PER_S
_MINUTE_S = 60.0
_BACK_OFF = frozenset({403, 418, 429})
_BACK_OFF_DEFAULT_S = {403: 300.0, 418: 120.0, 429: 10.0}
_BACK_OFF_MAX_S = 3 * 86_400.0
_DOUBLINGS_MAX = 10
_REFUSED_S = 5.0
"""Pause after an error that came with status 200, where the venue documents none."""
_OK = 200


def budget_of(host: RestHost, weight_per_minute: int) -> int:
    """Return the weight one process spends in a window of a host: what it is told per minute, else a share."""
    told = weight_per_minute * host.window_s / _MINUTE_S
    return max(int(told or host.weight_max * BUDGET_SHARE), 1)


class RestError(RetryError):
    """Say that a request failed; `wait_s` is how long to leave the venue alone."""

    def __init__(self, text: str, wait_s: float) -> None:
        """Keep the wait."""
        super().__init__(text)
        self.wait_s = wait_s


class WeightBudget:
    """Count weight per window, and remember when the venue asked to be left alone.

    A window of a minute is one of the wall clock, as venues that report the weight used count it. A
    shorter one slides: venues do not say where theirs begin.
    """

    def __init__(self, weight_max: int, window_s: float = 60.0) -> None:
        """Take the weight that may be spent in one window."""
        self._most = max(weight_max, 1)
        self._window_ns = int(window_s * _NS_PER_S)
        self._slides = self._window_ns < _MINUTE_NS
        self._spent: deque[tuple[int, int]] = deque()
        self._window = 0
        self.used = 0
        self._blocked_until_ns = 0

    def wait_s(self, weight: int, now_ns: int) -> float:
        """Return how long to wait for `weight`; 0 spends it. A request above the whole budget may go alone."""
        if now_ns < self._blocked_until_ns:
            return (self._blocked_until_ns - now_ns) / _NS_PER_S
        self._begin(now_ns)
        if self.used and self.used + weight > self._most:
            return (self._next_ns() - now_ns) / _NS_PER_S
        self.used += weight
        if self._slides:
            self._spent.append((now_ns, weight))
        return 0.0

    def observe(self, used: int) -> None:
        """Take the venue's own count, which others on the same address may have raised."""
        if not self._slides:
            self.used = max(self.used, used)

    def block(self, seconds: float, now_ns: int) -> None:
        """Leave the venue alone for a while."""
        until_ns = now_ns + int(min(seconds, _BACK_OFF_MAX_S) * _NS_PER_S)
        self._blocked_until_ns = max(self._blocked_until_ns, until_ns)

    def _begin(self, now_ns: int) -> None:
        while self._spent and now_ns - self._spent[0][0] >= self._window_ns:
            self.used -= self._spent.popleft()[1]
        window = now_ns // self._window_ns
        if not self._slides and window != self._window:
            self._window, self.used = window, 0

    def _next_ns(self) -> int:
        if self._slides:
            return self._spent[0][0] + self._window_ns
        return (self._window + 1) * self._window_ns


class Door(Protocol):
    """Be what asks over REST: one session, or one of several."""

    host: str

    async def room(self, weight: int, symbol: str = "") -> Rest:
        """Wait until `weight` may be spent, spend it, and return what to `get` with."""
        ...


class Rest:
    """Send GET requests to one host; use as an async context manager."""

    def __init__(self, base: str, host: RestHost, weight_max: int, *, timeout_s: float, local_address: str) -> None:
        """Take the base URL, what the venue says of the host, and the weight to spend in its window."""
        self._base = base.rstrip("/")
        self.host = urlsplit(base).hostname or base
        self._how = host
        self.venue = host.base
        """The venue's own base URL, whatever is asked in its place."""
        self.budget = WeightBudget(weight_max, host.window_s)
        self._limited_in_turn = 0
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._local_address = local_address
        self._session: aiohttp.ClientSession | None = None
        self.on_limited: Callable[[int, float], None] = lambda _status, _wait_s: None
        """Hears the status and the wait when the venue asks this address to be left alone."""
        self.on_answered: Callable[[str, bytes], None] = lambda _url, _body: None
        """Hears the venue's own URL and the body of every answer of status 200."""

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
        return self.budget.wait_s(weight, clock.now_ns())

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
                query = urlencode(request.query)
                self.on_answered(f"{self._how.base.rstrip('/')}{request.path}{'?' * bool(query)}{query}", body)
                self._look_inside(request, body)
                self._limited_in_turn = 0
                return body
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise RestError(f"asking {self.host}{request.path}: {str(error) or type(error).__name__}", 1.0) from error
        finally:
            metrics.rest_requests_total.labels(self.host, status).inc()
            metrics.rest_request_seconds.labels(self.host).observe(clock.monotonic_s() - began_s)
            metrics.rest_weight_used.labels(self.host).set(self.budget.used)

    def _observe(self, answer: aiohttp.ClientResponse) -> None:
        used = answer.headers.get(self._how.weight_header, "") if self._how.weight_header else ""
        if used.isdecimal():
            self.budget.observe(int(used))

    def _look_inside(self, request: RestRequest, body: bytes) -> None:
        """Raise RestError for an error that came with status 200."""
        try:
            refusal = self._how.refusal(body)
        except (ValueError, RecursionError):
            return  # whoever reads the body says so
        if refusal:
            wait_s = self._how.back_off_s.get(_OK, _REFUSED_S)
            self.budget.block(wait_s, clock.now_ns())
            raise RestError(f"asking {self.host}{request.path}: {refusal}", wait_s)

    def _refused(self, answer: aiohttp.ClientResponse, request: RestRequest, body: bytes) -> RestError:
        wait_s = told_s(answer.headers.get("Retry-After", ""))
        if answer.status in _BACK_OFF:
            if wait_s is None:
                # Each further refusal in turn doubles the pause the venue does not tell.
                least_s = self._how.back_off_s.get(answer.status, _BACK_OFF_DEFAULT_S[answer.status])
                wait_s = least_s * 2.0 ** min(self._limited_in_turn, _DOUBLINGS_MAX)
            self._limited_in_turn += 1
            self.budget.block(wait_s, clock.now_ns())
            self.on_limited(answer.status, wait_s)
        elif wait_s is not None:
            self.budget.block(wait_s, clock.now_ns())
        wait_s = 1.0 if wait_s is None else wait_s
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


def told_s(retry_after: str) -> float | None:
    """Read a Retry-After header, in seconds or as a date, of three days at most; None where there is none."""
    if retry_after.isdecimal():
        return min(float(retry_after), _BACK_OFF_MAX_S)
    try:
        until = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return min(max(until.timestamp() - clock.now_ns() / _NS_PER_S, 0.0), _BACK_OFF_MAX_S)
