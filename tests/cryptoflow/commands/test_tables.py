"""`cryptoflow tables` applies, lists and describes on the real stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas import records


@pytest.mark.stack
def test_apply_list_and_describe(cli: Callable[..., Any], deployment: Any) -> None:
    """All record kinds have a table; a description has its columns with units."""
    applied = json.loads(cli("--config", deployment.config, "tables", "apply", "--json").stdout)
    assert {row["name"] for row in applied} == set(records())
    assert not any(row["created"] for row in applied)
    listed = cli("--config", deployment.config, "tables", "list")
    assert listed.exit_code == 0
    assert "quotes" in listed.stdout
    described = json.loads(cli("--config", deployment.config, "tables", "describe", "quotes", "--json").stdout)
    units = {column["name"]: column["unit"] for column in described["columns"]}
    assert units["bid_price"] == "quote per base"
    assert "bid_price" in cli("--config", deployment.config, "tables", "describe", "quotes").stdout


def test_an_unknown_table_is_one_line(error_line: Callable[..., str]) -> None:
    """The error lists those that exist."""
    assert "there is no such table; one of bars" in error_line(2, "tables", "describe", "nowhere")


def test_no_stack_is_one_line(error_line: Callable[..., str]) -> None:
    """Without a catalog and a data directory there is nothing to list."""
    assert "no local stack has run on var/local" in error_line(2, "tables", "list")
