"""Wire structs of Bybit decode the documented payloads and refuse everything else."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from exchanges.bybit import messages
from tests.doubles.wire_examples import documented, hold_to_example, payload


@pytest.mark.parametrize("struct", documented(messages))
def test_the_documented_examples(struct: Any) -> None:
    """They are read; a required field that is missing or of another type is refused, one that is added skipped."""
    hold_to_example(struct)


@pytest.mark.parametrize("number", [-1, 2**63 - 1, "5", 1.5])
def test_update_ids_fit_a_column(number: object) -> None:
    """An id below zero, above int64 or that is no whole number is refused."""
    body = {**msgspec.json.decode(payload(messages.BookData)), "u": number}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=messages.BookData)
