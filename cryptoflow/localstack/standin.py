"""The S3 Tables stand-in: S3, the S3 Tables API and Iceberg REST on one loopback port."""

from __future__ import annotations

import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.exceptions

from cryptoflow.errors import ConfigError
from cryptoflow.localstack.ports import LOOPBACK, free_port, is_listening
from cryptoflow.localstack.supervise import Child, Supervisor

BUCKET = "cryptoflow"
REGION = "us-east-1"
KEY = "test"
_READY_PATH = "/_ministack/ready"


class StandIn:
    """Run the stand-in on a data folder, so that its tables are there again at the next start.

    Objects are written through; catalog metadata is written at a clean stop, so `stop` waits for
    it and a SIGKILL of the stand-in loses the tables. It cannot imitate throttling, limits of AWS
    or compaction.
    """

    def __init__(self, data_dir: Path, supervisor: Supervisor, *, start_timeout_s: float = 60.0) -> None:
        """Choose a folder; nothing runs before `start`."""
        self.data_dir = data_dir
        self._supervisor = supervisor
        self._start_timeout_s = start_timeout_s
        self.child: Child | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        """Return the URL of the stand-in."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> dict[str, Any]:
        """Start, create the table bucket once and return the catalog settings of `Settings.catalog`."""
        program = Path(sys.executable).with_name("ministack")
        found = str(program) if program.exists() else shutil.which("ministack")
        if not found:
            raise ConfigError(
                "starting the S3 Tables stand-in: ministack is not installed",
                fix="install the extra: pip install 'cryptoflow[local]'",
            )
        self.port = self.port or free_port()
        scratch = self.data_dir / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        environment = {
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.data_dir / "state"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.data_dir / "s3"),
            "TMPDIR": str(scratch),
            "LOG_LEVEL": "WARNING",
            # Parts we do not use and that would listen or touch the user's containers.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": f"unix://{scratch}/none.sock",
        }
        # SIGTERM also when we die: it then still writes its state.
        self.child = self._supervisor.start("standin", [found], environment, death_signal=signal.SIGTERM)
        self.child.wait_until(lambda: is_listening(self.port), self._start_timeout_s, "starting the S3 Tables stand-in")
        return {
            "kind": "s3tables",
            "uri": f"{self.endpoint}/iceberg",
            "warehouse": self._table_bucket(),
            "region": REGION,
            "endpoint": self.endpoint,
            "access_key": KEY,
            "secret_key": KEY,
        }

    def stop(self) -> None:
        """Stop in order and wait until the tables' metadata is on disk."""
        if self.child:
            self.child.stop()

    def alive(self) -> bool:
        """Return True while the process runs."""
        return self.child is not None and self.child.alive()

    def _table_bucket(self) -> str:
        """Return the ARN of the table bucket, creating it once."""
        client = boto3.client(
            "s3tables",
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
            config=botocore.config.Config(retries={"max_attempts": 3}, connect_timeout=5, read_timeout=20, proxies={}),
        )
        for bucket in client.list_table_buckets().get("tableBuckets", []):
            if bucket["name"] == BUCKET:
                return str(bucket["arn"])
        return str(client.create_table_bucket(name=BUCKET)["arn"])
