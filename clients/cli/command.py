"""What every command is: documented, with `--json` and `--context`, and a session to work in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import click
from click.shell_completion import CompletionItem

from clients.cli.connection import config, credentials
from clients.cli.connection.config import Context
from clients.cli.connection.credentials import Grant
from clients.cli.connection.mesh import Mesh
from clients.cli.display.output import Output
from services.mesh.contract.purpose import with_purpose


@dataclass
class Session:
    """One command's options, and what it works with: the mesh, and the way to say things."""

    as_json: bool = False
    context_name: str = ""
    wide: bool = False
    purpose: str = ""
    reason: str = ""
    closing: Callable[[Any], Any] = field(default=lambda opened: opened)
    """Takes a context manager into the command's own life."""

    @cached_property
    def output(self) -> Output:
        """Where the command speaks."""
        return Output(as_json=self.as_json, wide=self.wide)

    @cached_property
    def chosen(self) -> tuple[str, Context]:
        """The context and its name. Raises Mistake."""
        return config.read().context(self.context_name)

    @cached_property
    def mesh(self) -> Mesh:
        """The mesh of the context. Raises Mistake."""
        name, context = self.chosen
        token = credentials.source(name, context, _renewed)
        mesh: Mesh = self.closing(Mesh(name, context, token, with_purpose(self.purpose, self.reason)))
        return mesh


class Command(click.Command):
    """A command with the options that every command has."""

    def __init__(self, name: str | None, params: list[click.Parameter] | None = None, **settings: Any) -> None:
        super().__init__(name, params=[*(params or []), *_common()], **settings)

    def invoke(self, context: click.Context) -> Any:
        """Run the command; a rehearsal looks like what it rehearses, so that it is said what it was."""
        result = super().invoke(context)
        session = context.find_object(Session)
        if context.params.get("validate_only") and session is not None and not session.as_json:
            session.output.note("nothing was written")
        return result


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type


pass_session = click.make_pass_decorator(Session)


def keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    """Return a callback that keeps an option's value in the session."""

    def kept(context: click.Context, _: click.Parameter, value: Any) -> None:
        session = context.find_object(Session)
        if session is not None and value:
            setattr(session, name, value)

    return kept


def _renewed(grant: Grant) -> Grant:
    """Renew a log-in."""
    from clients.cli.connection.device_flow import renew  # noqa: PLC0415 - its HTTP client loads longer than most commands run

    return renew(grant)


def _contexts(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in config.read().contexts if name.startswith(incomplete)]


def _common() -> list[click.Parameter]:
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=keep("as_json"), help="Answer in JSON, for programs."
        ),
        click.Option(
            ["--context"],
            metavar="NAME",
            expose_value=False,
            callback=keep("context_name"),
            shell_complete=_contexts,
            help="The mesh to speak to; default: the current one.",
        ),
    ]
