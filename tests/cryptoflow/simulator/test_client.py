"""One connection's own bytes, with a connection that keeps what is written."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.protocol import State

from cryptoflow.simulator.client import Client
from cryptoflow.simulator.venues._values import Action
from cryptoflow.simulator.venues._venue import Session
from cryptoflow.simulator.venues.binance_usdm import VENUE


class Plain(Session):
    """Answer nothing."""

    def on_text(self, message: str | bytes) -> Sequence[Action]:
        """Pass it over."""
        del message
        return ()


class Numbered(Plain):
    """Count everything sent on the connection."""

    numbered = True
    plain = False

    def dress(self, payload: bytes, *, is_data: bool) -> bytes:
        """Put the number before the payload."""
        del is_data
        self.number += 1
        return b"%d:%b" % (self.number, payload)

    def skip(self) -> None:
        """Lose a number."""
        self.number += 1


@pytest.fixture
def client() -> Any:
    """Give a client whose transport keeps what is written."""
    written: list[bytes] = []
    transport = SimpleNamespace(write=written.append, is_closing=lambda: False, pause_reading=lambda: None)
    connection: Any = SimpleNamespace(transport=transport, state=State.OPEN, keepalive_task=None)
    world: Any = SimpleNamespace(knows=lambda _key: True)
    made = Client(7, connection, VENUE, world)
    made.session = Plain(VENUE, made)
    made.written = written  # type: ignore[attr-defined] # for the test to look at
    return made


def test_frames_are_written_together(client: Any) -> None:
    """What was taken goes out in order, framed, in one piece; then nothing is left."""
    assert client.take(b"a", is_data=True) == client.take(b"b", is_data=True) == b"7"
    client.write()
    client.write()
    assert client.written == [b"\x81\x01a\x81\x01b"]


def test_numbers_are_the_connections_own(client: Any) -> None:
    """The label has the number; a repeat is the same bytes, a frame lost on purpose leaves a hole."""
    client.session = Numbered(VENUE, client)
    assert client.take(b"a", is_data=True) == client.repeat() == b"7#0"
    client.session.skip()
    assert client.take(b"b", is_data=False) == b"7#2"
    client.write()
    assert client.written == [b"\x81\x030:a" * 2 + b"\x81\x032:b"]


def test_a_half_open_connection_takes_nothing(client: Any) -> None:
    """Nothing is written and nothing piles up."""
    client.freeze()
    client.take(b"a", is_data=True)
    client.write()
    assert (client.written, client.buffer) == ([], [])


def test_a_dripping_connection_writes_byte_by_byte(client: Any) -> None:
    """Bytes go out so many per second, and the rest waits."""
    client.drip_bytes_s = 1
    client.take(b"ab", is_data=True)
    for second in range(1, 4):
        client.drip(client.pushed_s + second)
    assert b"".join(client.written) == b"\x81\x02a"


def test_a_refusal_is_told_once(client: Any) -> None:
    """The stream is refused the first time it is asked for."""
    client.refused.add("k")
    assert [client.refuses("k"), client.refuses("k")] == [True, False]
