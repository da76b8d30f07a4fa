"""`cryptoflow config` shows every setting and checks them together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_show_prints_every_setting(cli: Callable[..., Any]) -> None:
    """The table has all settings; --changed only those that are not at their default."""
    full = cli("config", "show")
    assert full.exit_code == 0
    assert "kafka.partitions" in full.stdout
    changed = cli("config", "show", "--changed", "--json", CRYPTOFLOW_KAFKA__PARTITIONS="3")
    [row] = json.loads(changed.stdout)
    assert (row["name"], row["value"], row["origin"]) == ("kafka.partitions", "3", "environment")


def test_a_secret_is_never_printed(cli: Callable[..., Any]) -> None:
    """A password in the environment comes out as stars."""
    told = cli("config", "show", "--json", CRYPTOFLOW_KAFKA__SASL_PASSWORD="hush")
    assert "hush" not in told.output
    assert "********" in told.output


def test_check_names_each_problem_in_a_line(cli: Callable[..., Any]) -> None:
    """Production without broker and catalog has two problems and exit code 2."""
    told = cli("config", "check")
    assert told.exit_code == 2
    assert told.stderr.count("\n") == 2
    assert told.stdout == ""


def test_check_is_content_with_right_settings(cli: Callable[..., Any], tmp_path: Path) -> None:
    """A configuration without problems ends with 0."""
    (tmp_path / "c.yaml").write_text("environment: test\n", "utf-8")
    assert cli("--config", "c.yaml", "config", "check").exit_code == 0
