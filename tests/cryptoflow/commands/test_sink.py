"""`cryptoflow sink` runs a sink by name on the configured broker and catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cryptoflow import registry
from sinks._sink import SinkComponent, SinkFacts

BROKER = {"CRYPTOFLOW_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        ((), {}, "starting sink: kafka.bootstrap_servers is not configured"),
        ((), BROKER, "starting sink: catalog.warehouse is not configured"),
        (("nowhere",), {}, "there is no such sink; one of iceberg"),
        (("iceberg",), {"CRYPTOFLOW_SINKS__ENABLED": "[]"}, "it is switched off; add it to sinks.enabled"),
    ],
)
def test_what_is_missing_is_one_line(
    error_line: Callable[..., str], words: tuple[str, ...], environment: dict[str, str], expected: str
) -> None:
    """Production first: neither broker nor catalog is guessed."""
    assert expected in error_line(2, "sink", *words, **environment)


def test_the_sink_runs_and_tells_its_health(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The component gets settings, a stop and somebody to tell."""
    seen: list[str] = []

    class Fake(SinkComponent):
        def run(self, settings: Any, stop: Any, facts: Any = None) -> None:  # type: ignore[explicit-override]  # a double
            assert not stop.is_set()
            facts(SinkFacts(live=True, ready=True))
            seen.append(settings.catalog.warehouse)

    monkeypatch.setattr(registry, "load", lambda *_: {"iceberg": Fake("iceberg", lambda _: None)})  # type: ignore[arg-type,return-value]  # never built
    assert cli("sink", **BROKER, CRYPTOFLOW_CATALOG__WAREHOUSE="w").exit_code == 0
    assert seen == ["w"]
