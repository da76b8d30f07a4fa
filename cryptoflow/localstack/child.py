"""Start a command that dies with its parent: `python child.py PARENT_PID SIGNAL -- COMMAND…`.

Linux sends SIGNAL to the command when the process that started it is gone, whatever ended it, so
nothing is left behind by `kill -9`. Run by path, without our packages: it is gone after the exec.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Tie this process to its parent and become the command. Never returns."""
    parent, death_signal, separator, *command = argv
    if separator != "--" or not command:
        sys.exit("usage: child.py PARENT_PID SIGNAL -- COMMAND…")
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    # The parent may have died before the line above took effect; then nobody would send the signal.
    if os.getppid() != int(parent):
        sys.exit("child.py: the parent is gone")
    os.execvp(command[0], command)  # noqa: S606 - becoming the command is the purpose; no shell is involved


if __name__ == "__main__":
    main(sys.argv[1:])
