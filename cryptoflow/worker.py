"""The worker: the Faust app of `faust -A cryptoflow worker`, and `run_worker` for the CLI."""

from __future__ import annotations

import functools
import logging
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import click
import faust
from faust.cli.faust import cli as faust_cli
from typing_extensions import override

import cryptoflow
from agents._consumer import BarrierApp
from agents._fatal import die
from agents._log import KafkaLog
from agents._owner import Core
from agents._shell import Shell
from cryptoflow import config, registry
from cryptoflow.clock import monotonic_s
from cryptoflow.config import Settings
from cryptoflow.dialects import as_configured
from cryptoflow.errors import ConfigError, CryptoflowError, RetryError, StopError
from cryptoflow.events import ProcessStarted, ProcessStopping
from cryptoflow.health import Facts, HealthServer
from cryptoflow.logs import JsonFormatter
from schemas import topics

_QUESTION_S = 5.0
_ASK_AGAIN_S = 0.5
_REQUEST_TIMEOUT_S = 90.0
_PRODUCTION_SOURCES = ("live", "backfill")
"""Generated and replayed records do not become rows in production, whoever put them into the log."""
_FAUST_LEVELS = {"WARNING": "WARN"}
"""Faust's command line has a spelling of its own."""


@functools.cache
def app() -> faust.App:
    """Build the app from the configuration, once. A mistake is one line for the command line."""
    try:
        return build(config.load())
    except CryptoflowError as error:
        raise click.ClickException(str(error)) from error


def run_worker(settings: Settings) -> None:
    """Run what `faust -A cryptoflow worker` runs; returns never. Raises CryptoflowError before the start."""
    level = _FAUST_LEVELS.get(settings.log_level, settings.log_level)
    faust_cli(args=["worker", "-l", level, "--without-web"], obj=None, app=build(settings))


def build(settings: Settings, core: Callable[[str, int], Core] | None = None) -> BarrierApp:
    """Build an app for settings. Raises ConfigError, BrokerAwayError or StopError in one line.

    `core` replaces the composed core; the default runs the operators of every exchange found.
    """
    if not settings.kafka.bootstrap_servers:
        raise ConfigError("no broker is configured", fix="set kafka.bootstrap_servers")
    exchanges: Mapping[str, Any] = as_configured(registry.load("exchanges", "EXCHANGE"), settings)
    raw_topics = _await_topics(settings, exchanges)
    shell = Shell(settings, raw_topics, core or _composed(exchanges, settings))
    made = _new_app(settings)
    shell.bind(made)
    _observe(made, shell, settings)
    return made


def _composed(exchanges: Mapping[str, Any], settings: Settings) -> Callable[[str, int], Core]:
    from agents._core import PartitionCore  # noqa: PLC0415 - not needed when another core is given

    sources = _PRODUCTION_SOURCES if settings.environment == "production" else None
    return lambda raw_topic, partition: PartitionCore(exchanges, raw_topic, partition, sources=sources)


def _new_app(settings: Settings) -> BarrierApp:
    kafka, agents = settings.kafka, settings.agents
    return BarrierApp(
        f"{kafka.prefix}{kafka.output_prefix}agents.{agents.role}",
        broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=kafka.session_timeout_s,
        broker_heartbeat_interval=min(3.0, kafka.session_timeout_s / 3),
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, kafka.session_timeout_s),
        broker_max_poll_interval=300.0,
        # Group offsets only report lag; positions are in the barrier.
        broker_commit_interval=1.0,
        broker_commit_every=200_000,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=agents.buffer_max_takes,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        producer_request_timeout=120.0,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        web_enabled=False,
        web_bind="127.0.0.1",
        web_in_thread=False,
        autodiscover=False,
        Worker=_worker_class(agents.stop_timeout_s, f"worker.{agents.role}"),
        worker_redirect_stdouts=False,
        logging_config={
            "merge": True,
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": _json_formatter}},
            "handlers": {"default": {"class": "logging.StreamHandler", "formatter": "json", "stream": sys.stderr}},
        },
    )


def _json_formatter() -> logging.Formatter:
    formatter = JsonFormatter()
    formatter.converter = time.gmtime
    return formatter


def _credentials(settings: Settings) -> faust.SASLCredentials | faust.SSLCredentials | None:
    kafka = settings.kafka
    if kafka.security_protocol == "PLAINTEXT":
        return None
    context = ssl.create_default_context()
    if kafka.security_protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=kafka.sasl_username,
        password=kafka.sasl_password.get_secret_value(),
        mechanism=kafka.sasl_mechanism,
        ssl_context=context,
    )


def _await_topics(settings: Settings, exchanges: Mapping[str, Any]) -> dict[str, str]:
    """Return {raw topic: exchange} once every topic the worker needs exists with one partition count."""
    deadline = monotonic_s() + settings.agents.topic_wait_s
    while True:
        try:
            return _find_topics(settings, exchanges)
        except (RetryError, StopError) as error:
            if isinstance(error, ConfigError) or monotonic_s() >= deadline:
                raise
        threading.Event().wait(_ASK_AGAIN_S)


def _find_topics(settings: Settings, exchanges: Mapping[str, Any]) -> dict[str, str]:
    kafka, agents = settings.kafka, settings.agents
    unknown = set(agents.exchanges) - set(exchanges)
    if unknown:
        raise ConfigError(f"agents.exchanges: no such exchange: {', '.join(sorted(unknown))}", fix="remove it")
    existing = KafkaLog(kafka, _QUESTION_S).partition_counts()
    wanted = {kafka.raw_topic(name): name for name in agents.exchanges or exchanges}
    raw = wanted if agents.exchanges else {topic: name for topic, name in wanted.items() if topic in existing}
    needed = [*raw, kafka.state_topic(agents.role), *(kafka.md_topic(name) for name in topics())]
    missing = [topic for topic in (*needed, kafka.control_topic("reseed")) if topic not in existing]
    if missing or not raw:
        text = f"topics are missing: {', '.join(missing) or 'no raw topic of any exchange'}"
        raise StopError(text, fix="create them: `cryptoflow topics apply`")
    counts = {existing[topic] for topic in needed}
    if len(counts) > 1:
        text = f"topics have different partition counts: {', '.join(f'{t}={existing[t]}' for t in needed)}"
        raise StopError(text, fix="all raw, md and state topics need one count")
    return raw


def _worker_class(stop_timeout_s: float, role: str) -> type[faust.Worker]:
    class StoppingWorker(faust.Worker):
        """End for certain: some seconds after the signal the process is gone, whatever hangs."""

        @override
        def _schedule_shutdown(self, signal: signal.Signals) -> None:
            if not self._signal_stop_time:
                ProcessStopping(role=role, reason=signal.name).emit()
                late = StopError(f"stopping: not finished after {stop_timeout_s:.0f} s")
                timer = threading.Timer(stop_timeout_s, die, (role, late))
                timer.daemon = True
                timer.start()
            super()._schedule_shutdown(signal)

    return StoppingWorker


def _observe(made: BarrierApp, shell: Shell, settings: Settings) -> None:
    """Serve health while the app runs."""

    def facts() -> Facts:
        live, ready, detail = shell.facts()
        return Facts(live, ready, detail)

    async def serve() -> None:
        ProcessStarted(role=shell.role, version=cryptoflow.__version__).emit()
        if settings.health_port:
            HealthServer(settings.health_bind, settings.health_port, facts).start()

    made.task(serve)
