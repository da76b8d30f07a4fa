"""The app of the worker: what it is built from, and what it refuses in one line."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import click
import faust
import pytest
from faust.cli.base import LOGLEVELS
from hash_core import HashCore
from worker_stack import Deployment

import cryptoflow
from agents._consumer import BarrierApp
from cryptoflow import clock, registry, worker
from cryptoflow.config import CONFIG_ENV, Agents, Kafka, Settings
from cryptoflow.dialects import as_configured
from cryptoflow.errors import BrokerAwayError, ConfigError, StopError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.ports import free_port
from cryptoflow.localstack.supervise import Supervisor
from schemas import encode_frame, encode_raw

BOOK_OF_2022 = (
    b'{"arg":{"channel":"books","instId":"AAA-USDT"},"action":"snapshot","data":[{"asks":[["2.5","1","0","1"]],'
    b'"bids":[["2.4","3","0","2"]],"ts":"1652400000000","checksum":-5}]}'
)
"""A book as sent before it had ids; its values are invented."""

IN_2022_NS = 1_652_400_000_000_000_001


def book(received_ns: int) -> bytes:
    """Make a raw record of that book."""
    meta = {"reason": "subscribe", "stream": "books:AAA-USDT"}
    frame = encode_frame("c1", 1, received_ns, "book_snapshot", BOOK_OF_2022, meta=meta)
    return encode_raw("okx", "spot", "AAA-USDT", "replay", [frame])


COUNTS = {"raw.binance": 4, "state.all": 4, "control.reseed": 1}


@pytest.fixture
def existing(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Script which topics the broker has; begin with all that are needed."""
    topics = COUNTS | dict.fromkeys(worker.topics(), 4)
    monkeypatch.setattr(worker.KafkaLog, "partition_counts", lambda _: topics)
    return topics


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Begin without settings and without an app built before."""
    monkeypatch.delenv(CONFIG_ENV, raising=False)
    worker.app.cache_clear()
    yield
    worker.app.cache_clear()


def settings(**agents: object) -> Settings:
    """Make settings for a broker that is not there."""
    kafka = Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}", session_timeout_s=9)
    return Settings(environment="test", kafka=kafka, agents=Agents.model_validate({"topic_wait_s": 0, **agents}))


def build(**agents: object) -> BarrierApp:
    """Build an app with the double core."""
    return worker.build(settings(**agents), core=lambda _topic, _partition: HashCore())


def test_without_a_broker_it_says_which_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bare command never starts anything of its own."""
    with pytest.raises(ConfigError, match=r"kafka\.bootstrap_servers"):
        worker.build(Settings(environment="test"))
    monkeypatch.delenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    with pytest.raises(click.ClickException, match=r"kafka\.bootstrap_servers"):
        _ = cryptoflow.app


def test_a_broker_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes after the configured wait, not never."""
    monkeypatch.setattr(worker, "_QUESTION_S", 0.3)
    with pytest.raises(BrokerAwayError, match="asking for topics"):
        build()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"raw.binance": None}, "no raw topic"),
        ({"md.trades": None}, r"missing: md\.trades"),
        ({"state.all": None}, r"missing: state\.all"),
        ({"control.reseed": None}, r"missing: control\.reseed"),
        ({"md.book": 8}, r"different partition counts.*md\.book=8"),
    ],
)
def test_topics_must_be_there_with_one_partition_count(
    existing: dict[str, int], change: dict[str, int | None], told: str
) -> None:
    """What is missing or different is named before anything starts."""
    for topic, count in change.items():
        existing.pop(topic)
        if count is not None:
            existing[topic] = count
    with pytest.raises(StopError, match=told):
        build()


def test_an_unknown_exchange_is_refused(existing: dict[str, int]) -> None:
    """A name that the registry does not have is a mistake in the configuration."""
    assert existing
    with pytest.raises(ConfigError, match="no such exchange: nowhere"):
        build(exchanges=("nowhere",))


def test_the_core_reads_an_exchange_as_of_its_configured_date() -> None:
    """A book without ids is unreadable when it is sent today, but as of 2022; one received then is read in any case."""
    exchanges = registry.load("exchanges", "EXCHANGE")
    old = settings().model_copy(update={"dialects": {"okx": "2022-05-13T00:00:00+00:00"}})
    now_ns = clock.now_ns()
    cases = ((settings(), now_ns, 0, 1), (old, now_ns, 2, 0), (settings(), IN_2022_NS, 2, 0), (old, IN_2022_NS, 2, 0))
    for chosen, received_ns, rows, dead in cases:
        core = worker._composed(as_configured(exchanges, chosen), chosen)("raw.okx", 0)
        outputs = core.process([(0, b"okx.spot.AAA-USDT", book(received_ns))])
        batches = [output.batch for output in outputs.md if output.topic == "md.book"]
        kinds = [kind for batch in batches for kind in batch.column("kind").to_pylist()]
        assert kinds.count("book_snapshots") == rows
        assert sum(outputs.dead.values()) == dead


async def test_the_app_has_the_settings_the_protocol_rests_on(existing: dict[str, int]) -> None:
    """One agent over the raw topics that exist, one group per role, nothing declared, no web."""
    assert existing
    made = build()
    assert [*made.agents] == ["cryptoflow.all"]
    conf = made.conf
    assert conf.id == "agents.all"
    assert (conf.broker_session_timeout, conf.broker_heartbeat_interval) == (9.0, 3.0)
    assert conf.broker_request_timeout >= conf.broker_session_timeout
    assert not conf.topic_allow_declare
    assert conf.topic_disable_leader
    assert conf.stream_buffer_maxsize == 8
    assert list(made.boot_strategy.web_server()) == []
    assert {chan.topics for agent in made.agents.values() for chan in [agent.channel]} == {("raw.binance",)}


async def test_a_stop_that_hangs_ends_hard(existing: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """From the signal on a timer runs that ends the process whatever hangs."""
    assert existing
    died = asyncio.Event()
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(worker, "die", lambda _role, _error: loop.call_soon_threadsafe(died.set))
    made = build(stop_timeout_s=1)
    started: faust.Worker = made.conf.Worker(made, loop=loop)
    monkeypatch.setattr(started, "stop", asyncio.Event().wait)
    started._schedule_shutdown(signal.SIGTERM)
    started._schedule_shutdown(signal.SIGTERM)
    await asyncio.wait_for(died.wait(), 10)
    started._signal_stop_future.cancel()


@pytest.mark.stack
@pytest.mark.parametrize(("ours", "fausts"), [("WARNING", "WARN"), ("INFO", "INFO")])
def test_the_log_level_is_said_as_faust_knows_it(
    monkeypatch: pytest.MonkeyPatch, ours: Literal["WARNING", "INFO"], fausts: str
) -> None:
    """Every level of ours starts a worker."""
    said: list[list[str]] = []
    monkeypatch.setattr(worker, "build", lambda _settings: None)
    monkeypatch.setattr(worker, "faust_cli", lambda args, **_: said.append(args))
    worker.run_worker(Settings(log_level=ours))
    assert said == [["worker", "-l", fausts, "--without-web"]]
    assert fausts in LOGLEVELS


def test_run_worker_runs_until_sigterm(broker: KafkaBroker, supervisor: Supervisor) -> None:
    """`run_worker` is the same worker, with health and metrics, from settings alone."""
    deployment = Deployment(broker.bootstrap_servers, supervisor)
    deployment.create_topics()
    port = free_port()
    script = "from cryptoflow import config, worker; worker.run_worker(config.load())"
    env = {**deployment.environment(), "CRYPTOFLOW_HEALTH_PORT": str(port)}
    child = supervisor.start(f"{deployment.prefix}run", [sys.executable, "-c", script], env, Path(os.sep))
    check = (
        "import json,sys,urllib.request as u;"
        f"a=u.urlopen('http://127.0.0.1:{port}/ready',timeout=2);sys.exit(a.status!=200)"
    )

    def ready() -> bool:
        return subprocess.run([sys.executable, "-c", check], check=False, capture_output=True).returncode == 0

    child.wait_until(ready, 40, "starting the worker")
    assert child.stop() == 0, child.log_tail()
