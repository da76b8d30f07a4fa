"""How the tests of the spine run commands, and a small deployment on the session's real parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from cryptoflow import topics
from cryptoflow.cli import main
from cryptoflow.config import Kafka, Settings
from cryptoflow.localstack import record
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.tables import ensure_tables

Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    """Run a command in this process, in an empty directory and without settings in the environment."""
    for name in [name for name in os.environ if name.startswith("CRYPTOFLOW_") and name != "CRYPTOFLOW_CACHE"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*words: str, **environment: str) -> Result:
        try:
            return CliRunner(env={"CRYPTOFLOW_CONFIG": None, **environment}).invoke(main, words)
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)

    return run


@pytest.fixture
def error_line(cli: Cli) -> Callable[..., str]:
    """Run a command that has to fail with a code; return its error, which is one line on stderr and no trace."""

    def run(code: int, *words: str, **environment: str) -> str:
        result = cli(*words, **environment)
        assert result.exit_code == code, result.output
        assert result.stderr.count("\n") == 1, result.stderr
        assert result.stderr.startswith("cryptoflow: ")
        assert "Traceback" not in result.output
        return result.stderr

    return run


@dataclass(frozen=True)
class Deployment:
    """Hold a deployment with its own prefix and namespace, and the settings file that reaches it."""

    settings: Settings
    config: str


@pytest.fixture(scope="session")
def deployment(broker: KafkaBroker, standin: Any, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Return a deployment with topics and tables on the session's broker and stand-in."""
    settings = Settings(
        environment="test",
        kafka=Kafka(bootstrap_servers=broker.bootstrap_servers, prefix="cli.", partitions=2),
        catalog=standin.catalog.model_copy(update={"namespace": "cli"}),
    )
    topics.apply(settings)
    ensure_tables(settings)
    path = tmp_path_factory.mktemp("deployment") / "settings.yaml"
    path.write_text(yaml.safe_dump(record.plain(settings.model_dump())), "utf-8")
    return Deployment(settings, str(path))
