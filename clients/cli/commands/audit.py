"""The evidence itself: one leaf in full; what is missing; how much there is. Questions are in `asking`."""

from collections.abc import Sequence
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Session, pass_session
from clients.cli.later import LaterGroup
from clients.cli.mistake import Mistake

_SERVICE = "concord.audit.v1.AuditService"
_service = click.option("--service", default="", metavar="SERVICE", help="Only what this service sent, such as mdm.")


_ELSEWHERE = {
    "record": "asking.of_record",
    "list": "asking.changes",
    "acts": "asking.acts",
    "disclosures": "asking.disclosures",
    "denials": "asking.denials",
    "questions": "asking.questions",
    "events": "audit_events.events",
    "checkpoint": "proving.checkpoint",
    "proof": "proving.proof",
    "reconcile": "reconciling.reconcile",
    "tiles": "proving.tiles",
    "export": "evidence.export",
    "verify": "evidence.verify",
}


@click.group(cls=LaterGroup, later=_ELSEWHERE)
def audit() -> None:
    """Ask for the evidence: who did what, when, for whom, why."""


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


def _every(session: Session, limit: int | None, **asked: Any) -> Any:
    method = contracts.method(f"{_SERVICE}/ListLeaves")
    return session.mesh.every(method, contracts.request_of(method, **asked), limit)
