"""Topics are created with one partition count, mended, and never repartitioned."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # exported without saying so

from cryptoflow import clock, topics
from cryptoflow.config import Kafka, Settings
from cryptoflow.errors import BrokerAwayError, ConfigError, IdentityError
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.ports import free_port


def settings_of(broker: KafkaBroker, prefix: str, **kafka: Any) -> Settings:
    """Return settings with topics of their own."""
    return Settings(kafka=Kafka(bootstrap_servers=broker.bootstrap_servers, prefix=prefix, partitions=3, **kafka))


def test_all_topics_are_declared() -> None:
    """Raw per exchange, every md topic, compacted state and control; raw and md share one count."""
    specs = {spec.name: spec for spec in topics.specs(Settings(kafka=Kafka(prefix="p.", partitions=5)))}
    assert {"p.raw.binance", "p.md.trades", "p.md.book", "p.md.gaps", "p.state.all", "p.control.reseed"} <= set(specs)
    assert {spec.partitions for name, spec in specs.items() if "control" not in name} == {5}
    assert specs["p.control.reseed"].partitions == 1
    assert specs["p.state.all"].settings["cleanup.policy"] == "compact"
    assert specs["p.raw.binance"].settings["retention.ms"] == str(168 * 3_600_000)


@pytest.mark.stack
def test_apply_creates_then_mends_settings(broker: KafkaBroker) -> None:
    """The first run creates, the second finds all well, a new retention changes what it concerns."""
    first, second = settings_of(broker, "t1."), settings_of(broker, "t1.", md_retention_hours=5)
    assert {each.state for each in topics.listed(first)} == {"missing"}
    assert {each.state for each in topics.apply(first)} == {"created"}
    assert {each.state for each in topics.apply(first)} == {"ok"}
    drifted = {each.name for each in topics.listed(second) if each.state == "different"}
    assert drifted == {each.name for each in topics.apply(second) if each.state == "changed"}
    assert "t1.md.trades" in drifted
    assert "t1.raw.binance" not in drifted
    deadline = clock.monotonic_s() + 10  # the broker takes new settings a moment after it has answered
    while {each.state for each in topics.listed(second)} != {"ok"}:
        assert clock.monotonic_s() < deadline


@pytest.mark.stack
def test_apply_refuses_another_partition_count_before_touching_anything(broker: KafkaBroker) -> None:
    """Keys and positions depend on the count, so nothing is created when one topic differs."""
    settings = settings_of(broker, "t2.")
    admin = AdminClient(settings.kafka.client())
    admin.create_topics([NewTopic("t2.md.trades", 7, 1)])["t2.md.trades"].result(10)
    with pytest.raises(IdentityError, match=r"t2\.md\.trades has 7 partitions.*asks for 3"):
        topics.apply(settings)
    states = {each.name: each for each in topics.listed(settings)}
    assert states["t2.raw.binance"].state == "missing"
    assert states["t2.md.trades"].detail == "7 partitions, not 3"


def test_no_broker_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not configured and not answering are two errors."""
    with pytest.raises(ConfigError, match="not set"):
        topics.apply(Settings())
    monkeypatch.setattr(topics, "_TIMEOUT_S", 0.5)
    with pytest.raises(BrokerAwayError, match="reaching the broker"):
        topics.apply(Settings(kafka=Kafka(bootstrap_servers=f"127.0.0.1:{free_port()}")))
