"""Calling any method of the mesh with JSON: for what has no command of its own."""

import json
import sys
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display.output import as_document
from clients.cli.files import record_file
from clients.cli.mistake import Mistake


@click.command(cls=Command)
@click.argument("method", metavar="SERVICE/METHOD")
@click.argument("request", metavar="[JSON]", required=False)
@click.option("--adapter", default="", metavar="NAME", help="Which adapter, for a method of adapters.")
@options.stated
@pass_session
def call(session: Session, method: str, request: str | None, adapter: str) -> None:
    """Call any method of the mesh with JSON.

    Without JSON on the command line it is read from the input. The answers
    of a stream come one a line.

    \b
    concord call concord.mdm.v1.SupplierService/ListSuppliers \\
      '{"page_size": 3}'
    """
    found = contracts.method(method)
    asked = contracts.request_of(found)
    record_file.fill(_document(request if request is not None else sys.stdin.read()), asked, "the request")
    if not found.server_streaming and not found.client_streaming:
        session.output.document(as_document(session.mesh.ask(found, asked, adapter)))
        return
    for answer in session.mesh.listen(found, asked, adapter):
        session.output.event(as_document(answer))


def _document(text: str) -> Any:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        raise Mistake(f"the request is no JSON: {error}", "quote it for the shell: '{\"page_size\": 3}'") from error
