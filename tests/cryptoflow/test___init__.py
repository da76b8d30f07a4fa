"""The package offers `app` lazily."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cryptoflow


def test_importing_the_package_builds_no_app() -> None:
    """The CLI starts without Faust: only asking for `app` imports it."""
    script = "import sys, cryptoflow; sys.exit('faust' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    """Lazy lookup hides no typing mistakes."""
    with pytest.raises(AttributeError, match="no_such_thing"):
        cryptoflow.no_such_thing  # noqa: B018 - the lookup itself is under test
