"""The page of settings names every key, its variable, bounds and default."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr

from cryptoflow.config import Settings
from cryptoflow.reference.settings import setting_fields, settings_page


class Inner(BaseModel):
    """Stand for a section."""

    size_bytes: int = Field(8, ge=1, lt=100, description="size [bytes]")
    mode: Literal["a", "b"] = Field("a", description="which")


class Outer(BaseModel):
    """Stand for the settings."""

    inner: Inner = Field(default_factory=Inner)
    password: SecretStr = Field(SecretStr("hidden"), description="secret")


def test_fields_are_walked_to_their_leaves() -> None:
    """Sections are opened, and leaves keep their dotted path."""
    assert [path for path, _ in setting_fields(Outer)] == ["inner.size_bytes", "inner.mode", "password"]


def test_every_setting_is_on_the_page_with_its_variable() -> None:
    """Whoever looks for a key or for its environment variable finds it."""
    page = settings_page()
    for path, info in setting_fields(Settings):
        assert f"`CRYPTOFLOW_{path.upper().replace('.', '__')}`" in page
        assert (info.description or "").replace("|", "\\|") in page


def test_bounds_are_said() -> None:
    """The bounds of the type are the bounds of the page."""
    line = next(line for line in settings_page().splitlines() if line.startswith("| `partitions`"))
    assert "≥ 1, ≤ 4096" in line
    assert "`8`" in line
