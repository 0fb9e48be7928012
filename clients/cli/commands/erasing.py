"""Erasing records for good."""

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection import records
from clients.cli.mistake import Mistake

_METHOD = "concord.mdm.v1.ErasureService/EraseRecord"


@click.command("erase", cls=Command)
@click.argument("name")
@click.option("--etag", metavar="ETAG", help="The record's revision decided on; default: the newest.")
@options.stated
@options.rehearsed
@pass_session
def erase(session: Session, name: str, etag: str | None, validate_only: bool) -> None:
    """Erase a deleted record for good, with all that it came from.

    Its key is destroyed and nothing brings it back; that it was erased, by
    whom and why, is evidence. Who deleted it can't: it takes a second person.
    The reason stays in the evidence, so it must not say what is erased.

    \b
    concord erase suppliers/019352f2-… --reason 'DSR-4' --validate-only
    """
    if not session.reason:
        raise Mistake("an erasure needs a reason", "say it with --reason")
    method = contracts.method(_METHOD)
    request = contracts.request_of(
        method,
        name=name,
        etag=etag or records.newest(session.mesh, name).etag,
        reason=session.reason,
        validate_only=validate_only,
    )
    session.output.record(session.mesh.ask(method, request))
