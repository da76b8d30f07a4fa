"""A command speaks to the configured deployment, or to the local stack that runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cryptoflow.commands._running import running_settings
from cryptoflow.config import Kafka, Settings
from cryptoflow.errors import ConfigError
from cryptoflow.localstack import record


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Leave the record of a stack that runs: this process."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS", raising=False)
    folder = tmp_path / "var" / "one"
    folder.mkdir(parents=True)
    settings = Settings(environment="test", kafka=Kafka(bootstrap_servers="127.0.0.1:7", prefix="local."))
    record.write(folder, record.StackRecord(os.getpid(), {}, settings))
    return folder


def test_the_configured_broker_is_meant(stack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a folder is named."""
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:9")
    assert running_settings(None, "asking").kafka.bootstrap_servers == "127.0.0.1:9"
    assert running_settings(str(stack), "asking").kafka.prefix == "local."


def test_without_one_the_local_stack_is_meant(stack: Path) -> None:
    """Nothing else is guessed: without a stack the line names the remedy."""
    assert running_settings(str(stack), "asking").kafka.bootstrap_servers == "127.0.0.1:7"
    record.remove(stack)
    with pytest.raises(ConfigError, match="bootstrap_servers is not configured"):
        running_settings(str(stack), "asking")
