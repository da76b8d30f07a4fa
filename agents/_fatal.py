"""End the process at once: unwinding through Faust would acknowledge what was not done."""

from __future__ import annotations

import logging
import os
import sys
from typing import NoReturn

from cryptoflow.errors import CryptoflowError
from cryptoflow.events import FatalError

EXIT_FATAL = 70
"""The exit code of a process that ended itself (EX_SOFTWARE)."""


def die(role: str, error: BaseException) -> NoReturn:
    """Say why in one line, with a trace where it is a bug, and end without any clean-up."""
    told = isinstance(error, CryptoflowError)
    if not told:
        logging.getLogger("cryptoflow").error("unexpected %s", type(error).__name__, exc_info=error)
    FatalError(role=role, error=str(error) if told else repr(error)).emit()
    for handler in (*logging.getLogger("cryptoflow").handlers, *logging.root.handlers):
        handler.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(EXIT_FATAL)
