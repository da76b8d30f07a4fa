"""`cryptoflow replicas` changes how many producers share the symbols, and says who followed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from cryptoflow.config import Kafka, Settings
from cryptoflow.localstack.mockbroker import serve
from producers import _controls as controls
from producers._orders import Settled

WHERE = ("--exchange", "okx", "--market", "swap")


@pytest.fixture
def where() -> dict[str, str]:
    """Point at a mock broker that has the topic of counts."""
    kafka = Kafka(prefix=f"r{uuid.uuid4().hex[:6]}.")
    servers = serve({kafka.control_topic("replicas"): 1})
    return {"CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS": servers, "CRYPTOFLOW_KAFKA__PREFIX": kafka.prefix}


def settle(where: dict[str, str], order: dict[str, Any], *replicas: str) -> None:
    """Say for replicas that they follow an order."""
    kafka = Kafka(
        prefix=where["CRYPTOFLOW_KAFKA__PREFIX"], bootstrap_servers=where["CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS"]
    )
    values = {
        f"okx.swap#{one}": msgspec.json.encode(Settled(one, order["count"], order["at_ns"], 1)) for one in replicas
    }
    controls.write(Settings(kafka=kafka), "replicas", values)


def test_a_count_is_ordered_and_followed(cli: Callable[..., Any], where: dict[str, str]) -> None:
    """What was ordered and who settled is shown; waiting ends when all did."""
    assert json.loads(cli("replicas", "--json", **where).stdout) == []
    (order,) = json.loads(cli("replicas", "3", *WHERE, "--from", "2", "--json", **where).stdout)
    assert (order["count"], order["previous"], order["settled"], order["unsettled"]) == (3, 2, [], [0, 1, 2])
    settle(where, order, "0", "1")
    shown = cli("replicas", **where).stdout.splitlines()
    assert shown[1].split()[:5] == ["okx.swap", "3", "2", "0,", "1"]
    settle(where, order, "2")
    assert cli("replicas", "--wait", "5", **where).exit_code == 0
    (order,) = json.loads(cli("replicas", "2", *WHERE, "--json", **where).stdout)
    assert (order["count"], order["previous"]) == (2, 3)


def test_who_does_not_follow_is_named(error_line: Callable[..., str], where: dict[str, str]) -> None:
    """Waiting ends with 3; a further order waits for the one before."""
    line = error_line(3, "replicas", "2", *WHERE, "--wait", "0.1", **where)
    assert "okx.swap not settled within 0.1 s" in line
    assert "replica 0, 1 still follows" in error_line(2, "replicas", "3", *WHERE, **where)


def test_feeds_have_counts_of_their_own(cli: Callable[..., Any], where: dict[str, str]) -> None:
    """The label stands in front."""
    (order,) = json.loads(cli("replicas", "4", *WHERE, "--feed", "b", "--force", "--json", **where).stdout)
    assert (order["feed"], order["count"], order["previous"]) == ("b", 4, 1)
    assert cli("replicas", **where).stdout.splitlines()[1].startswith("b/okx.swap")


def test_nothing_is_asked_of_nobody(error_line: Callable[..., str]) -> None:
    """A broker has to be configured; a count is above 0."""
    assert "kafka.bootstrap_servers is not configured" in error_line(2, "replicas", "2")
    assert "0 is not in the range" in error_line(2, "replicas", "0")
