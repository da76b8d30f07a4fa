"""The local stack: a real broker, the S3 Tables stand-in and their supervision, on loopback only.

`LocalStack` is imported on first use, so that the wrapper of child processes stays quick.
"""

from __future__ import annotations

from typing import Any

__all__ = ["LocalStack"]


def __getattr__(name: str) -> Any:
    if name == "LocalStack":
        from cryptoflow.localstack.stack import LocalStack  # noqa: PLC0415 - lazy on purpose

        return LocalStack
    msg = f"module 'cryptoflow.localstack' has no attribute {name!r}"
    raise AttributeError(msg)
