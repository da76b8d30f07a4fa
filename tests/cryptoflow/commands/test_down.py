"""`cryptoflow down` says what it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow.localstack import lifecycle


def test_nothing_running_is_no_error(cli: Callable[..., Any]) -> None:
    """It may be called at any time."""
    told = cli("down")
    assert (told.exit_code, told.stdout) == (0, "no local stack runs on var/local\n")


def test_what_was_stopped_is_said(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is named."""
    monkeypatch.setattr(lifecycle, "stop", lambda _: True)
    assert cli("down", "--data-dir", "d").stdout == "stopped the local stack on d\n"
