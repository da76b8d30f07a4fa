"""All reference pages: in memory for the test that they are fresh, in files for readers."""

from __future__ import annotations

import sys
from pathlib import Path

from cryptoflow.reference.commands import cli_page
from cryptoflow.reference.metrics import metrics_page
from cryptoflow.reference.records import records_page, topics_page
from cryptoflow.reference.settings import settings_page


def pages() -> dict[str, str]:
    """Return every reference page by file name."""
    return {
        "records.md": records_page(),
        "topics.md": topics_page(),
        "settings.md": settings_page(),
        "metrics.md": metrics_page(),
        "cli.md": cli_page(),
    }


def write(folder: Path) -> None:
    """Write every page into a folder, which is created."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
