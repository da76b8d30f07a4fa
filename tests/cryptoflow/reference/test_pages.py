"""The pages in docs/reference are those the code gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryptoflow.reference.pages import pages, write

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", ["records.md", "topics.md", "settings.md", "metrics.md", "cli.md"])
def test_the_committed_page_is_fresh(name: str) -> None:
    """A change of records, settings, metrics or commands without `make docs` is seen here."""
    assert (ROOT / "docs" / "reference" / name).read_text("utf-8") == pages()[name], "run `make docs`"


def test_writing_makes_every_page(tmp_path: Path) -> None:
    """The folder is made, and holds exactly the pages."""
    write(tmp_path / "reference")
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "reference").iterdir()}
    assert written == pages()
