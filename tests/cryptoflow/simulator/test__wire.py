"""Framing."""

from __future__ import annotations

import zlib

import pytest
from websockets.frames import Opcode
from websockets.protocol import CLIENT, Protocol

from cryptoflow.simulator._wire import BINARY, bomb, server_frame


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65_535, 65_536, 200_000])
def test_framing(size):
    """Frames are what a WebSocket client reads, text that is not UTF-8 included."""
    payload = b"\xff" * size
    client = Protocol(CLIENT, max_size=None)
    client.receive_data(server_frame(payload) + payload + server_frame(payload, BINARY) + payload)
    frames = client.events_received()
    assert [(frame.opcode, bytes(frame.data)) for frame in frames] == [(Opcode.TEXT, payload), (Opcode.BINARY, payload)]


def test_bomb():
    """A few bytes that a client inflates to as many as asked for."""
    packed, opcode = bomb(1 << 20)
    assert len(packed) < 5000
    assert opcode & 0x40
    assert zlib.decompressobj(-15).decompress(packed + b"\x00\x00\xff\xff") == b" " * (1 << 20)
