"""Errors say what to do now, in one line, and form one tree."""

from __future__ import annotations

import inspect

import pytest

from cryptoflow import errors
from cryptoflow.errors import Action, ConfigError, CryptoflowError

TREE = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, CryptoflowError)]
ANSWERS = {
    errors.RetryError: Action.RETRY,
    errors.BrokerAwayError: Action.RETRY,
    errors.ResyncError: Action.RESYNC,
    errors.StopError: Action.STOP,
    errors.HoleError: Action.STOP,
    errors.IdentityError: Action.STOP,
    errors.RetentionError: Action.STOP,
}


@pytest.mark.parametrize("kind", TREE)
def test_the_tree_in_the_docstring_is_complete(kind: type[CryptoflowError]) -> None:
    """Every error type stands in the tree that the module's docstring draws."""
    assert kind.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(("kind", "action"), ANSWERS.items())
def test_an_error_says_what_to_do(kind: type[CryptoflowError], action: Action) -> None:
    """Loops read `action`: what is retried, what starts over, what stops."""
    assert kind("reading").action is action


def test_an_unknown_kind_of_error_stops() -> None:
    """An error that declares nothing ends the process: the safe answer is the default."""
    assert CryptoflowError("reading").action is Action.STOP


def test_an_error_prints_as_one_line_with_its_fix() -> None:
    """The text comes first, then what mends it."""
    error = ConfigError("reading a.yaml: no such file", fix="give an existing file")
    assert str(error) == "reading a.yaml: no such file; give an existing file"
    assert (error.text, error.fix) == ("reading a.yaml: no such file", "give an existing file")


def test_an_error_without_a_fix_prints_its_text_alone() -> None:
    """No dangling separator."""
    assert str(ConfigError("reading a.yaml")) == "reading a.yaml"
