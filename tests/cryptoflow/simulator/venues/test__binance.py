"""What both markets of Binance say alike: paths, control frames, envelopes."""

from __future__ import annotations

import json

import pytest

from cryptoflow.simulator.venues._binance import ack, command, opening, unwrapped

ROUTES = ("public", "market")


@pytest.mark.parametrize(
    ("path", "endpoint", "combined", "streams"),
    [
        ("/public/stream?streams=a@b/c@d@e", "public", True, ("a@b", "c@d@e")),
        ("/market/ws/a@b", "market", False, ("a@b",)),
        ("/stream", "", True, ()),
        ("/ws", "", False, ()),
        ("/public/ws", "public", False, ()),
    ],
)
def test_opening(path, endpoint, combined, streams):
    """PROTOCOLS 3.1: routed and unrouted paths, raw and combined."""
    opened = opening(path, ROUTES)
    assert (opened.endpoint, opened.combined, opened.streams) == (endpoint, combined, streams)


@pytest.mark.parametrize("path", ["/", "/other/ws", "/public", "/public/other"])
def test_no_such_path(path):
    """Other paths do not exist."""
    assert opening(path, ROUTES) is None


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
