"""Survivorship rules: what decides between systems' words, what other rules would change, how far records follow."""

import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.commands import records
from clients.cli.files import record_file
from clients.cli.kinds import Kind
from concord.mdm.v1 import survivorship_pb2

_SERVICE = "concord.mdm.v1.SurvivorshipService"
_RULES_COLUMNS = (
    *("name", "revision", "reevaluation.finished", "reevaluation.examined_count", "reevaluation.changed_count"),
    *("groups.group", "author", "decider"),
)
_PROPOSAL_COLUMNS = ("name", "state", "author", "record_type", "groups.group", "rationale")
_DIFFERENCE_COLUMNS = ("golden_record", "path", "before.value", "after.value", "rule", "before.system", "after.system")


@click.group(cls=Group)
def survivorship() -> None:
    """See, propose and promote what decides between systems."""


@survivorship.command("list")
@options.tabular
@pass_session
def list_rules(session: Session, columns: Sequence[str]) -> None:
    """List the rules of every type, and how far records follow."""
    method = contracts.method(f"{_SERVICE}/ListSurvivorshipRules")
    session.output.records(session.mesh.every(method, contracts.request_of(method)), "rules", columns, _RULES_COLUMNS)


@survivorship.command("show")
@options.kind("Explain")
@pass_session
def show(session: Session, kind: Kind) -> None:
    """Show the rules of a type, and how far its records follow."""
    answer = _ask(session, "GetSurvivorshipRules", name=f"survivorshipRules/{kind.record_type}")
    session.output.record(answer.survivorship_rules)


@survivorship.command("propose")
@click.option(
    "--file",
    "-f",
    "path",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The proposal in YAML or JSON; - reads the input.",
)
@options.stated
@options.rehearsed
@pass_session
def propose(session: Session, path: Path, validate_only: bool) -> None:
    """Propose the rules of a type; a second person promotes them.

    Groups that are not named go by trust, then recency.

    \b
    record_type: supplier
    groups:
      - {group: phone, criteria: [CRITERION_RECENCY]}
      - {group: sites, criteria: [CRITERION_COMPLETENESS, CRITERION_TRUST]}
    rationale: Buyers keep phone numbers up to date
    """
    method = contracts.method(f"{_SERVICE}/CreateSurvivorshipProposal")
    request: Any = contracts.request_of(method, request_id=str(uuid.uuid4()), validate_only=validate_only)
    record_file.read_into(path, request.survivorship_proposal)
    session.output.record(session.mesh.ask(method, request).survivorship_proposal)


@survivorship.command("retire")
@options.kind("Explain")
@options.stated
@options.rehearsed
@pass_session
def retire(session: Session, kind: Kind, validate_only: bool) -> None:
    """Propose to retire the rules of a type.

    Once promoted, all of it goes by trust, then recency.
    """
    proposal = survivorship_pb2.SurvivorshipProposal(record_type=kind.record_type)
    asked = {"request_id": str(uuid.uuid4()), "validate_only": validate_only}
    answer = _ask(session, "CreateSurvivorshipProposal", survivorship_proposal=proposal, **asked)
    session.output.record(answer.survivorship_proposal)


@survivorship.command("proposals")
@click.option("--state", type=click.Choice(("proposed", "promoted", "withdrawn")), help="Only those in this state.")
@options.limit
@options.tabular
@pass_session
def proposals(session: Session, state: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the proposals, newest first."""
    method = contracts.method(f"{_SERVICE}/ListSurvivorshipProposals")
    wanted = survivorship_pb2.SurvivorshipProposal.State.Value(f"STATE_{state.upper()}") if state else 0
    found = session.mesh.every(method, contracts.request_of(method, state=wanted), limit)
    session.output.records(found, "proposals", columns, _PROPOSAL_COLUMNS)


@survivorship.command("compare")
@click.argument("name")
@options.tabular
@pass_session
def compare(session: Session, name: str, columns: Sequence[str]) -> None:
    """List the values that a proposal would change."""
    method = contracts.method(f"{_SERVICE}/CompareSurvivorshipProposal")
    found = session.mesh.every(method, contracts.request_of(method, name=name))
    session.output.records(found, "differences", columns, _DIFFERENCE_COLUMNS, whole=not columns)


@survivorship.command("promote")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def promote(session: Session, name: str, validate_only: bool) -> None:
    """Put proposed rules in force.

    Their author can't: it takes a second person. Golden records that exist
    follow in the background; concord survivorship show tells how far they are.
    """
    _settle(session, "PromoteSurvivorshipProposal", name, validate_only=validate_only)


@survivorship.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a proposal up."""
    _settle(session, "WithdrawSurvivorshipProposal", name, validate_only=validate_only)


def _settle(session: Session, method: str, name: str, *, validate_only: bool) -> None:
    etag = records.fetch(session.mesh, name).etag
    asked = {"name": name, "etag": etag, "request_id": str(uuid.uuid4()), "validate_only": validate_only}
    session.output.record(_ask(session, method, **asked).survivorship_proposal)


def _ask(session: Session, method_name: str, /, **asked: Any) -> Any:
    method = contracts.method(f"{_SERVICE}/{method_name}")
    return session.mesh.ask(method, contracts.request_of(method, **asked))
