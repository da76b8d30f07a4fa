"""The package offers LocalStack lazily, so that child processes start quickly."""

from __future__ import annotations

import pytest

from cryptoflow import localstack
from cryptoflow.localstack.stack import LocalStack


def test_the_stack_is_found_on_first_use() -> None:
    """The name leads to the class; another name is an attribute error."""
    assert localstack.LocalStack is LocalStack
    with pytest.raises(AttributeError, match="no_such_thing"):
        localstack.no_such_thing  # noqa: B018 - the lookup itself is under test
