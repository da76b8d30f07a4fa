"""`cryptoflow verify` ends with 1 when anything is wrong."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.verify import Report


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Report:
    """Let the comparison find what this report says."""
    found = Report()

    @contextlib.contextmanager
    def reachable(settings: Any, _: Path) -> Iterator[Any]:
        yield settings

    monkeypatch.setattr("cryptoflow.query.reachable", reachable)
    monkeypatch.setattr("cryptoflow.verify.verify", lambda *_: found)
    return found


def test_clean_is_0_and_anything_else_1(cli: Callable[..., Any], report: Report) -> None:
    """The report is printed either way."""
    clean = cli("verify", "--data-dir", ".")
    assert clean.exit_code == 0
    assert clean.stdout.endswith("clean\n")
    report.fail("lost", "a trade")
    wrong = cli("verify", "--data-dir", ".", "--json")
    assert wrong.exit_code == 1
    assert json.loads(wrong.stdout)["lost"] == 1


def test_a_folder_without_a_run_is_one_line(error_line: Callable[..., str], tmp_path: Path) -> None:
    """Nothing to verify is a wrong call, not a clean result."""
    assert "no local stack has run" in error_line(2, "verify", "--data-dir", str(tmp_path))
