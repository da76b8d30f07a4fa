"""`cryptoflow tail` prints rows as lines or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import confluent_kafka
import pytest


@pytest.mark.stack
def test_rows_up_to_a_limit(cli: Callable[..., Any], deployment: Any) -> None:
    """The limit ends it; JSON is one object a line."""
    kafka = deployment.settings.kafka
    producer = confluent_kafka.Producer(kafka.client())
    for number in range(3):
        producer.produce(kafka.state_topic("all"), str(number), key="k", partition=0)
    assert producer.flush(10) == 0
    words = ("--config", deployment.config, "tail", "state.all", "--from-beginning")
    told = cli(*words, "--limit", "2", "--json")
    assert [json.loads(line)["value"] for line in told.stdout.splitlines()] == ["0", "1"]
    assert cli(*words, "--no-follow").stdout.count("value=") == 3


def test_no_broker_is_one_line(error_line: Callable[..., str]) -> None:
    """Neither configured nor a local stack: the line says so."""
    assert "kafka.bootstrap_servers is not configured" in error_line(2, "tail", "trades")
