"""A real one-node Kafka broker (KRaft) on loopback, from Kafka's own jars."""

from __future__ import annotations

import base64
import signal
import subprocess
import uuid
from pathlib import Path

import confluent_kafka
from confluent_kafka.admin import AdminClient

from cryptoflow.errors import StopError
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.ports import LOOPBACK, free_ports, is_listening
from cryptoflow.localstack.supervise import Child, Supervisor

_LOG4J = """<Configuration status="WARN"><Appenders><Console name="out" target="SYSTEM_OUT">
<PatternLayout pattern="%d{ISO8601}{UTC}Z %-5p %c: %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root>
<Logger name="kafka.server.KafkaRaftServer" level="INFO"/></Loggers></Configuration>
"""


class KafkaBroker:
    """Run one broker on a fixed port and data folder, so it can be killed and come back as itself.

    Reachable from this machine only. Process kills lose no acknowledged record; host power loss may.
    """

    def __init__(
        self,
        data_dir: Path,
        supervisor: Supervisor,
        *,
        message_max_bytes: int = 8_388_608,
        heap_mib: int = 512,
        start_timeout_s: float = 60.0,
        session_timeout_min_ms: int = 1000,
    ) -> None:
        """Choose a folder; nothing runs before `start`. The port stays the same until this object is gone."""
        self.data_dir = data_dir
        self._supervisor = supervisor
        self._message_max_bytes = message_max_bytes
        self._heap_mib = heap_mib
        self._start_timeout_s = start_timeout_s
        self._session_timeout_min_ms = session_timeout_min_ms
        self.child: Child | None = None
        self.port = 0

    @property
    def bootstrap_servers(self) -> str:
        """Return host:port."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> str:
        """Start and return host:port once the broker answers. Raises StopError with the log's last line."""
        self._lib = jars.ensure()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if not self.port:
            self.port, control = free_ports(2)
            self._configure(control)
        self._launch()
        return self.bootstrap_servers

    def restart(self) -> None:
        """Stop in order and start again on the same port and data."""
        self.stop()
        self._launch()

    def kill(self) -> None:
        """End with SIGKILL, as a crash would."""
        if self.child:
            self.child.kill()

    def pause(self) -> None:
        """Freeze the broker (SIGSTOP)."""
        if self.child:
            self.child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Wake a frozen broker."""
        if self.child:
            self.child.signal(signal.SIGCONT)

    def revive(self) -> None:
        """Start again after `kill`, on the same port and data; waits until the broker answers."""
        self._launch()

    def stop(self) -> None:
        """Stop in order."""
        if self.child:
            self.child.stop()

    def alive(self) -> bool:
        """Return True while the process runs."""
        return self.child is not None and self.child.alive()

    def _launch(self) -> None:
        command = [
            jars.java(),
            "-Xms128m",
            f"-Xmx{self._heap_mib}m",
            "-XX:+UseSerialGC",
            f"-Dlog4j2.configurationFile={self.data_dir / 'log4j2.xml'}",
            "-cp",
            f"{self._lib}/*",
            "kafka.Kafka",
            str(self._properties),
        ]
        self.child = self._supervisor.start("broker", command, cwd=self.data_dir)
        self.child.wait_until(self._answers, self._start_timeout_s, "starting the broker")

    def _answers(self) -> bool:
        if not is_listening(self.port):
            return False
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0, "socket.timeout.ms": 2000})
        try:
            return bool(admin.list_topics(timeout=2).brokers)
        except confluent_kafka.KafkaException:
            return False

    @property
    def _properties(self) -> Path:
        return self.data_dir / "server.properties"

    def _configure(self, control: int) -> None:
        """Write the broker's files; format the storage when the data folder is new."""
        (self.data_dir / "log4j2.xml").write_text(_LOG4J, "utf-8")
        log_dir = self.data_dir / "log"
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{control}",
            "log.dirs": str(log_dir),
            "listeners": f"PLAINTEXT://{LOOPBACK}:{self.port},CONTROLLER://{LOOPBACK}:{control}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{self.port}",
            "inter.broker.listener.name": "PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": str(self._session_timeout_min_ms),
            "auto.create.topics.enable": "false",
            "message.max.bytes": str(self._message_max_bytes),
            "replica.fetch.max.bytes": str(self._message_max_bytes),
            "socket.request.max.bytes": str(max(104_857_600, 2 * self._message_max_bytes)),
            # A killed broker comes back only after its old registration has run out.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
        }
        self._properties.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), "utf-8")
        if not (log_dir / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        command = [
            jars.java(),
            "-Xmx128m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-cp",
            f"{self._lib}/*",
            "kafka.tools.StorageTool",
            "format",
            "-t",
            storage_id(),
            "-c",
            str(self._properties),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=self._start_timeout_s)  # noqa: S603 - our own words
        if done.returncode:
            words = (done.stderr + done.stdout).strip().splitlines()[-1:] or ["it said nothing"]
            raise StopError(f"formatting the broker's storage: {words[0][:300]}", fix=f"remove {self.data_dir}")


def storage_id() -> str:
    """Return a fresh cluster id that the storage tool's argument parser does not take for an option."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
