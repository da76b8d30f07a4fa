"""`cryptoflow worker` runs what `faust -A cryptoflow worker` runs, on the configured broker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow import worker


def test_without_a_broker_it_does_not_start(error_line: Callable[..., str]) -> None:
    """Production first: no stand-in is chosen."""
    assert "starting worker: kafka.bootstrap_servers is not configured" in error_line(2, "worker")


def test_the_settings_are_handed_on(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker runs in this process."""
    seen: list[str] = []
    monkeypatch.setattr(worker, "run_worker", lambda settings: seen.append(settings.kafka.bootstrap_servers))
    assert cli("worker", CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS="b:1").exit_code == 0
    assert seen == ["b:1"]
