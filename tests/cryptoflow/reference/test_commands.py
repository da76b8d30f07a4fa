"""The page of commands is the command tree."""

from __future__ import annotations

import click

from cryptoflow.reference.commands import cli_page, commands


def test_every_command_and_option_is_on_the_page() -> None:
    """A new command or option appears by itself."""
    page = cli_page()
    for path, command in commands():
        if isinstance(command, click.Group):
            continue
        section = page.partition(f"## cryptoflow {path}\n")[2].partition("\n## ")[0]
        assert section, path
        for option in command.params:
            if isinstance(option, click.Option):
                assert all(f"`{name}`" in section for name in option.opts)


def test_every_command_says_what_it_does() -> None:
    """`--help` of each command and option is worth reading: none is empty."""
    for path, command in commands():
        assert command.help, path
        for option in command.params:
            if isinstance(option, click.Option):
                assert option.help, (path, option.name)
