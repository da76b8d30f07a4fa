"""`cryptoflow query` prints answers in the format asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest


@pytest.mark.stack
def test_formats(cli: Callable[..., Any], deployment: Any) -> None:
    """JSON, CSV and a table on the configured catalog."""
    sql = "SELECT count(*) AS n, 1.50::DECIMAL(38,18) AS d FROM gaps"
    words = ("--config", deployment.config, "query", sql, "--format")
    assert json.loads(cli(*words, "json").stdout) == [{"n": 0, "d": "1.5"}]
    assert cli(*words, "csv").stdout == "n,d\n0,1.5\n"
    assert cli(*words, "table").stdout.splitlines()[0] == "n  d"


@pytest.mark.stack
def test_wrong_sql_is_one_line(error_line: Callable[..., str], deployment: Any) -> None:
    """The answer to a mistake is a line with a hint."""
    assert "SHOW TABLES" in error_line(2, "--config", deployment.config, "query", "SELEC 1")


def test_no_stack_is_one_line(error_line: Callable[..., str]) -> None:
    """Nothing to ask: the line says how to get something."""
    assert "run `cryptoflow demo`" in error_line(2, "query", "SELECT 1")
