"""The real parts, started once per test session on free loopback ports."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings

from cryptoflow.config import Catalog
from cryptoflow.localstack.broker import KafkaBroker
from cryptoflow.localstack.maven import jars
from cryptoflow.localstack.standin import StandIn
from cryptoflow.localstack.supervise import Supervisor

# A busy machine is no failure, so no example has a deadline. Tests try the same examples each time, so a
# failure is that of the change at hand; `make fuzz` tries many more, and others each time.
settings.register_profile("tests", deadline=None, print_blob=True, derandomize=True, database=None)
settings.register_profile(
    "fuzz",
    deadline=None,
    print_blob=True,
    max_examples=int(os.environ.get("CRYPTOFLOW_TEST_FUZZ_EXAMPLES", "1000")),
)
settings.load_profile("tests")


# First, because the workers read the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all tests with real parts to one worker: they share a broker, and two at once would starve each other."""
    for item in items:
        if item.get_closest_marker("stack"):
            item.add_marker(pytest.mark.xdist_group("stack"))


@dataclass(frozen=True)
class RunningStandIn:
    """Hold the running stand-in and how to reach it."""

    part: StandIn
    values: dict[str, Any]
    catalog: Catalog


@pytest.fixture(scope="session")
def supervisor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """Own all parts of the session; everything is stopped at its end."""
    owner = Supervisor(tmp_path_factory.mktemp("stack-logs"))
    yield owner
    owner.stop()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, supervisor: Supervisor) -> KafkaBroker:
    """Return a real Kafka broker: `broker.bootstrap_servers`. It is shared, so use topics of your own."""
    reason = jars.missing()
    if reason:
        pytest.skip(reason)
    part = KafkaBroker(tmp_path_factory.mktemp("kafka"), supervisor)
    part.start()
    return part


@pytest.fixture(scope="session")
def standin(tmp_path_factory: pytest.TempPathFactory, supervisor: Supervisor) -> RunningStandIn:
    """Return the S3 Tables stand-in: `standin.catalog` is the settings section. Use a namespace of your own."""
    if importlib.util.find_spec("ministack") is None:
        pytest.skip("ministack is not installed")
    part = StandIn(tmp_path_factory.mktemp("standin"), supervisor)
    values = part.start()
    return RunningStandIn(part, values, Catalog.model_validate(values))
