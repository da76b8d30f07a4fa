"""Child processes that are logged, stopped in order and never left behind."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO

from cryptoflow import clock
from cryptoflow.errors import UnreachableError
from cryptoflow.localstack import child as wrapper

STOP_TIMEOUT_S = 25.0
_POLL_S = 0.02
_LOG_TAIL_BYTES = 2000


class Child:
    """Be one running command with its own log, session and process group."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        """Take a started process."""
        self.name = name
        self.process = process
        self.log = log

    @property
    def pid(self) -> int:
        """Return the process id of the command itself."""
        return self.process.pid

    def alive(self) -> bool:
        """Return True until the command has ended."""
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the command; nothing happens when it has ended."""
        if self.alive():
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the command and its group with SIGKILL and wait for it."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """Ask with SIGTERM, wait, insist with SIGKILL; return the exit code."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def log_tail(self) -> str:
        """Return the last lines of the log, for an error text."""
        try:
            return self.log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace")
        except OSError:
            return ""

    def wait_until(self, ready: Callable[[], bool], timeout_s: float, doing: str) -> None:
        """Wait for a condition. Raises UnreachableError when the command ends or the time is over."""
        deadline = clock.monotonic_s() + timeout_s
        pause = threading.Event()
        while not ready():
            if not self.alive():
                last = self.log_tail().strip().splitlines()[-1:] or ["it logged nothing"]
                raise UnreachableError(
                    f"{doing}: {self.name} ended with {self.process.returncode}: {last[0][:200]}", fix=f"see {self.log}"
                )
            if clock.monotonic_s() > deadline:
                raise UnreachableError(
                    f"{doing}: {self.name} was not ready after {timeout_s:.0f} s", fix=f"see {self.log}"
                )
            pause.wait(_POLL_S)


class Supervisor:
    """Start children in order and stop them in the opposite order.

    Children get a session of their own, so Ctrl-C reaches only this process, which stops them; if
    this process dies in any other way the kernel ends them (see `child`).
    """

    def __init__(self, log_dir: Path) -> None:
        """Put one log file per child into a folder, made on first use."""
        self.log_dir = log_dir
        self.children: list[Child] = []

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        death_signal: int = signal.SIGKILL,
    ) -> Child:
        """Start a command; `env` is added to ours. Its output is appended to `<name>.log`.

        Settings in our own environment do not reach it: they would win over the stack's.
        """
        self.log_dir.mkdir(parents=True, exist_ok=True)
        log = self.log_dir / f"{name}.log"
        tied = [sys.executable, "-I", "-S", wrapper.__file__, str(os.getpid()), str(int(death_signal)), "--", *command]
        with log.open("ab") as output:
            process = _spawn(tied, {**_inherited(), **(env or {})}, cwd, output)
        started = Child(name, process, log)
        self.children = [each for each in self.children if each.alive()]
        self.children.append(started)
        return started

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Stop all children, the last started first."""
        while self.children:
            self.children.pop().stop(timeout_s)


def _inherited() -> dict[str, str]:
    kept = {"CRYPTOFLOW_CACHE"}
    return {name: value for name, value in os.environ.items() if name in kept or not name.startswith("CRYPTOFLOW_")}


# The kernel ties a child to the *thread* that started it, so children start on a thread that lives
# as long as the process; a pool's thread could end early and take the broker with it.
_requests: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]] = (
    queue.SimpleQueue()
)
_lock = threading.Lock()
_spawner: threading.Thread | None = None


def _serve() -> None:
    while True:
        begin, answer = _requests.get()
        try:
            answer.set_result(begin())
        except OSError as error:
            answer.set_exception(error)


def _spawn(
    command: Sequence[str], env: Mapping[str, str], cwd: Path | None, output: IO[bytes]
) -> subprocess.Popen[bytes]:
    global _spawner  # noqa: PLW0603 - one thread per process is the point
    with _lock:
        if _spawner is None or not _spawner.is_alive():
            _spawner = threading.Thread(target=_serve, name="spawner", daemon=True)
            _spawner.start()

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - a list of our own, no shell
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    answer: Future[subprocess.Popen[bytes]] = Future()
    _requests.put((begin, answer))
    return answer.result()
