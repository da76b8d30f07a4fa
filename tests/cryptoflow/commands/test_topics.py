"""`cryptoflow topics` applies and lists on the real broker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.stack
def test_apply_and_list(cli: Callable[..., Any], deployment: Any) -> None:
    """A deployment that is right stays as it is; JSON and table say the same."""
    applied = cli("--config", deployment.config, "topics", "apply", "--json")
    assert {row["state"] for row in json.loads(applied.stdout)} == {"ok"}
    listed = cli("--config", deployment.config, "topics", "list")
    assert listed.exit_code == 0
    assert "cli.md.trades" in listed.stdout


@pytest.mark.stack
def test_another_partition_count_is_one_line(error_line: Callable[..., str], deployment: Any) -> None:
    """Data would be reordered, so the command stops with 4."""
    line = error_line(4, "--config", deployment.config, "topics", "apply", CRYPTOFLOW_KAFKA__PARTITIONS="5")
    assert "has 2 partitions, kafka.partitions asks for 5" in line


def test_no_broker_is_one_line(error_line: Callable[..., str]) -> None:
    """The fix is named."""
    assert "kafka.bootstrap_servers is not set" in error_line(2, "topics", "apply")
