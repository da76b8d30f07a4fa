"""Patience, and the switch of a component."""

from __future__ import annotations

import threading
import time

from cryptoflow.config import Settings
from sinks._sink import Patience
from sinks.iceberg import SINK


def test_patience_has_no_end_while_running() -> None:
    """Before a stop nothing is given up."""
    patience = Patience(threading.Event(), 0.0)
    assert not patience.over()
    assert not patience.stopping


def test_patience_lasts_its_limit_after_a_stop() -> None:
    """The limit counts from the stop, and a wait ends with it."""
    stop = threading.Event()
    patience = Patience(stop, 0.1)
    stop.set()
    assert patience.stopping
    assert not patience.over()
    began = time.monotonic()
    patience.wait(30)
    assert patience.over()
    assert time.monotonic() - began < 5


def test_a_stop_shortens_a_wait() -> None:
    """A wait that began before the stop ends soon after it when no patience is left."""
    stop = threading.Event()
    patience = Patience(stop, 0.0)
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    patience.wait(30)
    assert time.monotonic() - began < 5


def test_the_iceberg_sink_is_on_by_default() -> None:
    """Without a setting the tables are written."""
    assert SINK.enabled(Settings())
    assert SINK.build(Settings()).topics()
