"""The local stack as a unit: one data directory, one lock, one start and one stop."""

from __future__ import annotations

import contextlib
import fcntl
import os
import types
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Self

from cryptoflow import tables, topics
from cryptoflow.config import Section, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack import record
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.mockbroker import MockBroker
from cryptoflow.localstack.standin import StandIn
from cryptoflow.localstack.supervise import Supervisor


class InUseError(ConfigError):
    """Say that another process holds the data directory."""


class LocalStack:
    """Own a data directory with a broker and the S3 Tables stand-in.

    The broker is the configured one, which must not be production's, else Kafka's own jars, else
    librdkafka's mock broker (see `warning`). `start` returns the settings every process of the stack
    is to use. Nothing of it outlives this process. Use it as a context manager, or call `stop`.
    """

    def __init__(self, data_dir: Path, settings: Settings | None = None, **overrides: Any) -> None:
        """Choose the directory and settings; `overrides` are sections as mappings, `kafka={"partitions": 4}`."""
        self.data_dir = data_dir.resolve()
        self.settings = merge(settings or Settings(), overrides)
        self.supervisor = Supervisor(self.data_dir / "logs")
        self.broker: KafkaBroker | MockBroker | None = None
        local = self.settings.local
        self.standin = StandIn(self.data_dir / "standin", self.supervisor, start_timeout_s=local.start_timeout_s)
        self.warning = ""
        self._lock: IO[str] | None = None

    def start(self, *, broker: bool = True) -> Settings:
        """Start the parts and return the settings that reach them; `broker=False` starts the tables only.

        Raises ConfigError when another stack holds the directory, StopError when a part does not come
        up; nothing is left running then.
        """
        self._take_lock()
        try:
            catalog = self.standin.start()
            kafka = {"bootstrap_servers": self._start_broker()} if broker else {}
            self.settings = merge(self.settings, {"environment": "local", "kafka": kafka, "catalog": catalog})
            if broker:
                self._prepare()
                self._record()
        except BaseException:
            self.stop()
            raise
        return self.settings

    def stop(self) -> None:
        """Stop everything, the last started first, and release the directory. May be called twice."""
        self.supervisor.stop()
        if self._lock:
            record.remove(self.data_dir)
            self._lock.close()
            self._lock = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    @contextlib.contextmanager
    def tables_only(self) -> Iterator[Settings]:
        """Run the stand-in alone, to read the tables of a stack that is down."""
        try:
            yield self.start(broker=False)
        finally:
            self.stop()

    def environment(self) -> dict[str, str]:
        """Return the environment that makes a child process read this stack's settings."""
        return {"CRYPTOFLOW_CONFIG": str(record.config_path(self.data_dir)), "CRYPTOFLOW_ENVIRONMENT": "local"}

    def _start_broker(self) -> str:
        configured = self.settings.kafka.bootstrap_servers
        if configured:
            if self.settings.environment == "production":
                # What is generated here would stand between production's own rows.
                raise ConfigError(
                    f"starting the local stack: the broker configured, {configured}, is one of production",
                    fix="set environment: test to use it, or leave kafka.bootstrap_servers out",
                )
            return configured
        local, kafka = self.settings.local, self.settings.kafka
        reason = "asked for by local.broker" if local.broker == "mock" else jars.missing()
        if local.broker == "kafka" and reason:
            raise ConfigError(
                f"starting the broker: {reason}", fix="install Java 17 and Maven, or set local.broker: auto"
            )
        if reason:
            self.warning = f"mock broker in use ({reason}): records stay in memory and no promise is proven; demo only"
            partitions = {spec.name: spec.partitions for spec in topics.specs(self.settings)}
            self.broker = MockBroker(self.supervisor, partitions, start_timeout_s=local.start_timeout_s)
        else:
            self.broker = KafkaBroker(
                self.data_dir / "kafka",
                self.supervisor,
                message_max_bytes=kafka.message_max_bytes,
                heap_mib=local.broker_heap_mib,
                start_timeout_s=local.start_timeout_s,
            )
        return self.broker.start()

    def _prepare(self) -> None:
        """Make topics and tables; the mock broker was told its topics when it started."""
        if not isinstance(self.broker, MockBroker):
            topics.apply(self.settings)
        tables.ensure_tables(self.settings)

    def _record(self) -> None:
        pids = {child.name: child.pid for child in self.supervisor.children}
        record.write(self.data_dir, record.StackRecord(os.getpid(), pids, self.settings, self.warning))

    def _take_lock(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.data_dir / "lock").open("w", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise InUseError(
                f"using {self.data_dir}: another local stack runs on it", fix="`cryptoflow down` stops it"
            ) from error
        self._lock = lock


def merge(settings: Settings, overrides: dict[str, Any]) -> Settings:
    """Return the settings with sections replaced field by field, each checked again.

    What is given here wins, also over the environment: a stand-in's address must not be replaced.
    """
    update: dict[str, Any] = {}
    for name, value in overrides.items():
        section = getattr(settings, name)
        update[name] = (
            type(section).model_validate({**section.model_dump(), **value}) if isinstance(section, Section) else value
        )
    return settings.model_copy(update=update)
