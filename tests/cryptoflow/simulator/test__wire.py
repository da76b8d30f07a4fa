"""Paths, control frames and framing."""

from __future__ import annotations

import json

import pytest
from websockets.frames import Opcode
from websockets.protocol import CLIENT, Protocol

from cryptoflow.simulator._wire import BINARY, ack, command, opening, served_by, server_frame, unwrapped


@pytest.mark.parametrize(
    ("path", "endpoint", "combined", "streams"),
    [
        ("/public/stream?streams=a@b/c@d@e", "public", True, ("a@b", "c@d@e")),
        ("/market/ws/a@b", "market", False, ("a@b",)),
        ("/stream", "legacy", True, ()),
        ("/ws", "legacy", False, ()),
        ("/public/ws", "public", False, ()),
    ],
)
def test_opening(path, endpoint, combined, streams):
    """PROTOCOLS 3.1: routed and unrouted paths, raw and combined."""
    opened = opening(path)
    assert (opened.endpoint, opened.combined, opened.streams) == (endpoint, combined, streams)


@pytest.mark.parametrize("path", ["/", "/other/ws", "/public", "/public/other"])
def test_no_such_path(path):
    """Other paths do not exist."""
    assert opening(path) is None


def test_endpoints():
    """Each stream flows on its own endpoint; on the unrouted one as the venue or the recording has it."""
    public, market = ["a@bookTicker", "a@depth@100ms", "a@trade"], ["a@aggTrade", "a@markPrice@1s", "a@forceOrder"]
    for stream in public:
        assert served_by("public", stream, legacy_serves_all=False)
        assert served_by("legacy", stream, legacy_serves_all=False)
        assert not served_by("market", stream, legacy_serves_all=False)
    for stream in market:
        assert served_by("market", stream, legacy_serves_all=False)
        assert not served_by("public", stream, legacy_serves_all=False)
        assert not served_by("legacy", stream, legacy_serves_all=False)
        assert served_by("legacy", stream, legacy_serves_all=True)


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65_535, 65_536, 200_000])
def test_framing(size):
    """Frames are what a WebSocket client reads, text that is not UTF-8 included."""
    payload = b"\xff" * size
    client = Protocol(CLIENT, max_size=None)
    client.receive_data(server_frame(payload) + payload + server_frame(payload, BINARY) + payload)
    frames = client.events_received()
    assert [(frame.opcode, bytes(frame.data)) for frame in frames] == [(Opcode.TEXT, payload), (Opcode.BINARY, payload)]


def test_control_frames():
    """Requests are read, refused by shape, answered by id."""
    asked = command('{"method":"SUBSCRIBE","params":["a@b"],"id":"x"}')
    assert (asked.method, asked.params, asked.id) == ("SUBSCRIBE", ["a@b"], "x")
    assert json.loads(command("[]"))["code"] == 2
    assert json.loads(command(b"{\xff"))["code"] == 3
    assert ack(7) == b'{"result":null,"id":7}'


def test_unwrapped():
    """The data of a combined message, byte for byte."""
    assert unwrapped(b'{"stream":"a@b","data":{"x": 1}}') == b'{"x": 1}'
    assert unwrapped(b"garbage") == b"garbage"
