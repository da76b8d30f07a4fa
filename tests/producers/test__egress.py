"""Each local address keeps its own limits; one the venue limited rests while others serve."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from cryptoflow import clock
from exchanges import RestHost, RestRequest
from exchanges.binance import USDM
from producers._egress import Egress, RestPool, host_of
from producers._ipshards import IpShards
from producers._rest import Rest, RestError

HERE, THERE, ELSEWHERE = "127.0.0.11", "127.0.0.12", "127.0.0.13"
ASK = RestRequest("/book", {}, 10)


class Clock:
    """Stand in the place of the clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Start at 100 s."""
        self.now_s = 100.0
        monkeypatch.setattr(clock, "monotonic_s", lambda: self.now_s)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Let the test move time."""
    return Clock(monkeypatch)


def egress(*addresses: str) -> Egress:
    """Make a pool of addresses."""
    return Egress(IpShards(pool=addresses, is_set=True), cool_down_s=60)


def test_a_limited_address_rests_and_the_next_serves(time: Clock) -> None:
    """As long as the venue said, at least the cool-down, and at that host alone."""
    one = egress(HERE, THERE, ELSEWHERE)
    assert one.pick("a", THERE) == THERE
    one.limited("a", THERE, 429, 5)
    assert one.pick("a", THERE) == ELSEWHERE
    assert one.pick("b", THERE) == THERE
    one.limited("a", ELSEWHERE, 418, 500)
    assert one.pick("a", THERE) == HERE
    time.now_s += 61
    assert one.pick("a", THERE) == THERE
    assert one.pick("a", ELSEWHERE) == HERE


def test_if_all_rest_the_first_to_wake_is_asked_later(time: Clock) -> None:
    """Nobody storms: whoever uses it waits `rests_s`."""
    one = egress(HERE, THERE)
    one.limited("a", HERE, 429, 300)
    one.limited("a", THERE, 429, 100)
    one.limited("a", THERE, 429, 70)
    assert one.pick("a", HERE) == THERE
    assert one.rests_s("a", THERE) == 100
    time.now_s += 100
    assert one.rests_s("a", THERE) == 0


def test_connects_are_limited_per_address_and_host(time: Clock) -> None:
    """Endpoints of one host share an address's limit; another address has its own."""
    one = egress(HERE, THERE)
    public, market = (dataclasses.replace(USDM.endpoint(name), connects_max=4) for name in ("public", "market"))
    assert one.limiter(public, HERE) is one.limiter(market, HERE)
    assert [one.limiter(public, HERE).wait_s() for _ in range(3)] == [0, 0, 300]
    assert one.limiter(public, THERE).wait_s() == 0
    assert host_of(public.url) == "fstream.binance.com"
    time.now_s += 300
    assert one.limiter(market, HERE).wait_s() == 0


def test_requests_are_paced_by_address_where_the_venue_counts_so() -> None:
    """All connections from one address share the pace (PROTOCOLS 6.2.3); elsewhere each has its own."""
    one = egress(HERE, THERE)
    public = dataclasses.replace(USDM.endpoint("public"), messages_per_address=True)
    first, second, far = one.pace(public, HERE), one.pace(public, HERE), one.pace(public, THERE)
    assert (first.take(1.0), second.take(1.0), far.take(1.0)) == (True, False, True)
    alone = USDM.endpoint("public")
    assert one.pace(alone, HERE).take(1.0)
    assert one.pace(alone, HERE).take(1.0)


def test_a_connect_spends_the_messages_of_its_subscriptions(time: Clock) -> None:
    """Where they are counted by address (PROTOCOLS 6.2.3): of 5 a second 4 are used, so one of 4 waits 1 s."""
    one = egress(HERE, THERE)
    public = dataclasses.replace(
        USDM.endpoint("public"), messages_per_s=5.0, messages_per_address=True, connects_max=8, connects_window_s=1.0
    )
    assert [one.connect_wait_s(public, HERE, 4) for _ in range(3)] == [0, 0, 1]
    assert one.connect_wait_s(public, THERE, 4) == 0
    time.now_s += 1
    assert [one.connect_wait_s(public, HERE, 1) for _ in range(3)] == [0, 0.25, 0.25]
    # Where each connection is counted alone, and where one request is all, the connects are what binds.
    alone = dataclasses.replace(public, messages_per_address=False, url="wss://elsewhere")
    assert [one.connect_wait_s(alone, HERE, 100) for _ in range(5)] == [0, 0, 0, 0, 1]
    quick = dataclasses.replace(public, messages_per_s=100.0, url="wss://quick")
    assert [one.connect_wait_s(quick, HERE, 1) for _ in range(5)] == [0, 0, 0, 0, 1]


class Venue:
    """Answer REST, refuse the addresses it is told to, and remember who asked. It counts no weight."""

    def __init__(self) -> None:
        """Refuse nobody."""
        self.base = ""
        self.refused: dict[str, int] = {}
        self.asked: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        peer = request.remote or ""
        self.asked.append(peer)
        status = self.refused.get(peer, 200)
        return web.Response(status=status, text="[]", headers={"Retry-After": "30"} if status != 200 else {})


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """Listen on loopback."""
    one = Venue()
    app = web.Application()
    app.router.add_get("/{path:.*}", one.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield one
    await runner.cleanup()


def pool(venue: Venue, one: Egress, pins: dict[str, str]) -> RestPool:
    """Make a pool with a budget of 20 per address."""

    def make(address: str) -> Rest:
        host = dataclasses.replace(USDM.rest, base=venue.base)
        return rest_of(host.base, 20, address)

    return RestPool(one, make, lambda symbol: pins[symbol])


def rest_of(base: str, per_minute: int, address: str) -> Rest:
    """Make the session of one address."""
    return Rest(base, RestHost(base, per_minute), per_minute, timeout_s=5, local_address=address)


async def ask(door: RestPool, symbol: str = "") -> None:
    """Ask once, as the parts of a market do."""
    rest = await door.room(ASK.weight, symbol)
    await rest.get(ASK)


async def test_requests_leave_from_the_address_of_their_symbol(venue: Venue) -> None:
    """What is for no symbol leaves from the addresses in turn."""
    async with pool(venue, egress(HERE, THERE), {"A": HERE, "B": THERE}) as door:
        await ask(door, "B")
        await ask(door, "A")
        assert venue.asked == [THERE, HERE]
        await ask(door)
        await ask(door)
        assert sorted(venue.asked[2:]) == [HERE, THERE]


async def test_a_429_moves_the_requests_to_another_address(venue: Venue) -> None:
    """The limited address is not asked again while it rests."""
    one = egress(HERE, THERE)
    async with pool(venue, one, {"A": HERE}) as door:
        venue.refused[HERE] = 429
        with pytest.raises(RestError, match="status 429"):
            await ask(door, "A")
        await ask(door, "A")
        await ask(door, "A")
        assert venue.asked == [HERE, THERE, THERE]
        assert one.rests_s(door.host, HERE) > 50


async def test_markets_of_one_host_share_what_an_address_may_spend(venue: Venue) -> None:
    """A venue counts by address, not by market (Bybit, OKX); another address and another host have their own."""
    one = egress(HERE, THERE)
    spot, linear = (pool(venue, one, {"A": HERE, "B": THERE}) for _ in range(2))
    async with spot, linear:
        await ask(spot, "A")
        await ask(linear, "A")
        assert spot._by_address[HERE].wait_s(1) > 0
        assert linear._by_address[HERE].wait_s(1) > 0
        assert linear._by_address[THERE].wait_s(1) == 0
    other = RestPool(one, lambda address: rest_of("http://127.0.0.1:1", 20, address), lambda _symbol: HERE)
    assert other._by_address[HERE].wait_s(20) == 0


async def test_a_host_that_wants_quiet_is_asked_by_no_market(venue: Venue) -> None:
    """PROTOCOLS 4.3: after a 403 all traffic to the host rests, not only that of the market that met it."""
    one = egress(HERE)
    spot, linear = (pool(venue, one, {"A": HERE}) for _ in range(2))
    async with spot, linear:
        venue.refused[HERE] = 403
        with pytest.raises(RestError, match="status 403"):
            await ask(spot, "A")
        assert linear._by_address[HERE].wait_s(1) > 20
