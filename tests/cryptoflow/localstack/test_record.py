"""The record of a running stack tells the truth, also when the stack died."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from cryptoflow.config import Kafka, Local, Settings, load
from cryptoflow.localstack import record


def test_a_running_stack_is_found_with_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings come back as written, whatever the environment says."""
    settings = Settings(environment="local", kafka=Kafka(bootstrap_servers="127.0.0.1:1", partitions=3))
    record.write(tmp_path, record.StackRecord(os.getpid(), {"broker": 7}, settings, "careful"))
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS", "elsewhere:9092")
    found = record.read(tmp_path)
    assert found is not None
    assert found.settings == settings
    assert (found.children, found.warning) == ({"broker": 7}, "careful")
    monkeypatch.delenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS")
    assert load(str(record.config_path(tmp_path))) == settings


def test_a_stack_that_died_does_not_run(tmp_path: Path) -> None:
    """A process id that is gone, or belongs to another process now, is no running stack."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    record.write(tmp_path, record.StackRecord(ended.pid, {}, Settings()))
    assert record.read(tmp_path) is None
    record.write(tmp_path, record.StackRecord(os.getpid(), {}, Settings()))
    told = json.loads((tmp_path / "stack.json").read_text("utf-8"))
    (tmp_path / "stack.json").write_text(json.dumps({**told, "started": "1"}), "utf-8")
    assert record.read(tmp_path) is None
    assert record.saved_settings(tmp_path) == Settings()


def test_where_processes_serve_their_health_is_known_while_the_stack_runs(tmp_path: Path) -> None:
    """Afterwards another process may listen there."""
    record.write_health(tmp_path, {"producer": "http://127.0.0.1:5"})
    assert record.health(tmp_path) == {}
    record.write(tmp_path, record.StackRecord(os.getpid(), {}, Settings()))
    assert record.health(tmp_path) == {"producer": "http://127.0.0.1:5"}
    record.remove(tmp_path)
    record.write(tmp_path, record.StackRecord(os.getpid(), {}, Settings()))
    assert record.health(tmp_path) == {}


def test_nothing_recorded_is_nothing(tmp_path: Path) -> None:
    """An empty folder has no stack; a half-written record is none either."""
    assert record.read(tmp_path) is None
    assert record.saved_settings(tmp_path) is None
    (tmp_path / "stack.json").write_text("{", "utf-8")
    assert record.read(tmp_path) is None


def test_the_newest_directory_is_meant_when_none_is_named(tmp_path: Path) -> None:
    """A demo's folder is found without naming it; a chosen one and the usual one come first."""
    settings = Settings(local=Local(data_dir=str(tmp_path / "local")))
    assert record.folder(settings, None) == tmp_path / "local"
    for name, at in (("demo-1", 1000), ("demo-2", 2000)):
        (tmp_path / name).mkdir()
        record.config_path(tmp_path / name).touch()
        os.utime(record.config_path(tmp_path / name), (at, at))
    assert record.folder(settings, None) == tmp_path / "demo-2"
    assert record.folder(settings, tmp_path / "demo-1") == tmp_path / "demo-1"
