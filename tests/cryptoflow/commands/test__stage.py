"""A stage stops on a signal, ends in time whatever hangs, and tells its health."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

from cryptoflow import clock
from cryptoflow.commands import _stage
from cryptoflow.config import Catalog, Kafka, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack.ports import free_port

RUN_ASYNC = """
import asyncio
from cryptoflow.commands import _stage
async def body(stop):
    print('up', flush=True)
    await stop.wait()
    print('stopped', flush=True)
_stage.run_async(body)
"""
RUN_BLOCKING = """
from cryptoflow.commands import _stage
def body(stop):
    print('up', flush=True)
    stop.wait()
    print('stopped', flush=True)
_stage.run_blocking(body)
"""
HANGS = """
import threading, time
from cryptoflow.commands import _stage
_stage.HARD_EXIT_S = 0.5
arm = _stage.arm_hard_exit
_stage.arm_hard_exit = lambda: arm(0.5)
def body(stop):
    print('up', flush=True)
    while True:
        time.sleep(60)
_stage.run_blocking(body)
"""


@pytest.mark.parametrize("script", [RUN_ASYNC, RUN_BLOCKING])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_to_stop(script: str, number: signal.Signals) -> None:
    """SIGTERM and SIGINT let the body finish; the exit code is 0."""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    process.send_signal(number)
    assert process.communicate(timeout=20)[0] == "stopped\n"
    assert process.returncode == 0


def test_what_hangs_is_ended() -> None:
    """A body that does not listen is gone after the limit, with the code of a stop."""
    process = subprocess.Popen([sys.executable, "-c", HANGS], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "up\n"
    began = clock.monotonic_s()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 4
    assert clock.monotonic_s() - began < 10
    assert _stage.HARD_EXIT_S == 30.0


def test_health_is_served_while_the_stage_runs() -> None:
    """Not ready before the stage speaks, then what it says; nothing listens with port 0."""
    port = free_port()
    with _stage.Health(Settings(health_port=port)) as health:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5)
        caught.value.close()
        health.tell(live=True, ready=True, detail={"lag": 3})
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as answer:
            assert json.load(answer)["lag"] == 3
    with _stage.Health(Settings()):
        pass


async def test_a_status_is_asked_for_in_the_loop_that_told_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a stage looks at changes in its loop only; a loop that does not answer, or an error, is told."""
    port = free_port()

    def get() -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    with _stage.Health(Settings(health_port=port)) as health:
        health.tell(live=True, ready=True, detail={})
        assert (await asyncio.to_thread(get))[0] == 404
        here = threading.get_ident()
        health.tell(live=True, ready=True, detail={}, status=lambda: {"here": threading.get_ident() == here})
        assert await asyncio.to_thread(get) == (200, b'{"here":true}\n')
        health.tell(live=True, ready=True, detail={}, status=lambda: 1 / 0)
        assert (await asyncio.to_thread(get))[0] == 503
        monkeypatch.setattr(_stage, "STATUS_TIMEOUT_S", 0.05)
        waiting = asyncio.get_running_loop().run_in_executor(None, get)
        time.sleep(0.5)  # noqa: ASYNC251 - the loop is blocked on purpose
        assert (await waiting)[0] == 503


def test_a_taken_health_port_is_one_line() -> None:
    """The port and the fix are named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = Settings(health_port=server.getsockname()[1])
        with pytest.raises(ConfigError, match=r"serving health on .* set another health_port"), _stage.Health(settings):
            pass


def test_broker_and_catalog_are_never_guessed() -> None:
    """Without an address a stage does not start."""
    with pytest.raises(ConfigError, match=r"starting x: kafka\.bootstrap_servers is not configured"):
        _stage.require_broker(Settings(), "x")
    with pytest.raises(ConfigError, match=r"starting x: catalog\.warehouse is not configured"):
        _stage.require_catalog(Settings(), "x")
    with pytest.raises(ConfigError, match=r"starting x: catalog\.uri is not configured"):
        _stage.require_catalog(Settings(catalog=Catalog(kind="rest")), "x")
    _stage.require_broker(Settings(kafka=Kafka(bootstrap_servers="b:1")), "x")
    _stage.require_catalog(Settings(catalog=Catalog(warehouse="w")), "x")
