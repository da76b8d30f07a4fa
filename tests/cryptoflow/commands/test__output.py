"""Output is aligned for people and JSON for programs."""

from __future__ import annotations

import json

import pytest

from cryptoflow.commands import _output


def test_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are as wide as their widest cell; lines have no blanks at their end."""
    _output.say_table(("a", "b"), [("long", 1), ("x", None)])
    assert capsys.readouterr().out == "a     b\nlong  1\nx     None\n"


def test_json_takes_any_value(capsys: pytest.CaptureFixture[str]) -> None:
    """What JSON has no form for becomes text."""
    _output.say_json({"a": {1}})
    assert json.loads(capsys.readouterr().out) == {"a": "{1}"}


def test_errors_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """The program's name comes first."""
    _output.say_error("oh")
    assert capsys.readouterr().err == "cryptoflow: oh\n"
