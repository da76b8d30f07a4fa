"""What a demo is asked to do unless told otherwise."""

from __future__ import annotations

import dataclasses

import pytest

from cryptoflow.commands.demo import COMMAND
from cryptoflow.demo.options import MARKETS_DEFAULT, DemoOptions


def test_defaults_are_those_of_the_command() -> None:
    """The help of `cryptoflow demo` says the same as the type."""
    shown = COMMAND.make_context("demo", []).params
    # Markets are three options that together choose one thing: nothing said means the default.
    assert (shown.pop("exchanges"), shown.pop("markets"), shown.pop("listed")) == ((), (), "")
    shown["markets"] = MARKETS_DEFAULT
    assert shown == {field.name: field.default for field in dataclasses.fields(DemoOptions)}


def test_a_run_keeps_what_it_was_asked() -> None:
    """Nothing changes the options of a run on its way."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        DemoOptions().frames = 1  # type: ignore[misc]  # that is the point
