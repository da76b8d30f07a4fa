"""`cryptoflow doctor` prints its findings and ends with their code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow.localstack.ports import free_port


def test_a_fresh_installation_is_well(cli: Callable[..., Any]) -> None:
    """Nothing configured is no fault."""
    told = cli("doctor")
    assert told.exit_code == 0, told.output
    assert "broker" in told.stdout
    assert {"name", "state", "detail", "fix"} == set(json.loads(cli("doctor", "--json").stdout)[0])


def test_an_unreachable_broker_ends_with_3(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is configured and does not answer is found."""
    monkeypatch.setattr("cryptoflow.topics._TIMEOUT_S", 0.5)
    servers = f"127.0.0.1:{free_port()}"
    told = cli("doctor", CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS=servers, CRYPTOFLOW_ENVIRONMENT="test")
    assert told.exit_code == 3, told.output
