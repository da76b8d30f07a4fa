"""What the outlet does with each frame."""

from __future__ import annotations

import pytest

from cryptoflow.simulator.ledger import Ledger
from cryptoflow.simulator.outlet import Armed, Outlet
from cryptoflow.simulator.venues import venue_of

STREAM = "binance.usdm abcusdt@aggTrade"
FRAMES = [b'{"stream":"abcusdt@aggTrade","data":{"a":%d,"p":"1.0","q":"2"}}' % number for number in range(4)]


class Sockets:
    """Keep what is put; everybody listens to one stream."""

    def __init__(self):
        """Listen."""
        self.got = []
        self.asked = {STREAM}
        self.routes = {STREAM: [1]}
        self.why = {}

    def put(self, stream, payload, opcode=1):
        """Keep a frame."""
        del opcode
        if not self.routes.get(stream):
            return b""
        self.got.append(payload)
        return b"1"

    def repeat(self, stream):
        """Keep the newest frame once more."""
        del stream
        self.got.append(self.got[-1])
        return b"1"

    def skip(self, stream):
        """Count nothing."""

    def spoil(self, stream, garble, payload):
        """Keep garbage."""
        del stream
        self.got.append(garble(payload)[0])
        return b"1", self.got[-1]

    async def flush(self):
        """Nothing waits."""


@pytest.fixture
def outlet(tmp_path):
    """Give an outlet whose sockets keep what is put."""
    ledger = Ledger(tmp_path)
    yield Outlet(Sockets(), ledger)
    ledger.close()


def _offer(outlet):
    for frame in FRAMES:
        outlet.offer(STREAM, frame)
    outlet.ledger.flush()
    return [line.split(b" ")[0] for line in outlet.ledger.path.read_bytes().splitlines()]


def test_plain(outlet):
    """Frames are sent and noted in order."""
    assert _offer(outlet) == [b"S"] * 4
    assert outlet.hub.got == FRAMES


def test_gap(outlet):
    """An armed gap withholds exactly so many frames."""
    outlet.armed[STREAM] = Armed("gap", 2)
    assert _offer(outlet) == [b"W", b"W", b"S", b"S"]
    assert outlet.hub.got == FRAMES[2:]


def test_duplicate(outlet):
    """An armed duplicate sends one frame twice."""
    outlet.armed[STREAM] = Armed("duplicate")
    assert _offer(outlet) == [b"S", b"D", b"S", b"S", b"S"]
    assert outlet.hub.got == [FRAMES[0], *FRAMES]


def test_reorder(outlet):
    """A frame stands behind the next one, which is named as what comes too early."""
    outlet.armed[STREAM] = Armed("reorder", 2)
    _offer(outlet)
    assert outlet.hub.got == [FRAMES[1], FRAMES[0], *FRAMES[2:]]
    told = [line.split(b" ")[0] for line in _ledger(outlet)]
    assert told == [b"S", b"J", b"S", b"S", b"S"]
    assert not outlet.armed


def test_reorder_while_subscribers_change(outlet):
    """Who has subscribed since begins with a stream that has the frame: it is sent no more."""
    outlet.armed[STREAM] = Armed("reorder", 2)
    outlet.offer(STREAM, FRAMES[0])
    outlet.hub.routes = {STREAM: [2]}
    outlet.offer(STREAM, FRAMES[1])
    assert outlet.hub.got == [FRAMES[1]]
    assert [line.split(b" ")[:2] for line in _ledger(outlet)] == [[b"W", b"down"], [b"S", b"1"]]
    assert not outlet.armed


def test_garbage(outlet):
    """Armed garbage replaces one frame."""
    outlet.armed[STREAM] = Armed("garbage", 1, "broken_json", garble=lambda payload: (payload[:9], 1))
    assert _offer(outlet) == [b"G", b"S", b"S", b"S"]
    assert FRAMES[0] not in outlet.hub.got
    assert outlet.hub.got[1:] == FRAMES[1:]


def test_held(outlet):
    """A held stream sends nothing and says why."""
    outlet.held[STREAM] = b"silence"
    assert _offer(outlet) == [b"W"] * 4
    assert b"W silence" in outlet.ledger.path.read_bytes()


async def test_nobody_listens(outlet):
    """Frames nobody gets are withheld as down and counted until the next flush; others are ignored."""
    outlet.hub.routes = {}
    outlet.offer("other@aggTrade", FRAMES[0])
    assert _offer(outlet) == [b"W"] * 4
    assert await outlet.flush() == 4
    assert await outlet.flush() == 0


def test_spared(outlet, monkeypatch):
    """A fault waits for a frame whose loss proves something."""
    monkeypatch.setattr(type(venue_of("binance.usdm")), "spares", lambda _venue, payload: payload in FRAMES[:2])
    outlet.armed[STREAM] = Armed("gap")
    assert _offer(outlet) == [b"S", b"S", b"W", b"S"]


def test_changed(outlet):
    """A frame the venue spoils is sent in its place and named as what breaks the book; one it cannot is passed over."""
    outlet.armed[STREAM] = Armed("checksum", change=lambda frame: None if b'"a":0' in frame else frame + b" ")
    _offer(outlet)
    assert outlet.hub.got == [FRAMES[0], FRAMES[1] + b" ", *FRAMES[2:]]
    broken = [line for line in _ledger(outlet) if b'"broken"' in line]
    assert len(broken) == 1
    assert b'"why":"checksum"' in broken[0]
    assert not outlet.armed


@pytest.mark.parametrize(("half_open", "reason"), [(True, b"half_open"), (False, b"slow")])
def test_stalled(outlet, half_open, reason):
    """What a connection does not take any more is withheld, by the name of its trouble."""
    stalled = type("Stalled", (), {"half_open": half_open})()
    outlet.hub.routes[STREAM] = [stalled]
    outlet.hub.put = lambda _key, _payload: b""
    outlet.offer(STREAM, FRAMES[0])
    outlet.ledger.flush()
    assert [line.split(b" ")[:2] for line in _ledger(outlet)] == [[b"W", reason]]


def _ledger(outlet):
    outlet.ledger.flush()
    return outlet.ledger.path.read_bytes().splitlines()
