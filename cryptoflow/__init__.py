"""The spine: app, CLI, configuration, errors, events, local stack, simulator.

`app` is built on first use, so that importing the package does not build a Faust app.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "app":
        from cryptoflow import worker  # noqa: PLC0415 - lazy on purpose

        return worker.app()
    msg = f"module 'cryptoflow' has no attribute {name!r}"
    raise AttributeError(msg)
