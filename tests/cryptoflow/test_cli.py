"""The command line finds commands by file and turns every error into one line with an exit code."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from cryptoflow import cli as cli_module
from cryptoflow import commands
from cryptoflow.errors import BrokerAwayError, ConfigError, HoleError, UnreachableError
from cryptoflow.reference.commands import commands as every_command


def test_every_command_file_is_a_command_with_help(cli: Callable[..., Any]) -> None:
    """A file in commands/ is a command, its help says more than one line and shows an example."""
    files = {path.stem for path in Path(commands.__file__).parent.glob("[a-z]*.py")}
    assert set(cli_module.main.commands) == files
    for name in files:
        told = cli(name, "--help")
        assert told.exit_code == 0
        lines = [line for line in told.output.splitlines() if line.strip()]
        assert len(lines) > 5, name


def test_help_keeps_the_lines_of_examples(cli: Callable[..., Any]) -> None:
    """Every example of a help text is one line of its own that can be copied; no mark of the formatter shows."""
    for path, command in every_command():
        told = cli(*path.split(), "--help").output
        assert "\\b" not in told, path
        examples = [line.strip() for line in (command.help or "").splitlines() if line.startswith("  cryptoflow ")]
        assert set(examples) <= {line.strip() for line in told.splitlines()}, path


def test_help_is_quick() -> None:
    """Listing the commands imports none of the heavy libraries."""
    script = (
        "import sys\nfrom cryptoflow.cli import main\nmain(['--help'], standalone_mode=False)\n"
        "heavy = {'faust', 'pyarrow', 'pyiceberg', 'duckdb', 'confluent_kafka', 'boto3'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nope",), "No such command 'nope'"),
        (("query",), "Missing argument 'SQL'"),
        (("demo", "--rate", "fast"), "Invalid value for '--rate'"),
        (("topics", "list", "--nope"), "No such option"),
        (("--config", "nowhere.yaml", "doctor"), "nowhere.yaml"),
    ],
)
def test_a_wrong_command_line_is_one_line(
    error_line: Callable[..., str], words: tuple[str, ...], expected: str
) -> None:
    """Usage and configuration errors end with 2 and one line."""
    assert expected in error_line(2, *words)


def test_an_unknown_setting_is_one_line(error_line: Callable[..., str], tmp_path: Path) -> None:
    """A key that does not exist is named, with the fix."""
    (tmp_path / "bad.yaml").write_text("kafka: {partitoins: 4}\n", "utf-8")
    assert "kafka.partitoins" in error_line(2, "--config", "bad.yaml", "config", "check")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("a"), 2),
        (click.UsageError("a"), 2),
        (BrokerAwayError("a"), 3),
        (UnreachableError("a"), 3),
        (ConnectionRefusedError("a"), 3),
        (HoleError("a"), 4),
        (ZeroDivisionError("a"), 4),
        (click.Abort(), 130),
    ],
)
def test_exit_codes_say_what_happened(error: Exception, code: int) -> None:
    """2: usage or configuration, 3: unreachable, 4: stopped; the text is one line."""
    told, text = cli_module.explain(error)
    assert told == code
    assert "\n" not in text


def test_only_debug_prints_a_trace(monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Any]) -> None:
    """A defect is one line; --debug adds the trace."""

    def broken() -> None:
        raise ZeroDivisionError("many\nlines")

    monkeypatch.setitem(cli_module.main.commands, "broken", click.Command("broken", callback=broken))
    quiet, loud = cli("broken"), cli("--debug", "broken")
    assert quiet.stderr == (
        "cryptoflow: ZeroDivisionError: many lines; this is a defect, run again with --debug for the details\n"
    )
    assert quiet.exit_code == loud.exit_code == 4
    assert "Traceback" in loud.stderr


def test_a_closed_pipe_is_no_error() -> None:
    """`cryptoflow config show | head -1` ends quietly."""
    line = f"{sys.executable} -m cryptoflow config show --json | head -1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[\n"
    assert done.stderr == ""
