"""`concord` itself: its commands, and what happens when one of them does not succeed."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import click

from clients.cli.command import Session
from clients.cli.connection.mesh import RefusedError
from clients.cli.display import refusal
from clients.cli.display.output import complain, json_text
from clients.cli.later import LaterGroup
from clients.cli.mistake import Mistake

_HELP = """Concord's command line: golden records, their systems, their evidence.

\b
Say where the mesh is, log in, look:
  concord config set NAME --hub HOST:PORT --audit HOST:PORT
  concord login --token-file FILE
  concord list suppliers --limit 5

\b
Exit status: 0 done, 1 refused by the mesh, 2 a mistake on the command
line, 3 the mesh is not reachable, 4 not logged in, 130 interrupted.
"""
_DISTRIBUTION = "concord"
_COMMANDS = {
    "types": "types.types",
    "get": "records.get",
    "list": "records.list_",
    "search": "records.search",
    "check": "checking.check",
    "explain": "records.explain",
    "history": "records.history",
    "diff": "records.diff",
    "create": "stewarding.create",
    "update": "stewarding.update",
    "close": "stewarding.close",
    "delete": "stewarding.delete",
    "undelete": "stewarding.undelete",
    "erase": "erasing.erase",
    "holds": "holds.holds",
    "merge": "linking.merge",
    "unmerge": "linking.unmerge",
    "decisions": "linking.decisions",
    "model": "modelling.model",
    "whatif": "whatif.whatif",
    "review": "reviewing.review",
    "tree": "tree.tree",
    "change-requests": "change_requests.change_requests",
    "pins": "pins.pins",
    "survivorship": "survivorship.survivorship",
    "rebuild": "rebuilding.rebuild",
    "exceptions": "exceptions.exceptions",
    "import": "importing.import_",
    "imported": "imported_rows.imported",
    "validate-posting": "postings.validate_posting",
    "codes": "codes.codes",
    "systems": "systems.systems",
    "entities": "systems.entities",
    "sync": "sync.sync",
    "deliveries": "sync.deliveries",
    "discrepancies": "sync.discrepancies",
    "watch": "watching.watch",
    "feed": "watching.feed",
    "quarantine": "quarantine.quarantine",
    "quality": "quality.quality",
    "audit": "audit.audit",
    "call": "calling.call",
    "login": "login.login",
    "logout": "login.logout",
    "whoami": "login.whoami",
    "config": "contexts.config_group",
    "completion": "completion.completion",
}
"""Where each command is: module and name."""


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        try:
            print(f"concord {metadata.version(_DISTRIBUTION)}")
        except metadata.PackageNotFoundError:
            print("concord, from a checkout")
        context.exit()


@click.group(cls=LaterGroup, later=_COMMANDS, name="concord", help=_HELP, context_settings={"max_content_width": 80})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.pass_context
def concord(context: click.Context) -> None:
    """Open a session for the command."""
    context.ensure_object(Session).closing = context.with_resource


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; return the exit status."""
    as_json = "--json" in arguments
    try:
        status = concord.main(list(arguments), prog_name="concord", standalone_mode=False)
        sys.stdout.flush()
    except RefusedError as refused:
        _tell(as_json, refusal.as_document(refused), "\n".join(refusal.describe(refused)))
        return refusal.exit_status(refused.error)
    except BrokenPipeError:
        # Whoever reads has had enough; nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return refusal.OK
    except (Mistake, click.ClickException, OSError) as error:
        return _mistaken(as_json, _mistake(error))
    except (KeyboardInterrupt, click.Abort):
        return refusal.INTERRUPTED
    return status if isinstance(status, int) else refusal.OK


def _mistake(error: Mistake | click.ClickException | OSError) -> Mistake:
    if isinstance(error, click.ClickException):
        return Mistake(error.format_message(), _help_for(error))
    if isinstance(error, OSError):
        # Of a file that the command line names, or of its own: a full disk, a folder that is not there.
        return Mistake(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    return error


def _mistaken(as_json: bool, mistake: Mistake) -> int:
    told = f"error: {mistake.message}" + (f"\nfix: {mistake.hint}" if mistake.hint else "")
    _tell(as_json, refusal.mistake_document(mistake), told)
    return refusal.MISTAKEN


def _tell(as_json: bool, document: dict[str, Any], text: str) -> None:
    if as_json:
        print(json_text(document), file=sys.stderr)
    else:
        complain(text)


def _help_for(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"{context.command_path} --help" if context is not None else ""
