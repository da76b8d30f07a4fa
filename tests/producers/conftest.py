"""Parts that several tests of the producer share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doubles.memory_log import MemoryLog


@pytest.fixture
def memory_log(tmp_path: Path) -> Iterator[MemoryLog]:
    """Return an intake whose log is a list."""
    log = MemoryLog(tmp_path / "spool")
    yield log
    log.close()
