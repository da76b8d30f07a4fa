"""The page of commands, from the click tree."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator, Sequence

import click

from cryptoflow import cli
from cryptoflow.reference.markdown import head, join, table


def cli_page() -> str:
    """Describe every command and option."""
    top = click.Context(cli.main, info_name="cryptoflow")
    parts = [head("Commands"), _plain(cli.main.help or ""), _options(cli.main, top), cli.main.epilog or ""]
    for path, command in commands():
        if isinstance(command, click.Group):
            continue
        context = click.Context(command, info_name=path)
        usage = " ".join((f"cryptoflow {path}", *command.collect_usage_pieces(context)))
        parts += [f"## cryptoflow {path}", f"    {usage}", _plain(command.help or "")]
        parts.append(_options(command, context))
    return join(parts)


def _options(command: click.Command, context: click.Context) -> str:
    rows = [_option_row(one, context) for one in command.params if isinstance(one, click.Option)]
    return table(("option", "default", "what it does"), rows) if rows else ""


def _plain(help_text: str) -> str:
    """Turn click's help into Markdown: a paragraph after a backspace mark keeps its lines, as code."""
    parts = inspect.cleandoc(help_text).split("\n\n")
    return "\n\n".join(textwrap.indent(part.removeprefix("\b\n"), "    " * part.startswith("\b")) for part in parts)


def _option_row(option: click.Option, context: click.Context) -> Sequence[str]:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    metavar = "" if option.is_flag else f" {option.make_metavar(context)}"
    info = option.to_info_dict()
    default = info["default"]
    plain = isinstance(default, str | int | float) and not isinstance(default, bool) and default != ""
    return (f"{names}{metavar}", f"`{default}`" if plain else "", option.help or "")


def commands(group: click.Group | None = None, prefix: str = "") -> Iterator[tuple[str, click.Command]]:
    """Walk the command tree: (words after `cryptoflow`, command), groups before their commands."""
    for name, command in sorted((group or cli.main).commands.items()):
        path = f"{prefix}{name}"
        yield path, command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} ")
