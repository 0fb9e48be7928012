"""Reconciling: whether the audit has the evidence of every change that services made."""

from collections.abc import Iterator, Sequence
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection.mesh import HUB, RefusedError
from clients.cli.mistake import Mistake

_RECONCILE = "concord.evidence.v1.EvidenceService/ReconcileEvidence"
_COLUMNS = ("source_service", "kind", "record", "revision")


@click.command(cls=Command)
@click.argument("services", metavar="[hub|ADAPTER]...", nargs=-1)
@click.option("--from", "token", metavar="TOKEN", default="", help="Go on where a run of one service broke off.")
@options.tabular
@pass_session
def reconcile(session: Session, services: Sequence[str], token: str, columns: Sequence[str]) -> None:
    """Compare services' own changes with the audit's evidence.

    Of the hub and of adapters by their names; default: of all. Lists what is
    missing at the audit, unknown to the service, or of other bytes, and ends
    with status 1 when there is anything.

    \b
    concord audit reconcile
    concord audit reconcile hub
    """
    if token and len(services) != 1:
        raise Mistake("--from goes on with one service", "name the service that broke off")
    compared, waiting, found = 0, 0, list[Any]()
    with session.output.progress("changes") as counted:
        for service in services or (HUB, *session.mesh.adapters):
            for answer in _reconciled(session, service, token):
                compared += sum(1 for _ in counted(range(answer.compared_count)))
                waiting += answer.waiting_count
                found += answer.differences
    session.output.records(found, "differences", columns, _COLUMNS)
    session.output.note(f"{compared} changes were compared, {len(found)} differ, {waiting} wait for their receipts")
    if found:
        raise click.exceptions.Exit(1)


def _reconciled(session: Session, service: str, token: str) -> Iterator[Any]:
    """Yield a service's answers, range by range; tell where to go on when one is refused."""
    method = contracts.method(_RECONCILE)
    request: Any = contracts.request_of(method, page_token=token)
    while True:
        try:
            answer = session.mesh.ask(method, request, "" if service == HUB else service)
        except RefusedError:
            if request.page_token:
                session.output.note(f"to go on: concord audit reconcile {service} --from {request.page_token}")
            raise
        yield answer
        request.page_token = answer.next_page_token
        if not request.page_token:
            return
