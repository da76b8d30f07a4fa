"""What can go wrong, and what to do now.

    CryptoflowError
    ├── RetryError            do the same again, with back-off
    │   └── BrokerAwayError       the broker does not answer
    ├── ResyncError           start this stream or position over
    └── StopError             a person is needed; the process ends
        ├── ConfigError           a setting is wrong: the text says which and how to mend it
        ├── UnreachableError      a service did not answer or come up in the time given
        ├── HoleError             rows are missing between two records
        ├── IdentityError         topic, cluster or table is not the one positions belong to
        └── RetentionError        the log no longer holds what is needed

Loops read `action`; they never compare classes or text.
"""

from __future__ import annotations

import enum

from typing_extensions import override


class Action(enum.Enum):
    """What a loop does about an error."""

    RETRY = "retry"
    RESYNC = "resync"
    STOP = "stop"


class CryptoflowError(Exception):
    """Be the root of all our errors; `fix` is the remedy in a few words, `action` what to do now."""

    action = Action.STOP

    def __init__(self, text: str, *, fix: str = "") -> None:
        """Keep the text and the fix; the printed error is one line."""
        super().__init__(text)
        self.text = text
        self.fix = fix

    @override
    def __str__(self) -> str:
        """Return one line: what happened, then the fix."""
        return f"{self.text}; {self.fix}" if self.fix else self.text


class RetryError(CryptoflowError):
    """Ask for the same again, with back-off."""

    action = Action.RETRY


class BrokerAwayError(RetryError):
    """Say that the broker does not answer."""


class ResyncError(CryptoflowError):
    """Ask for a stream or a position to be started over."""

    action = Action.RESYNC


class StopError(CryptoflowError):
    """End the process: going on would hide something."""


class ConfigError(StopError):
    """Name a wrong setting and its remedy."""


class UnreachableError(StopError):
    """Say that a service did not answer or come up in the time given."""


class HoleError(StopError):
    """Say that rows are missing between two records of a topic."""


class IdentityError(StopError):
    """Say that a topic, cluster or table is not the one the stored positions belong to."""


class RetentionError(StopError):
    """Say that the log no longer holds the records that are needed."""
