"""Change requests: what somebody wants a golden record to say, compared, rebased, and decided on by a second person."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, kinds, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.commands import stewarding
from clients.cli.connection import records
from clients.cli.files import record_file
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake
from clients.cli.service import Service
from concord.mdm.v1 import change_request_pb2 as pb

_SERVICE = Service("concord.mdm.v1.ChangeRequestService")
_COLUMNS = ("name", "state", "standing", "golden_record", "changes.path", "author", "reason")
_DIFFERENCE_COLUMNS = ("path", "standing", "base", "present", "wanted")


@click.group(cls=Group)
def change_requests() -> None:
    """Ask for changes of records; approve, rebase, reject them."""


@change_requests.command("create")
@click.argument("target", metavar="NAME|TYPE")
@stewarding.from_file
@stewarding.decided_on
@stewarding.masked
@stewarding.from_then_on
@options.stated
@options.rehearsed
@pass_session
def create(
    session: Session,
    target: str,
    path: Path,
    etag: str | None,
    mask: str | None,
    effective_time: Timestamp | None,
    validate_only: bool,
) -> None:
    """Ask for a change of a record, or for a new record of a type.

    The file is the one that concord update or concord create would take.
    Nothing changes until a second person approves.

    \b
    concord get suppliers/019352f2-… --json > acme.json
    concord change-requests create suppliers/019352f2-… -f acme.json \\
      --reason 'told by phone, T-17'
    concord change-requests create suppliers -f new.yaml --reason T-18
    """
    kind = kinds.of_name(target) if "/" in target else kinds.named(target, kinds.masters())
    content = _content(kind, target, path)
    method = contracts.method(f"{_SERVICE.name}/CreateChangeRequest")
    request: Any = contracts.request_of(
        method,
        reason=_reason(session, "a change request"),
        effective_time=effective_time,
        validate_only=validate_only,
    )
    if "/" in target:
        current = records.fetch(session.mesh, target)
        request.golden_record, request.etag = target, etag or content.etag or current.etag
        request.update_mask.paths.extend(mask.split(",") if mask else stewarding.differing(current, content))
        if not request.update_mask.paths:
            raise Mistake(f"{path} says what {target} says already", "change a field, or name it with --mask")
    stewarding.clear_derived(content)
    request.content.Pack(content)
    session.output.record(session.mesh.ask(method, request).change_request)


@change_requests.command("list")
@click.option("--golden-record", metavar="NAME", help="Only those of this record.")
@click.option(
    "--state", type=click.Choice(("open", "approved", "rejected", "withdrawn")), help="Only those in this state."
)
@click.option("--author", metavar="NAME", help="Only those that this person asked for.")
@click.option("--type", "kind", metavar="TYPE", type=options.KindOfRecord("Explain"), help="Only those of this type.")
@options.limit
@options.tabular
@pass_session
def list_requests(
    session: Session,
    golden_record: str | None,
    state: str | None,
    author: str | None,
    kind: Kind | None,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List the change requests of your entities, newest first."""
    asked = {
        "golden_record": golden_record,
        "state": f"STATE_{state.upper()}" if state else None,
        "author": author,
        "record_type": kind.record_type if kind else None,
    }
    found = _SERVICE.every(session, "ListChangeRequests", limit, **asked)
    session.output.records(found, "change requests", columns, _COLUMNS)


@change_requests.command("compare")
@click.argument("name")
@options.tabular
@pass_session
def compare(session: Session, name: str, columns: Sequence[str]) -> None:
    """Compare a request with its record, value by value.

    It shows what was there when it was written, what is there now, and what
    is wanted. Values in conflict wait for a choice: see rebase.
    """
    if session.as_json:
        session.output.record(_SERVICE.ask(session, "CompareChangeRequest", name=name))
        return
    # Read before: what is compared is as it was then, or a later one, which this etag does not approve.
    etag = records.fetch(session.mesh, name).etag
    answer = _SERVICE.ask(session, "CompareChangeRequest", name=name)
    session.output.records(answer.differences, "differences", columns, _DIFFERENCE_COLUMNS, whole=not columns)
    beside = f"{answer.golden_record}, revision {answer.golden_revision}" if answer.golden_record else "a new record"
    session.output.note(f"beside {beside}; the request's etag is {etag}")


@change_requests.command("rebase")
@click.argument("name")
@click.option("--wanted", metavar="VALUE", multiple=True, help="In conflict: as the request wants it. Repeatable.")
@click.option("--present", metavar="VALUE", multiple=True, help="In conflict: as the record says it. Repeatable.")
@options.stated
@options.rehearsed
@pass_session
def rebase(session: Session, name: str, wanted: Sequence[str], present: Sequence[str], validate_only: bool) -> None:
    """Write a request anew against its record as it stands.

    What only one side changed moves along by itself. VALUE is named as
    compare names it. Who chooses can't approve the request any more.

    \b
    concord change-requests rebase changeRequests/019352f2-… \\
      --wanted legal_name --present 'sites[HQ]'
    """
    sides = {pb.ConflictChoice.SIDE_WANTED: wanted, pb.ConflictChoice.SIDE_PRESENT: present}
    choices = [pb.ConflictChoice(path=path, side=side) for side, paths in sides.items() for path in paths]
    _settle(session, "RebaseChangeRequest", name, choices=choices, validate_only=validate_only)


@change_requests.command("approve")
@click.argument("name")
@click.option("--etag", default="", metavar="ETAG", help="The request as you saw it; default: as it is now.")
@options.stated
@options.rehearsed
@pass_session
def approve(session: Session, name: str, etag: str, validate_only: bool) -> None:
    """Approve a request and apply it at once.

    Its author can't: it takes a second person. compare tells the etag of
    what it shows: who names it approves nothing that was rebased since.
    """
    _settle(session, "ApproveChangeRequest", name, etag=etag, validate_only=validate_only)


@change_requests.command("reject")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def reject(session: Session, name: str, validate_only: bool) -> None:
    """Reject a request, for a reason."""
    reason = _reason(session, "a rejection")
    _settle(session, "RejectChangeRequest", name, rejection_reason=reason, validate_only=validate_only)


@change_requests.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a request of your own up."""
    _settle(session, "WithdrawChangeRequest", name, validate_only=validate_only)


def _content(kind: Kind, target: str, path: Path) -> Any:
    """Return what a file says of a record. Raises Mistake for another record's, or where the target is no master's."""
    if not kind.is_master:
        raise Mistake(
            f"{target} is no golden record", f"ask for changes of {', '.join(each.nouns for each in kinds.masters())}"
        )
    master = kind.field.message_type
    assert master is not None  # noqa: S101 - a kind is a message
    content: Any = GetMessageClass(master)()
    record_file.read_into(path, content)
    if content.name and content.name != target:
        raise Mistake(f"{path} holds {content.name}, not {target}", "name the record that the file holds")
    return content


def _reason(session: Session, what: str) -> str:
    if not session.reason:
        raise Mistake(f"{what} needs a reason", "say it with --reason")
    return session.reason


def _settle(session: Session, method_name: str, name: str, **asked: Any) -> None:
    session.output.record(_SERVICE.decide(session, method_name, name, **asked).change_request)
