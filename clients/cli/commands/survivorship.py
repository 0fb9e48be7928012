"""Survivorship rules: what decides between systems' words, what other rules would change, how far records follow."""

from collections.abc import Sequence
from pathlib import Path

import click

from clients.cli import options, proposals
from clients.cli.command import Group, Session, pass_session
from clients.cli.kinds import Kind
from clients.cli.proposals import Proposals
from clients.cli.service import Service
from concord.mdm.v1 import survivorship_pb2

_SERVICE = Service("concord.mdm.v1.SurvivorshipService")
_RULES_COLUMNS = (
    *("name", "revision", "reevaluation.finished", "reevaluation.examined_count", "reevaluation.changed_count"),
    *("groups.group", "author", "decider"),
)
_PROPOSALS = Proposals(
    _SERVICE,
    survivorship_pb2.SurvivorshipProposal,
    ("name", "state", "author", "record_type", "groups.group", "rationale"),
)
_DIFFERENCE_COLUMNS = ("golden_record", "path", "before.value", "after.value", "rule", "before.system", "after.system")


@click.group(cls=Group)
def survivorship() -> None:
    """See, propose and promote what decides between systems."""


@survivorship.command("list")
@options.tabular
@pass_session
def list_rules(session: Session, columns: Sequence[str]) -> None:
    """List the rules of every type, and how far records follow."""
    session.output.records(_SERVICE.every(session, "ListSurvivorshipRules"), "rules", columns, _RULES_COLUMNS)


@survivorship.command("show")
@options.kind("Explain")
@pass_session
def show(session: Session, kind: Kind) -> None:
    """Show the rules of a type, and how far its records follow."""
    answer = _SERVICE.ask(session, "GetSurvivorshipRules", name=f"survivorshipRules/{kind.record_type}")
    session.output.record(answer.survivorship_rules)


@survivorship.command("propose")
@proposals.from_file
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
    _PROPOSALS.show(session, _PROPOSALS.create(session, _PROPOSALS.read(path), validate_only=validate_only))


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
    _PROPOSALS.show(session, _PROPOSALS.create(session, proposal, validate_only=validate_only))


@survivorship.command("proposals")
@proposals.in_state
@options.limit
@options.tabular
@pass_session
def list_proposals(session: Session, state: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the proposals, newest first."""
    _PROPOSALS.show_every(session, state, limit, columns)


@survivorship.command("compare")
@click.argument("name")
@options.tabular
@pass_session
def compare(session: Session, name: str, columns: Sequence[str]) -> None:
    """List the values that a proposal would change."""
    found = _SERVICE.every(session, "CompareSurvivorshipProposal", name=name)
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
    _PROPOSALS.promote(session, name, validate_only=validate_only)


@survivorship.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a proposal up."""
    _PROPOSALS.withdraw(session, name, validate_only=validate_only)
