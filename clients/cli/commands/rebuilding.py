"""Rebuilding: whether every golden record is what its sources, rules and pins make."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from clients.cli import contracts, kinds, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection.mesh import RefusedError
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake

_REBUILD = "concord.mdm.v1.RebuildService/RebuildGoldenRecords"
_COLUMNS = ("golden_record", "kind", "paths", "rebuilt_revision", "revision", "missing_input")


@click.command(cls=Command)
@click.argument("types", metavar="[TYPE]...", nargs=-1, type=options.KindOfRecord("Explain"))
@click.option("--write", is_flag=True, help="Put right what differs; without it nothing is written.")
@click.option("--from", "token", metavar="TOKEN", default="", help="Go on where a run of one type broke off.")
@click.option("--chunk", type=click.IntRange(1, 400), default=200, help="Records a call; default: 200.")
@options.stated
@options.tabular
@pass_session
def rebuild(
    session: Session, types: Sequence[Kind], write: bool, token: str, chunk: int, columns: Sequence[str]
) -> None:
    """Recompute golden records and list those that differ.

    Of one type or several; default: of all. A run that breaks off says where
    it can go on.

    \b
    concord rebuild suppliers
    concord rebuild suppliers --write --reason T-17
    """
    if token and len(types) != 1:
        raise Mistake("--from goes on with one type", "name the type that broke off")
    examined, found = 0, list[Any]()
    with session.output.progress("golden records") as counted:
        for kind in types or kinds.masters():
            for answer in _chunks(session, kind, token, write=write, chunk=chunk):
                examined += sum(1 for _ in counted(range(answer.examined_count)))
                found += answer.differences
    session.output.records(found, "differences", columns, _COLUMNS)
    session.output.note(f"{examined} golden records were recomputed, {len(found)} differ")


def _chunks(session: Session, kind: Kind, token: str, *, write: bool, chunk: int) -> Iterator[Any]:
    """Yield the answers, chunk by chunk; tell where to go on when one is refused."""
    method = contracts.method(_REBUILD)
    request: Any = contracts.request_of(
        method, record_type=kind.record_type, page_size=chunk, page_token=token, write=write
    )
    while True:
        try:
            answer = session.mesh.ask(method, request)
        except RefusedError:
            if request.page_token:
                written = " --write" if write else ""
                session.output.note(f"to go on: concord rebuild {kind.nouns}{written} --from {request.page_token}")
            raise
        yield answer
        request.page_token = answer.next_page_token
        if not request.page_token:
            return
