"""The command line: one command is one function in `cryptoflow/commands/<name>.py`.

Exit codes: 0 ok, 1 verification failed, 2 usage or configuration, 3 something is unreachable,
4 stopped because going on would lose or hide data. Errors are one line with the fix.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import traceback
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any, NoReturn

import click
from typing_extensions import override

from cryptoflow import __version__, commands
from cryptoflow.config import CONFIG_ENV
from cryptoflow.errors import ConfigError, CryptoflowError, RetryError, UnreachableError

OK, FAILED, USAGE, UNREACHABLE, STOPPED = range(5)
INTERRUPTED = 130
_UNREACHABLE_MODULES = ("confluent_kafka", "cimpl", "botocore", "requests", "urllib3", "aiohttp", "pyiceberg")


class _Commands(MutableMapping[str, click.Command]):
    """Find commands by file name and import each only when it is asked for."""

    def __init__(self) -> None:
        """List the files; import nothing."""
        self._names = [m.name for m in pkgutil.iter_modules(commands.__path__) if not m.name.startswith("_")]
        self._added: dict[str, click.Command] = {}

    @override
    def __getitem__(self, name: str) -> click.Command:
        if name in self._added:
            return self._added[name]
        if name not in self._names:
            raise KeyError(name)
        command: click.Command = importlib.import_module(f"cryptoflow.commands.{name}").COMMAND
        return _marked(command)

    @override
    def __setitem__(self, name: str, command: click.Command) -> None:
        self._added[name] = command

    @override
    def __delitem__(self, name: str) -> None:
        del self._added[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._names, *self._added}))

    @override
    def __len__(self) -> int:
        return len({*self._names, *self._added})


def _marked(command: click.Command) -> click.Command:
    """Turn the marks of paragraphs that keep their lines into click's: a raw docstring holds their spelling."""
    command.help = (command.help or "").replace("\\b\n", "\b\n")
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        _marked(part)
    return command


class Cli(click.Group):
    """Run commands; turn every error into one line and an exit code."""

    @override
    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; ends the process with the exit code unless `standalone_mode` is off."""
        if not standalone_mode:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        words = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(words, prog_name or "cryptoflow", complete_var, standalone_mode=False, **extra)
        except Exception as error:  # noqa: BLE001 - the edge of the program: every error becomes one line
            _end(error, debug="--debug" in words)
        sys.exit(code if isinstance(code, int) else OK)


def _end(error: Exception, *, debug: bool) -> NoReturn:
    """Print one line and leave with the code of the error."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        sys.exit(USAGE)
    if isinstance(error, BrokenPipeError):
        # Whoever read our output has seen enough; Python must not try to flush the rest.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(OK)
    code, text = explain(error)
    if debug:
        traceback.print_exception(error)
    if text:
        click.echo(f"cryptoflow: {text}", err=True)
    sys.exit(code)


def explain(error: BaseException) -> tuple[int, str]:
    """Return the exit code and the line for an error; the line is empty when nothing is to be said."""
    if isinstance(error, click.ClickException):
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "cryptoflow"
        return USAGE, f"{_one_line(error.format_message()).rstrip('.')}; see `{where} --help`"
    if isinstance(error, click.Abort):
        return INTERRUPTED, ""
    if isinstance(error, ConfigError):
        return USAGE, _one_line(str(error))
    if isinstance(error, CryptoflowError):
        return (UNREACHABLE if isinstance(error, RetryError | UnreachableError) else STOPPED), _one_line(str(error))
    kind = type(error)
    text = _one_line(f"{kind.__name__}: {error}")
    if isinstance(error, ConnectionError | TimeoutError) or kind.__module__.split(".")[0] in _UNREACHABLE_MODULES:
        return UNREACHABLE, f"{text}; `cryptoflow doctor` says what does not answer"
    return STOPPED, f"{text}; this is a defect, run again with --debug for the details"


def _one_line(text: str) -> str:
    return " ".join(text.split())


@click.group(
    cls=Cli,
    epilog="Start with `cryptoflow demo`. Exit codes: 0 ok, 1 verification failed, 2 usage or configuration, "
    "3 unreachable, 4 stopped because going on would lose or hide data.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--config", "path", type=click.Path(dir_okay=False), help="Settings file (YAML); else CRYPTOFLOW_CONFIG.")
@click.option("--debug", is_flag=True, help="Print the full trace of an error.")
@click.version_option(__version__, prog_name="cryptoflow")
def main(path: str | None, debug: bool) -> None:
    """Record crypto market data completely and exactly once, and say precisely what is missing.

    `demo` and `up` run everything on this machine. `produce`, `worker` and `sink` reach the real
    exchanges and the configured broker, or end with one line that says what is not configured.
    """
    del debug  # read before parsing, because errors of parsing obey it too
    if path:
        os.environ[CONFIG_ENV] = path


main.commands = _Commands()
