"""The registry finds every component and never skips one silently."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas._registry import load

MODULE = "class _Component:\n    name = {name!r}\n\n\nTHING = _Component()\n"
Package = Callable[[dict[str, str]], str]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Make an importable package of the given modules and return its name."""

    def make(modules: dict[str, str]) -> str:
        name = f"made_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    yield make
    for module in [one for one in sys.modules if one.startswith("made_")]:
        del sys.modules[module]


def test_components_are_found_by_their_own_name(package: Package) -> None:
    """The key is the constant's name, not the module's."""
    name = package({"one": MODULE.format(name="first"), "two": MODULE.format(name="second")})
    assert {key: thing.name for key, thing in load(name, "THING").items()} == {"first": "first", "second": "second"}


def test_underscored_modules_belong_to_the_stage(package: Package) -> None:
    """A helper is not imported as a component, whatever it holds."""
    name = package({"one": MODULE.format(name="first"), "_helper": "raise RuntimeError"})
    assert set(load(name, "THING")) == {"first"}


def test_a_module_without_the_constant_is_refused(package: Package) -> None:
    """The error names the module and both remedies."""
    name = package({"one": "OTHER = 1\n"})
    with pytest.raises(ImportError, match=r"one: it exports no THING; add one or prefix an underscore"):
        load(name, "THING")


def test_a_module_that_fails_to_import_is_not_skipped(package: Package) -> None:
    """An import error of a component is the caller's error."""
    name = package({"good": MODULE.format(name="first"), "one": "import no_such_module\n"})
    with pytest.raises(ImportError, match="no_such_module"):
        load(name, "THING")


def test_two_components_cannot_share_a_name(package: Package) -> None:
    """The second use of a name is refused, and the message says which."""
    name = package({"one": MODULE.format(name="same"), "two": MODULE.format(name="same")})
    with pytest.raises(ImportError, match="'same' is taken"):
        load(name, "THING")
