"""The declaration of an operator."""

from __future__ import annotations

import dataclasses

import pytest

from agents._operator import Operator
from agents._symbol import operators


def test_an_operator_is_a_value() -> None:
    """It is declared, found through the registry, and cannot be changed."""
    first = operators()[0]
    assert isinstance(first, Operator)
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.stage = 5  # type: ignore[misc]  # that is the point
