"""Every fault does what its name says and is in the ledger."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from types import SimpleNamespace

import pytest
from websockets.exceptions import ConnectionClosed

from cryptoflow.simulator import parse_faults
from cryptoflow.simulator.faults import FaultPlan, _can_have
from cryptoflow.simulator.hub import Hub
from cryptoflow.simulator.outlet import Outlet
from cryptoflow.simulator.rest import RestFaults
from cryptoflow.simulator.venues import venue_of
from cryptoflow.simulator.venues._values import Channel

DEADLINE_S = 20.0
SYMBOLS = tuple(f"SYM000{number}USDT" for number in (1, 2, 3))
PUBLIC = ("bookTicker", "depth@100ms")
RUN = {
    "symbols": len(SYMBOLS),
    "fault_interval_frames": 400,
    "rate_fps": 4000,
    "silence_s": 1.0,
    "recovery_wait_s": 5.0,
}


def _path(endpoint, channels):
    return f"/{endpoint}/stream?streams=" + "/".join(f"{name.lower()}@{ch}" for name in SYMBOLS for ch in channels)


class Listener:
    """Stay connected like a producer: reconnect, count frames by stream, ask for broken books."""

    def __init__(self, venue):
        """Start with nothing received."""
        self.venue = venue
        self.frames: Counter[bytes] = Counter()
        self.reconnects = 0
        self.refused = 0

    async def listen(self, path):
        """Receive for ever."""
        while True:
            try:
                async with self.venue.connect(path) as socket:
                    while True:
                        self.frames[await socket.recv(decode=False)] += 1
            except ConnectionClosed:
                self.reconnects += 1

    async def snapshots(self):
        """Ask for every book, again and again."""
        while True:
            for symbol in SYMBOLS:
                status, _, _ = await self.venue.get(f"/fapi/v1/depth?symbol={symbol}&limit=5")
                self.refused += status == 429
            await asyncio.sleep(0.1)


async def _run(start, faults, enough=3, **told):
    """Run until a fault has happened often enough; return what the client saw and the ledger."""
    async with start(**{**RUN, **told}, faults=parse_faults(faults)) as venue:
        listener = Listener(venue)
        tasks = [
            asyncio.create_task(listener.listen(_path("public", PUBLIC))),
            asyncio.create_task(listener.listen(_path("market", ("aggTrade", "markPrice@1s", "forceOrder")))),
            asyncio.create_task(listener.snapshots()),
        ]
        status = await venue.until(lambda found: sum(found["faults"].values()) >= enough)
        await venue.until(lambda found: found["frames_sent"] > status["frames_sent"] + 200)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return listener, venue.ledger()


def _lines(ledger, *kinds):
    return [(kind, label, rest) for kind, label, _, rest in ledger if kind in kinds]


async def test_gap(start):
    """Frames of a gap are in the ledger and never sent; ids go on after them."""
    listener, ledger = await _run(start, "gap")
    withheld = [rest for _, label, rest in _lines(ledger, "W") if label == "gap"]
    assert withheld
    assert not listener.frames.keys() & set(withheld)
    assert {json.loads(rest)["data"]["e"] for rest in withheld} <= {"aggTrade", "depthUpdate"}


async def test_duplicate(start):
    """A duplicate is the same bytes twice."""
    listener, ledger = await _run(start, "duplicate")
    repeated = [rest for _, _, rest in _lines(ledger, "D")]
    assert repeated
    assert any(listener.frames[rest] == 2 for rest in repeated)
    assert max(listener.frames.values()) == 2


async def test_reorder(start):
    """Frames whose ids tell it arrive in the wrong order."""
    _, ledger = await _run(start, "reorder")
    early = [
        json.loads(rest)["stream"] for _, _, rest in _lines(ledger, "J") if b'"reorder"' in rest and b"why" in rest
    ]
    assert early
    assert {stream.partition("@")[2].partition("@")[0] for stream in early} <= {"aggTrade", "depth"}


async def test_disconnect(start):
    """A disconnect ends the socket; frames made meanwhile are withheld as down."""
    listener, ledger = await _run(start, "disconnect", 2)
    assert listener.reconnects >= 2
    assert {json.loads(rest).get("by") for _, _, rest in _lines(ledger, "J")} & {"abort", "venue"}


async def test_silence(start):
    """A silent stream is withheld on an open socket and goes on later."""
    listener, ledger = await _run(start, "silence", 2)
    held = [rest for _, label, rest in _lines(ledger, "W") if label == "silence"]
    assert held
    assert listener.reconnects == 0
    assert not listener.frames.keys() & set(held)


async def test_ack_silent(start):
    """A stream is subscribed and stays silent on that connection."""
    _, ledger = await _run(start, "ack_silent", 1)
    silent = [told for _, _, rest in _lines(ledger, "J") for told in json.loads(rest).get("silent", [])]
    held = {
        "binance.usdm " + json.loads(rest)["stream"] for _, label, rest in _lines(ledger, "W") if label == "ack_silent"
    }
    assert len(silent) == 1
    assert held <= set(silent)


def test_ack_silent_waits_for_a_connection_with_a_stream_that_is_watched():
    """A turn at a connection whose silence nobody can notice would be lost."""
    hub = Hub(None, slow_client_s=1.0)
    channels = {
        key: Channel(key, (kind,), "SYM0001USDT", watched=kind == "quotes")
        for key, kind in (("binance.usdm quiet", "liquidations"), ("binance.usdm busy", "quotes"))
    }
    plan = FaultPlan(
        Outlet(hub, None), hub, RestFaults(), channels=channels, faults=("ack_silent", "disconnect"),
        interval_frames=100, seed=1, silence_s=1.0,
        snapshot_now=lambda _market, _symbol: None, cross=lambda _key: False,
    )  # fmt: skip
    venue = venue_of("binance.usdm")
    for number, key in enumerate(channels):
        hub.clients[number] = SimpleNamespace(number=number, subscribed={key: 1}, venue=venue)
    assert [one.number for one in plan._healthy("disconnect")] == [0, 1]
    assert [one.number for one in plan._healthy("ack_silent")] == [1]


async def test_garbage(start):
    """Garbage replaces a frame: its bytes arrive, the frame's own do not."""
    listener, ledger = await _run(start, "garbage", 8)
    told = [json.loads(rest) for _, _, rest in _lines(ledger, "G")]
    assert len({one["variant"] for one in told}) == 7
    assert not listener.frames.keys() & {one["frame"].encode() for one in told}


async def test_stale_snapshot_and_refusals(start):
    """A stale answer is older than what was sent, and refusals are noted."""
    listener, ledger = await _run(start, "stale,429", 4)
    answers = [json.loads(rest) for _, _, rest in _lines(ledger, "J") if b'"rest"' in rest]
    assert listener.refused >= 2
    assert {answer["status"] for answer in answers} == {200, 429}
    stale = [answer for answer in answers if answer.get("stale")]
    assert stale
    assert json.loads(stale[0]["body"])["lastUpdateId"] > 0


async def test_bans(start):
    """Requests for books are refused as banned, with a wait, and answered afterwards."""
    _, ledger = await _run(start, "418,403", 4)
    statuses = [json.loads(rest)["status"] for _, _, rest in _lines(ledger, "J") if b'"kind":"snapshot"' in rest]
    assert {*statuses} >= {200, 418, 403}
    banned = [place for place, status in enumerate(statuses) if status != 200]
    assert any(status == 200 for status in statuses[banned[0] :])


async def test_crossed(start):
    """A depth frame goes out after which the best bid stands above the best ask, and the ledger names it."""
    _, ledger = await _run(start, "crossed", 1)
    broken = [place for place, (_, _, _, rest) in enumerate(ledger) if b'"ev":"broken"' in rest]
    kind, _, _, rest = ledger[broken[0] - 1]
    bids = json.loads(rest)["data"]["b"]
    quotes = [
        json.loads(rest)["data"] for kind, _, _, rest in ledger[: broken[0]] if kind == "S" and b"@bookTicker" in rest
    ]
    symbol = json.loads(rest)["data"]["s"]
    ask = next(float(quote["a"]) for quote in reversed(quotes) if quote.get("s") == symbol)
    assert kind == "S"
    assert max(float(price) for price, _ in bids) > ask


@pytest.mark.parametrize(
    ("stream", "is_awaited"), [("coinbase.exchange level2_batch:A-B", True), ("kraken.spot book@10:A-B", False)]
)
async def test_a_crossed_book_is_asked_for_where_nothing_else_proves_it(stream, is_awaited):
    """Its snapshot is awaited before another fault of the book, and before the run ends."""
    hub, rest = Hub(None, slow_client_s=1.0), RestFaults()
    channel = Channel(stream, ("book",), "A-B", numbered=True, snapshots=True)
    hub.asked.add(channel.key)
    plan = FaultPlan(
        Outlet(hub, SimpleNamespace(event=lambda *_args, **_told: None)), hub, rest,
        channels={channel.key: channel}, faults=("crossed",), interval_frames=100, seed=1, silence_s=1.0,
        snapshot_now=lambda _market, _symbol: None, cross=lambda _key: True,
    )  # fmt: skip
    await plan._inject("crossed")
    assert plan.counts == {"crossed": 1}
    assert rest.awaited == ({(stream.partition(" ")[0], "A-B")} if is_awaited else set())


async def test_plan_is_seeded(start):
    """The same seed injects the same faults into the same streams."""
    told = []
    for _ in range(2):
        _, ledger = await _run(start, "gap,duplicate,garbage", 6)
        faults = [json.loads(rest) for _, _, rest in _lines(ledger, "J") if b'"fault"' in rest]
        told.append([(one["kind"], one["stream"]) for one in faults][:6])
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("key", "kind", "is_told"),
    [
        ("bybit.spot orderbook.50:A", "book", True),
        ("kraken.spot book@10:A/USD", "book", False),
        ("kraken.spot trade:A/USD", "trades", True),
        ("coinbase.spot level2:A-USD", "book", False),
        ("coinbase.spot market_trades:A-USD", "trades", True),
    ],
)
def test_only_what_ids_tell_is_reordered(key, kind, is_told):
    """Sums over a book, and numbers of a connection, do not say that two updates change places."""
    assert _can_have(Channel(key, (kind,), "A", numbered=True), "reorder") is is_told


@pytest.mark.parametrize(
    ("channel", "wanted"),
    [
        (Channel("binance.usdm a@depth", ("book",), "A", numbered=True), {"gap", "stale", "429"}),
        (Channel("kraken.spot book@10:A/USD", ("book",), "A/USD", numbered=True, snapshots=True), {"gap"}),
        (Channel("kraken.spot ticker:A/USD", ("quotes",), "A/USD"), set()),
    ],
)
def test_complete_is_what_can_be_had(channel, wanted):
    """A run does not wait for a fault that none of its streams can have."""
    plan = FaultPlan(
        Outlet(Hub(None, slow_client_s=1.0), None), Hub(None, slow_client_s=1.0), RestFaults(),
        channels={channel.key: channel}, faults=("gap", "stale", "429"), interval_frames=100, seed=1, silence_s=1.0,
        snapshot_now=lambda _market, _symbol: None, cross=lambda _key: False,
    )  # fmt: skip
    for kind in wanted:
        assert not plan.complete
        plan.counts[kind] += 1
    assert plan.complete


@pytest.mark.parametrize(
    ("line", "chosen"),
    [
        (["crossed", "reset", "duplicate"], "duplicate"),
        (["stale", "silence", "reset"], "silence"),
        (["ack_silent", "silence", "reset"], "reset"),
        (["reset", "crossed"], "reset"),
        (["crossed", "reset"], None),
    ],
)
def test_a_waiting_fault_holds_back_what_would_make_it_wait_on(line, chosen, monkeypatch):
    """A book is whole some time after each cut, and one silence lasts at a time: each has its turn."""
    channel = Channel("binance.usdm a@depth", ("book",), "A", numbered=True)
    plan = FaultPlan(
        Outlet(Hub(None, slow_client_s=1.0), None), Hub(None, slow_client_s=1.0), RestFaults(),
        channels={channel.key: channel}, faults=line, interval_frames=100, seed=1, silence_s=1.0,
        snapshot_now=lambda _market, _symbol: None, cross=lambda _key: False,
    )  # fmt: skip
    monkeypatch.setattr(plan, "_is_able", lambda kind: kind in {"reset", "duplicate", "silence"})
    assert plan._next() == chosen
