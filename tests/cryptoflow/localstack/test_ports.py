"""Ports come from loopback."""

from __future__ import annotations

import socket

from cryptoflow.localstack import ports


def test_free_ports_differ_and_nothing_listens() -> None:
    """Ports drawn together are different and unused."""
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert not any(ports.is_listening(port) for port in found)


def test_a_listener_is_seen() -> None:
    """A port with a listener answers."""
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        assert ports.is_listening(server.getsockname()[1])
