"""Named points at which a fault test ends, pauses or slows a process; inert in production.

`CRYPTOFLOW_FAILPOINT=name:nth[:kill|stop|raise]` acts at the nth time the point is reached, and only when
CRYPTOFLOW_ENVIRONMENT is `test` or `local`.
"""

from __future__ import annotations

import os
import signal
from collections import Counter

_ENVIRONMENTS = ("test", "local")
_reached: Counter[str] = Counter()


def _armed() -> tuple[str, int, str] | None:
    text = os.environ.get("CRYPTOFLOW_FAILPOINT", "")
    if not text or os.environ.get("CRYPTOFLOW_ENVIRONMENT") not in _ENVIRONMENTS:
        return None
    name, nth, *action = text.split(":")
    return name, int(nth), action[0] if action else "kill"


_ARMED = _armed()


class FailPointError(Exception):
    """Be what an armed point with the action `raise` raises."""


def fail_point(name: str) -> None:
    """Die (SIGKILL), pause (SIGSTOP) or raise here when this point is armed for this occurrence."""
    if _ARMED is None or _ARMED[0] != name:
        return
    _reached[name] += 1
    if _reached[name] != _ARMED[1]:
        return
    if _ARMED[2] == "raise":
        raise FailPointError(name)
    os.kill(os.getpid(), signal.SIGSTOP if _ARMED[2] == "stop" else signal.SIGKILL)
