"""Legal holds: what they cover is neither erased nor pruned."""

from collections.abc import Sequence
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.mistake import Mistake

_SERVICE = "concord.mdm.v1.HoldService"
_COLUMNS = ("name", "subject", "reason", "placed_by", "released", "etag")


@click.group(cls=Group)
def holds() -> None:
    """Place, release and list legal holds."""


@holds.command("place")
@click.argument("subject")
@options.stated
@options.rehearsed
@pass_session
def place(session: Session, subject: str, validate_only: bool) -> None:
    """Keep records and their evidence from being erased.

    SUBJECT is a golden record, an entity with all below it, or '*' for
    everything.

    \b
    concord holds place entities/north --reason 'case 7'
    """
    method = contracts.method(f"{_SERVICE}/PlaceHold")
    request = contracts.request_of(
        method,
        subject=subject,
        reason=_reason(session, "a hold"),
        validate_only=validate_only,
    )
    session.output.record(_hold(session, method, request))


@holds.command("release")
@click.argument("name")
@click.option("--etag", metavar="ETAG", required=True, help="The hold's revision decided on, as list shows it.")
@options.stated
@options.rehearsed
@pass_session
def release(session: Session, name: str, etag: str, validate_only: bool) -> None:
    """Release a hold, for a reason."""
    method = contracts.method(f"{_SERVICE}/ReleaseHold")
    request = contracts.request_of(
        method,
        name=name,
        etag=etag,
        reason=_reason(session, "a release"),
        validate_only=validate_only,
    )
    session.output.record(_hold(session, method, request))


@holds.command("list")
@click.option("--released", is_flag=True, help="Also those that were released.")
@options.limit
@options.tabular
@pass_session
def list_holds(session: Session, released: bool, limit: int | None, columns: Sequence[str]) -> None:
    """List the holds on your entities, newest first."""
    method = contracts.method(f"{_SERVICE}/ListHolds")
    request = contracts.request_of(method, show_released=released)
    session.output.records(session.mesh.every(method, request, limit), "holds", columns, _COLUMNS)


def _hold(session: Session, method: Any, request: Any) -> Any:
    answer: Any = session.mesh.ask(method, request)
    return answer.hold


def _reason(session: Session, what: str) -> str:
    if not session.reason:
        raise Mistake(f"{what} needs a reason", "say it with --reason")
    return session.reason
