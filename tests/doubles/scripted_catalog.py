"""A catalog that answers a commit as a script says, over a real SQL catalog with real compare-and-swap.

Each commit request takes one outcome from the script; an empty script answers cleanly. It imitates
what reaches the client. It cannot imitate throttling over time, nor a catalog that loses a commit
after answering 200.
"""

from __future__ import annotations

import contextlib
import enum
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import requests
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    ServiceUnavailableError,
    TooManyRequestsError,
)
from pyiceberg.table import CommitTableResponse, Table
from typing_extensions import override


class Outcome(enum.Enum):
    """What a commit request meets; `landed` tells whether it took effect."""

    OK = "ok"
    CONFLICT = "409"
    CONFLICT_LANDED = "409 but landed"
    ERROR_500 = "500"
    ERROR_500_LANDED = "500 landed"
    ERROR_502 = "502"
    ERROR_502_LANDED = "502 landed"
    ERROR_503 = "503"
    ERROR_503_LANDED = "503 landed"
    ERROR_504 = "504"
    ERROR_504_LANDED = "504 landed"
    RESET = "connection reset"
    RESET_LANDED = "connection reset landed"
    TIMEOUT = "timeout"
    TIMEOUT_LANDED = "timeout landed"
    TIMEOUT_LANDS_LATER = "timeout, lands with the next request"
    WRONG_BODY_LANDED = "200 with a wrong body"
    THROTTLED = "429"
    FOREIGN_FIRST = "another writer commits just before"

    @property
    def landed(self) -> bool:
        """Tell whether the request takes effect before the answer."""
        return self.name.endswith("_LANDED")

    def error(self) -> Exception:
        """Return what the client sees."""
        kind = self.name.removesuffix("_LANDED")
        errors: dict[str, Exception] = {
            "CONFLICT": CommitFailedException("Requirement failed: branch main has changed"),
            "ERROR_503": ServiceUnavailableError("503"),
            "RESET": requests.ConnectionError("connection reset by peer"),
            "TIMEOUT": requests.Timeout("read timed out"),
            "TIMEOUT_LANDS_LATER": requests.Timeout("read timed out"),
            "WRONG_BODY": ValueError("1 validation error for CommitTableResponse"),
            "THROTTLED": TooManyRequestsError("429"),
        }
        return errors.get(kind, CommitStateUnknownException(kind))


class ScriptedCatalog(SqlCatalog):
    """Answer commits by script; `foreign` is called before a commit that meets FOREIGN_FIRST."""

    def __init__(self, name: str, **properties: str) -> None:
        """Start with an empty script."""
        super().__init__(name, **properties)
        self.script: deque[Outcome] = deque()
        self.foreign: Callable[[], None] = lambda: None
        self.requests = 0
        self._late: list[Callable[[], Any]] = []
        self._inside = False

    @override
    def commit_table(self, table: Table, requirements: Any, updates: Any) -> CommitTableResponse:
        """Do what the next outcome says."""
        if self._inside:
            return super().commit_table(table, requirements, updates)
        self.requests += 1
        outcome = self.script.popleft() if self.script else Outcome.OK
        late, self._late = self._late, []
        for act in late:
            with contextlib.suppress(Exception):  # a late request may be refused like any other
                act()

        def apply() -> CommitTableResponse:
            return super(ScriptedCatalog, self).commit_table(table, requirements, updates)

        if outcome is Outcome.FOREIGN_FIRST:
            self._inside = True
            try:
                self.foreign()
            finally:
                self._inside = False
            return apply()
        if outcome is Outcome.OK:
            return apply()
        if outcome is Outcome.TIMEOUT_LANDS_LATER:
            self._late.append(apply)
        if outcome.landed:
            apply()
        raise outcome.error()


def random_script(rng: random.Random, longest: int) -> list[Outcome]:
    """Draw a script of 1 to `longest` outcomes, each kind as likely as any other."""
    return [rng.choice(list(Outcome)) for _ in range(rng.randint(1, longest))]
