"""Commands that are loaded when they are asked for: most of the start of a command line is what it does not need."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

from clients.cli.command import Group


class LaterGroup(Group):
    """A group that knows where its commands are: `module.name` among `commands`, by the command's name."""

    def __init__(self, *arguments: Any, later: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._later = later

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted({*super().list_commands(context), *self._later})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return a command, loading it now; None when there is none."""
        if name in self._later and name not in self.commands:
            module, _, attribute = self._later[name].partition(".")
            self.add_command(getattr(import_module(f"{__package__}.commands.{module}"), attribute), name)
        return super().get_command(context, name)
