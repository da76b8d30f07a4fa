"""The spine's registry is the one of schemas; see tests/schemas/test__registry.py."""

from __future__ import annotations

from cryptoflow import registry
from schemas import _registry, records


def test_the_registry_is_one_function() -> None:
    """The spine re-exports the same loader, so discovery cannot differ between stages."""
    assert registry.load is _registry.load
    assert registry.load("schemas", "RECORD") == records()
