"""`cryptoflow up` starts the stack in the foreground or detached."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryptoflow.localstack import lifecycle


def test_the_folder_and_the_way_are_handed_on(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting gives the folder unless one is named; --detach prints what the child said."""
    seen: list[tuple[str, Path]] = []
    monkeypatch.setattr(lifecycle, "serve", lambda folder, *_: seen.append(("serve", folder)))
    monkeypatch.setattr(lifecycle, "start_detached", lambda folder, _: seen.append(("detach", folder)) or "ready: x")
    assert cli("up").exit_code == 0
    assert cli("up", "--detach", "--data-dir", "d").stdout == "ready: x\n"
    assert seen == [("serve", Path("var/local")), ("detach", Path("d"))]


def test_a_directory_in_use_is_one_line(error_line: Callable[..., str], tmp_path: Path) -> None:
    """The lock's owner is not disturbed."""
    import fcntl

    with (tmp_path / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another local stack runs on it" in error_line(2, "up", "--data-dir", str(tmp_path))
