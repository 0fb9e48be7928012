"""`concord` itself: its commands, and what happens when one of them does not succeed."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import click

from clients.cli import (
    audit,
    calling,
    checking,
    codes,
    completion,
    contexts,
    exceptions,
    importing,
    linking,
    live_quality,
    login,
    modelling,
    pins,
    proving,
    quality,
    quarantine,
    rebuilding,
    records,
    refusal,
    reviewing,
    stewarding,
    survivorship,
    sync,
    systems,
    tree,
    types,
    watching,
    whatif,
)
from clients.cli.command import Group, Session
from clients.cli.mesh import RefusedError
from clients.cli.mistake import Mistake
from clients.cli.output import complain, json_text

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


def _show_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        try:
            print(f"concord {metadata.version(_DISTRIBUTION)}")
        except metadata.PackageNotFoundError:
            print("concord, from a checkout")
        context.exit()


@click.group(cls=Group, name="concord", help=_HELP, context_settings={"max_content_width": 80})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.pass_context
def concord(context: click.Context) -> None:
    """Open a session for the command."""
    context.ensure_object(Session).closing = context.with_resource


for command in (
    types.types,
    records.get,
    records.list_,
    records.search,
    checking.check,
    records.explain,
    records.history,
    records.diff,
    stewarding.create,
    stewarding.update,
    stewarding.close,
    stewarding.delete,
    stewarding.undelete,
    linking.merge,
    linking.unmerge,
    linking.decisions,
    modelling.model,
    whatif.whatif,
    reviewing.review,
    tree.tree,
    pins.pins,
    survivorship.survivorship,
    rebuilding.rebuild,
    exceptions.exceptions,
    importing.import_,
    codes.codes,
    systems.systems,
    systems.entities,
    sync.sync,
    sync.deliveries,
    sync.discrepancies,
    watching.watch,
    watching.feed,
    quarantine.quarantine,
    quality.quality,
    audit.audit,
    calling.call,
    login.login,
    login.logout,
    login.whoami,
    contexts.config_group,
    completion.completion,
):
    concord.add_command(command)


for command in (live_quality.quality, live_quality.draw, live_quality.audits, live_quality.audit):
    modelling.model.add_command(command)


for command in (proving.checkpoint, proving.proof, proving.tiles):
    audit.audit.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; return the exit status."""
    as_json = "--json" in arguments
    try:
        status = concord.main(list(arguments), prog_name="concord", standalone_mode=False)
        sys.stdout.flush()
    except RefusedError as refused:
        _tell(as_json, refusal.as_document(refused), "\n".join(refusal.describe(refused)))
        return refusal.exit_status(refused.error)
    except Mistake as mistake:
        return _mistaken(as_json, mistake)
    except click.ClickException as error:
        return _mistaken(as_json, Mistake(error.format_message(), _help_for(error)))
    except BrokenPipeError:
        # Whoever reads has had enough; nothing may be flushed to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return refusal.OK
    except (KeyboardInterrupt, click.Abort):
        return refusal.INTERRUPTED
    return status if isinstance(status, int) else refusal.OK


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
