"""Share out the local addresses: each within the venue's limits, a limited one rests while others serve."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from cryptoflow import clock, events
from exchanges import Endpoint
from producers._connection import ConnectLimiter
from producers._ipshards import IpShards
from producers._pace import Distance, Pace
from producers._recording import Tap
from producers._rest import Rest, WeightBudget

_LOOK_S = 1.0
"""Longest wait before the addresses are looked at again: another may have come free."""

LIMITED = frozenset({403, 418, 429})
"""Answers by which a venue tells an address to leave it alone."""


class Egress:
    """Know each address's connects, REST weight and rests, per venue host; shared by all markets of a process."""

    def __init__(self, shards: IpShards, cool_down_s: float, tap: Tap | None = None) -> None:
        """Take the addresses, the least rest of a limited one, and who hears all that passes to and from venues."""
        self.shards = shards
        self.tap = tap
        self._cool_down_s = cool_down_s
        self._limiters: dict[tuple[str, str], ConnectLimiter] = {}
        self._distances: dict[tuple[str, str], Distance] = {}
        self._budgets: dict[tuple[str, str], WeightBudget] = {}
        self._rests_until_s: dict[tuple[str, str], float] = {}

    @property
    def addresses(self) -> Sequence[str]:
        """Return every address."""
        return self.shards.addresses

    def limiter(self, endpoint: Endpoint, address: str) -> ConnectLimiter:
        """Return what paces connects from an address; endpoints of one host share it, as they share the limit."""
        # The venue's own URL: a stand-in serves many hosts on one port.
        key = host_of(endpoint.url), address
        if key not in self._limiters:
            self._limiters[key] = ConnectLimiter(endpoint.connects_max, endpoint.connects_window_s)
        return self._limiters[key]

    async def room(self, host: str, endpoint: Endpoint, preferred: str, requests: int) -> str:
        """Wait until a connection that begins with so many requests may open; return the address it leaves from.

        That is the preferred one, or while it rests another.
        """
        while True:
            address = self.pick(host, preferred)
            wait_s = self.rests_s(host, address) or self.connect_wait_s(endpoint, address, requests)
            if not wait_s:
                return address
            await asyncio.sleep(min(wait_s, _LOOK_S))

    def connect_wait_s(self, endpoint: Endpoint, address: str, requests: int) -> float:
        """Return how long to wait before a connection may open that begins with so many requests; 0 takes its place.

        Where the venue counts messages by address it spends the address's: connects that outrun them would
        only wait, and be closed for it.
        """
        distance, now_s = self._distance(endpoint, address), clock.monotonic_s()
        wait_s = 0.0 if distance is None else distance.wait_s(now_s)
        wait_s = wait_s or self.limiter(endpoint, address).wait_s()
        if not wait_s and distance is not None:
            distance.promise(now_s, requests)
        return wait_s

    def pace(self, endpoint: Endpoint, address: str, requests: int = 0, took_s: float = 0.0) -> Pace:
        """Return what paces a connection's requests, with all others where the venue counts by address.

        It begins with so many `requests` and took so long to open.
        """
        distance = self._distance(endpoint, address)
        if distance is not None:
            distance.opened(clock.monotonic_s(), requests, took_s)
        return Pace(endpoint, distance)

    def _distance(self, endpoint: Endpoint, address: str) -> Distance | None:
        if not endpoint.messages_per_address:
            return None
        return self._distances.setdefault((host_of(endpoint.url), address), Distance(endpoint))

    def budget(self, rest: Rest, address: str) -> WeightBudget:
        """Return what an address may spend at a host: markets of one host share it, as they share the limit."""
        return self._budgets.setdefault((host_of(rest.venue), address), rest.budget)

    def limited(self, host: str, address: str, status: int, told_s: float) -> None:
        """Let an address rest at one host for as long as it was told, at least the cool-down."""
        rest_s = max(told_s, self._cool_down_s)
        key = host, address
        now_s = clock.monotonic_s()
        if now_s + rest_s <= self._rests_until_s.get(key, 0.0):
            return
        self._rests_until_s[key] = now_s + rest_s
        others = sum(not self.rests_s(host, one) for one in self.addresses)
        events.AddressLimited(
            host=host, address=address or "any", status=status, rest_s=round(rest_s, 1), addresses_left=others
        ).emit()

    def rests_s(self, host: str, address: str) -> float:
        """Return how long an address still rests at a host, 0 when it does not."""
        return max(self._rests_until_s.get((host, address), 0.0) - clock.monotonic_s(), 0.0)

    def pick(self, host: str, preferred: str) -> str:
        """Return the preferred address, or the next in turn that does not rest; if all do, the one that wakes first."""
        if not self.rests_s(host, preferred):
            return preferred
        known = list(self.addresses)
        start = known.index(preferred) + 1 if preferred in known else 0
        return min([*known[start:], *known[:start], preferred], key=lambda one: self.rests_s(host, one))


def host_of(url: str) -> str:
    """Return the host a venue counts by."""
    return urlsplit(url).netloc or url


class RestPool:
    """Ask over REST from every address, each with its own budget: the door `room` leads to one of them."""

    def __init__(self, egress: Egress, make: Callable[[str], Rest], address_of: Callable[[str], str]) -> None:
        """Take how to make the session of an address, and the address of a symbol."""
        self._egress = egress
        self._address_of = address_of
        self._by_address = {address: make(address) for address in egress.addresses}
        self.host = next(iter(self._by_address.values())).host
        for address, rest in self._by_address.items():
            rest.budget = egress.budget(rest, address)
            rest.on_limited = functools.partial(egress.limited, self.host, address)
            if egress.tap is not None:
                rest.on_answered = egress.tap.answered
        self._stack = AsyncExitStack()
        self._turn = 0

    async def __aenter__(self) -> Self:
        """Open the session of every address."""
        for rest in self._by_address.values():
            await self._stack.enter_async_context(rest)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close them."""
        await self._stack.__aexit__(kind, error, trace)

    async def room(self, weight: int, symbol: str = "") -> Rest:
        """Wait until `weight` may be spent, spend it, and return the session to `get` with.

        It leaves from the symbol's address or, while that one rests, from another; what is for no
        symbol leaves from the addresses in turn. A used up budget is waited for: it is no limit broken.
        """
        self._turn += 1
        while True:
            rest = self._by_address[self._egress.pick(self.host, self._preferred(symbol))]
            wait_s = rest.wait_s(weight)
            if not wait_s:
                return rest
            await asyncio.sleep(min(wait_s, _LOOK_S))

    def _preferred(self, symbol: str) -> str:
        known = list(self._by_address)
        address = self._address_of(symbol) if symbol else known[self._turn % len(known)]
        return address if address in self._by_address else known[0]
