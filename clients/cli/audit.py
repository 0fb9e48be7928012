"""The evidence: what the audit holds of a record, of a person, of a time; what is missing; how much there is."""

from collections.abc import Sequence
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options, values
from clients.cli.columns import Column
from clients.cli.command import Session, pass_session
from clients.cli.later import LaterGroup
from clients.cli.mistake import Mistake
from clients.cli.output import as_document

_SERVICE = "concord.audit.v1.AuditService"
_service = click.option("--service", default="", metavar="SERVICE", help="Only what this service sent, such as mdm.")


_ELSEWHERE = {
    "checkpoint": "proving.checkpoint",
    "proof": "proving.proof",
    "reconcile": "reconciling.reconcile",
    "tiles": "proving.tiles",
    "export": "evidence.export",
    "verify": "evidence.verify",
}


@click.group(cls=LaterGroup, later=_ELSEWHERE)
def audit() -> None:
    """Look up the evidence of changes: who, when, for whom, why."""


@audit.command("record")
@click.argument("name")
@options.limit
@options.wide
@pass_session
def of_record(session: Session, name: str, limit: int | None) -> None:
    """List the evidence of one record, revision by revision.

    \b
    concord audit record suppliers/019352f2-…
    """
    _leaves(session, limit, ("revision", "operation", "occurred_at", "actor", "leaf", "changed"), record=name)


@audit.command("list")
@click.option("--actor", default="", metavar="SUBJECT", help="Only changes by this subject.")
@click.option("--since", metavar="TIME", type=options.Moment(), help="Only changes from then on; such as 2h.")
@click.option("--until", metavar="TIME", type=options.Moment(), help="Only changes before then.")
@_service
@options.limit
@options.wide
@pass_session
def list_leaves(
    session: Session, actor: str, since: Timestamp | None, until: Timestamp | None, service: str, limit: int | None
) -> None:
    """List evidence by actor, time and service, oldest first.

    \b
    concord audit list --actor steward@example.org --since 1d
    """
    asked: dict[str, Any] = {"actor": actor, "start_time": since, "end_time": until, "source_service": service}
    _leaves(session, limit, ("record", "occurred_at", "operation", "revision", "actor", "changed", "leaf"), **asked)


@audit.command("leaf")
@click.argument("name", metavar="LEAF|RECORD@REVISION")
@pass_session
def show_leaf(session: Session, name: str) -> None:
    """Show one piece of evidence in full.

    \b
    concord audit leaf leaves/42
    concord audit leaf suppliers/019352f2-…@3
    """
    session.output.record(leaf(session, name))


@audit.command("gaps")
@_service
@options.limit
@options.tabular
@pass_session
def gaps(session: Session, service: str, limit: int | None, columns: Sequence[str]) -> None:
    """List revisions that ought to have evidence and have none."""
    method = contracts.method(f"{_SERVICE}/ListGaps")
    request = contracts.request_of(method, source_service=service)
    default = ("record", "first_revision", "last_revision", "source_service")
    session.output.records(session.mesh.every(method, request, limit), "gaps", columns, default)


@audit.command("count")
@_service
@options.tabular
@pass_session
def count(session: Session, service: str, columns: Sequence[str]) -> None:
    """Count the evidence by service and type of record."""
    method = contracts.method(f"{_SERVICE}/CountLeaves")
    answer = session.mesh.ask(method, contracts.request_of(method, source_service=service))
    session.output.records(answer.counts, "leaves", columns)


def leaf(session: Session, name: str) -> Any:
    """Return a piece of evidence by its own name, or by record and revision. Raises Mistake, RefusedError."""
    record, _, revision = name.rpartition("@")
    if not record:
        method = contracts.method(f"{_SERVICE}/GetLeaf")
        return session.mesh.ask(method, contracts.request_of(method, name=name)).leaf
    for entry in _every(session, None, record=record):
        if str(entry.leaf.revision) == revision:
            return entry
    raise Mistake(f"the audit holds no evidence of {name}", f"concord audit record {record}")


def _leaves(session: Session, limit: int | None, titles: Sequence[str], **asked: Any) -> None:
    with session.output.progress("leaves") as counted:
        found = list(counted(_every(session, limit, **asked)))
    if session.as_json:
        session.output.document([as_document(entry) for entry in found])
    elif found:
        session.output.table([_column(title, found) for title in titles])
    else:
        session.output.note("no evidence")


def _every(session: Session, limit: int | None, **asked: Any) -> Any:
    method = contracts.method(f"{_SERVICE}/ListLeaves")
    return session.mesh.every(method, contracts.request_of(method, **asked), limit)


def _column(title: str, found: Sequence[Any]) -> Column:
    return Column(title.upper(), tuple(_cell(title, entry) for entry in found))


def _cell(title: str, entry: Any) -> str:
    if title == "leaf":
        return str(entry.name)
    if title == "changed":
        return ", ".join(dict.fromkeys(field.path for field in entry.leaf.fields))
    field = entry.leaf.DESCRIPTOR.fields_by_name[title]
    return values.all_text(field, getattr(entry.leaf, title))
