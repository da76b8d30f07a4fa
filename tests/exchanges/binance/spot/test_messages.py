"""Wire structs of Binance spot decode the documented payloads and refuse everything else."""

from __future__ import annotations

from typing import Any

import pytest

from exchanges.binance.spot import messages
from tests.doubles.wire_examples import documented, hold_to_example


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)
