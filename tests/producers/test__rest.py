"""REST stays within its budget and leaves a venue alone when asked to."""

from __future__ import annotations

import pytest

from cryptoflow.errors import Action
from exchanges import RestHost, RestRequest
from producers import _rest
from producers._rest import Rest, RestError, WeightBudget, budget_of
from tests.doubles.rest_venue import RestVenue, rest_venue

MINUTE_NS = 60_000_000_000
DATE = "Wed, 21 Oct 2015 07:28:00 GMT"
REQUEST = RestRequest("/depth", {"symbol": "AAAUSDT"}, 20)
HOST = RestHost(
    "", 1000, weight_header="X-Weight", back_off_s={418: 77.0, 200: 3.0},
    refusal=lambda body: "busy" if body.startswith(b'{"error"') else "",
)  # fmt: skip


def rest(venue: RestVenue, per_minute: int = 1000, timeout_s: float = 5) -> Rest:
    """Make a client of the venue."""
    return Rest(venue.base, HOST, per_minute, timeout_s=timeout_s, local_address="")


def test_weight_is_counted_per_minute_of_the_wall_clock() -> None:
    """A full minute waits for the next one; a single request above the budget may go alone."""
    budget = WeightBudget(50)
    at = 100 * MINUTE_NS
    assert [budget.wait_s(20, at) for _ in range(2)] == [0, 0]
    assert budget.wait_s(20, at + MINUTE_NS // 2) == 30
    assert budget.wait_s(20, at + MINUTE_NS) == 0
    assert budget.wait_s(500, at + 2 * MINUTE_NS) == 0
    assert budget.wait_s(1, at + 2 * MINUTE_NS) == 60


def test_the_venues_own_count_wins_when_it_is_higher() -> None:
    """Others on the same address spend from the same budget."""
    budget = WeightBudget(50)
    budget.wait_s(10, 0)
    budget.observe(45)
    budget.observe(3)
    assert budget.used == 45
    assert budget.wait_s(10, 1) > 0


def test_being_told_to_wait_blocks_every_request() -> None:
    """A block outlasts the minute and is bounded."""
    budget = WeightBudget(50)
    budget.block(120, 0)
    budget.block(5, 0)
    assert budget.wait_s(1, MINUTE_NS) == 60
    assert budget.wait_s(1, 2 * MINUTE_NS) == 0
    budget.block(10**9, 0)
    assert budget.wait_s(1, 0) == 3 * 86_400


async def test_an_answer_comes_back_with_its_weight_observed() -> None:
    """Body, query and the used weight."""
    async with rest_venue() as venue, rest(venue) as one:
        venue.script = [(200, {"X-Weight": "77"}, b'{"lastUpdateId":1}')]
        await one.room(20)
        assert await one.get(REQUEST) == b'{"lastUpdateId":1}'
        assert venue.asked == ["/depth?symbol=AAAUSDT"]
        assert one.budget.used == 77


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {"Retry-After": "7"}, 7),
        (418, {"Retry-After": "90"}, 90),
        (429, {"Retry-After": "9" * 400}, 3 * 86_400),
        (403, {}, 300),
        (429, {}, 10),
        (500, {}, 1),
        (418, {}, 77),
        (503, {"Retry-After": "9"}, 9),
    ],
)
async def test_refusals_say_how_long_to_wait(status: int, headers: dict[str, str], wait_s: float) -> None:
    """429, 418 and 403 block the host for as long as the venue says; others are tried again soon."""
    async with rest_venue() as venue, rest(venue) as one:
        venue.script = [(status, headers, b"no")]
        with pytest.raises(RestError, match=f"status {status} no") as caught:
            await one.get(REQUEST)
        assert caught.value.wait_s == wait_s
        assert caught.value.action is Action.RETRY
        blocked = one.budget.wait_s(1, _rest.clock.now_ns())
        assert (blocked > wait_s - 1) == (status != 500)


def test_a_short_window_slides() -> None:
    """Where the venue does not say when its windows begin, no span of that length holds more than the limit."""
    budget = WeightBudget(4, 2.0)
    second_ns = 1_000_000_000
    assert [budget.wait_s(1, second_ns * 19 // 10 + n) for n in range(4)] == [0, 0, 0, 0]
    assert budget.wait_s(1, second_ns * 21 // 10) == pytest.approx(1.8)
    assert budget.wait_s(1, second_ns * 39 // 10) == 0
    budget.observe(100)
    assert budget.wait_s(1, second_ns * 39 // 10 + 5) == 0


async def test_an_error_with_status_200_is_a_refusal() -> None:
    """The venue's own words, and a pause for everybody."""
    async with rest_venue() as venue, rest(venue) as one:
        venue.script = [(200, {}, b'{"error":["EAPI:Rate limit exceeded"]}'), (200, {}, b"{}")]
        with pytest.raises(RestError, match="depth: busy") as caught:
            await one.get(REQUEST)
        assert caught.value.wait_s == 3
        assert one.wait_s(1) > 2


async def test_refusals_in_turn_double_the_pause_until_an_answer() -> None:
    """A ban that lasts is not tried against; what the venue tells is honoured, also as a date."""
    async with rest_venue() as venue, rest(venue) as one:
        waits = []
        venue.script = [(429, {}, b"no")] * 3 + [
            (200, {}, b"{}"),
            (429, {}, b"no"),
            (429, {"Retry-After": DATE}, b"no"),
        ]
        for _ in range(6):
            try:
                await one.get(REQUEST)
            except RestError as error:
                waits.append(error.wait_s)
        assert waits[:4] == [10, 20, 40, 10]
        assert waits[4] == 0


async def test_a_venue_that_is_not_there_is_an_error_to_retry() -> None:
    """Connection errors carry a wait too."""
    async with rest_venue() as venue:
        base = venue
    async with rest(base) as one:
        with pytest.raises(RestError) as caught:
            await one.get(REQUEST)
        assert caught.value.wait_s > 0
    with pytest.raises(RestError, match="not open"):
        await rest(base).get(REQUEST)


async def test_an_endless_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The body has a limit."""
    monkeypatch.setattr(_rest, "BODY_MAX_BYTES", 1000)
    async with rest_venue() as venue, rest(venue) as one:
        venue.script = [(200, {}, b"x" * 5000)]
        with pytest.raises(RestError, match="larger than 1000 bytes"):
            await one.get(REQUEST)


def test_a_budget_is_a_share_of_the_venues_or_what_is_told() -> None:
    """Told per minute, kept per window; at least one."""
    host = RestHost("https://venue.example", weight_max=600, window_s=5.0)
    assert budget_of(host, 0) == 540
    assert budget_of(host, 1200) == 100
    assert budget_of(host, 3) == 1


async def test_answers_can_be_heard() -> None:
    """Under the venue's own URL, whatever stands in for it; refusals are none."""
    async with rest_venue() as venue:
        host = RestHost("https://venue.example/", weight_max=100)
        rest = Rest(venue.base, host, 100, timeout_s=5, local_address="")
        heard: list[tuple[str, bytes]] = []
        rest.on_answered = lambda url, body: heard.append((url, body))
        async with rest:
            venue.script = [(200, {}, b"1"), (200, {}, b"2"), (500, {}, b"3")]
            await rest.get(RestRequest("/a", {"x": "1", "y": "B C"}, 1))
            await rest.get(RestRequest("/b", {}, 1))
            with pytest.raises(RestError):
                await rest.get(RestRequest("/c", {}, 1))
    assert heard == [("https://venue.example/a?x=1&y=B+C", b"1"), ("https://venue.example/b", b"2")]
