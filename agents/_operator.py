"""What an operator is: a pure step over one frame of one symbol, and a quick way over quiet runs.

An operator sees the frames of one symbol in log order and keeps one struct of state per symbol. It
has no clock, no randomness and sees no other symbol (DESIGN 5, the law).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents._run import Run
from agents._turn import Turn


@dataclass(frozen=True)
class Operator:
    """Declare one operator; modules of `agents` export it as OPERATOR.

    Operators act in the order of `stage`. `state` is the msgspec struct that a fresh symbol starts
    with (`state()`) and that is written to the checkpoint; its size is bounded by limits the module
    names. `step(state, turn)` takes one frame and may change the state, drop the frame or its rows,
    and emit rows.

    `quiet(state, run)` answers for a whole run of plain data frames: the state after it when `step`
    would neither drop nor say anything, else None. It must not change the state it is given, for
    another operator may refuse the run; what it emits counts only when all operators accept.
    """

    name: str
    stage: int
    state: type[Any]
    step: Callable[[Any, Turn], None]
    quiet: Callable[[Any, Run], Any | None]
