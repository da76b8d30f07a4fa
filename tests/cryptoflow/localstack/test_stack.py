"""The stack is one unit: one directory, one lock, and settings that reach its parts."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptoflow import tables, topics
from cryptoflow.config import Kafka, Settings, load
from cryptoflow.errors import ConfigError
from cryptoflow.localstack import LocalStack, record
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.stack import merge
from cryptoflow.localstack.standin import StandIn
from cryptoflow.tables import list_tables


@pytest.mark.stack
def test_a_stack_with_the_mock_broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Java the mock is used and said; a second stack is refused; nothing runs after the end."""
    monkeypatch.setattr(jars, "java_version", lambda: 0)
    with LocalStack(tmp_path, kafka={"partitions": 3}) as stack:
        assert "mock broker in use (Java 17 is needed, none was found)" in stack.warning
        assert stack.settings.environment == "local"
        assert all(table.exists for table in list_tables(stack.settings))
        assert load(stack.environment()["CRYPTOFLOW_CONFIG"]) == stack.settings
        running = record.read(tmp_path)
        assert running is not None
        assert set(running.children) == {"standin", "mockbroker"}
        with pytest.raises(ConfigError, match="another local stack runs on it; `cryptoflow down` stops it"):
            LocalStack(tmp_path).start()
        assert record.read(tmp_path) is not None
        children = list(stack.supervisor.children)
    assert not any(child.alive() for child in children)
    assert record.read(tmp_path) is None
    with LocalStack(tmp_path).tables_only() as settings:
        assert all(table.exists for table in list_tables(settings))


def test_a_broker_that_must_be_kafka_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`local.broker: kafka` fails where Java is missing, and leaves nothing running and no lock."""
    monkeypatch.setattr(jars, "java_version", lambda: 0)
    stack = LocalStack(tmp_path, local={"broker": "kafka"})
    with pytest.raises(ConfigError, match="starting the broker: Java 17 is needed"):
        stack.start()
    assert stack.supervisor.children == []
    with LocalStack(tmp_path).tables_only():
        pass


def test_a_broker_of_production_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test data beside real data needs an explicit switch; without it nothing is started or asked."""
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(StandIn, "start", lambda _: {})
    used: list[str] = []
    monkeypatch.setattr(topics, "apply", lambda settings: used.append(settings.kafka.bootstrap_servers))
    monkeypatch.setattr(tables, "ensure_tables", lambda _: None)
    with pytest.raises(ConfigError, match=r"configured, 127\.0\.0\.1:1, is one of production; set env"):
        LocalStack(tmp_path).start()
    assert not used
    monkeypatch.setenv("CRYPTOFLOW_ENVIRONMENT", "test")
    with LocalStack(tmp_path) as stack:
        assert stack.settings.environment == "local"
    assert used == ["127.0.0.1:1"]


def test_overrides_replace_fields_and_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other fields stay, a wrong value is refused, and the environment does not win."""
    monkeypatch.setenv("CRYPTOFLOW_KAFKA__PARTITIONS", "9")
    settings = Settings.model_construct(kafka=Kafka(prefix="p.", partitions=2))
    merged = merge(settings, {"kafka": {"partitions": 3}})
    assert (merged.kafka.prefix, merged.kafka.partitions) == ("p.", 3)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        merge(settings, {"kafka": {"partitions": 0}})
