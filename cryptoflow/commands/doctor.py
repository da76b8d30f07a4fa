"""`cryptoflow doctor`: what is installed, reachable and misconfigured."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from cryptoflow.commands._output import JSON_OPTION, say_json, say_table
from cryptoflow.config import load


@click.command()
@JSON_OPTION
def command(as_json: bool) -> None:
    """Look at the installation, the settings, the broker and the catalog, and say what to mend.

    Exit code 0: all is well (notes are no faults); 2: something is wrong here; 3: something that is
    configured does not answer.
    """
    from cryptoflow import doctor  # noqa: PLC0415 - a quick --help

    found = list(doctor.checks(load()))
    if as_json:
        say_json([asdict(check) for check in found])
    else:
        say_table(("check", "state", "found", "fix"), [tuple(asdict(check).values()) for check in found])
    sys.exit(doctor.exit_code(found))


COMMAND = command
