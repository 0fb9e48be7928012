"""Who belongs to whom: merging and unmerging records, and decisions on pairs of source records."""

from collections.abc import Sequence

import click

from clients.cli import contracts, kinds, options
from clients.cli.command import Command, Group, Session, pass_session
from clients.cli.connection import records
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake
from clients.cli.service import Service
from concord.mdm.v1 import match_pb2

SERVICE = Service("concord.mdm.v1.StewardshipService")
_DECISION_COLUMNS = ("name", "kind", "state", "source_records", "author", "reason")
withdrawing = click.option(
    "--withdraw-decisions", is_flag=True, help="Withdraw what stewards decided to the contrary before."
)


@click.command(cls=Command)
@click.argument("name")
@click.argument("other")
@withdrawing
@options.stated
@options.rehearsed
@pass_session
def merge(session: Session, name: str, other: str, withdraw_decisions: bool, validate_only: bool) -> None:
    """Make one golden record of two.

    The older name goes on, whichever comes first here; the other one leads
    to it from now on. What is decided holds against match models.

    \b
    concord merge suppliers/019352f2-… suppliers/019352f7-… --reason T-17
    """
    method = kinds.of_name(name).method("Merge")
    one, two = (records.newest(session.mesh, each) for each in (name, other))
    merged = session.mesh.ask(
        method,
        contracts.request_of(
            method,
            name=name,
            etag=one.etag,
            other_name=other,
            other_etag=two.etag,
            reason=said_why(session),
            withdraw_decisions=withdraw_decisions,
            validate_only=validate_only,
        ),
    )
    session.output.record(merged)


@click.command(cls=Command)
@click.argument("source_record")
@click.option("--with", "along_with", multiple=True, metavar="SOURCE_RECORD", help="Another one that leaves with it.")
@options.stated
@options.rehearsed
@pass_session
def unmerge(session: Session, source_record: str, along_with: Sequence[str], validate_only: bool) -> None:
    """Part a source record from the others of its golden record.

    Nothing is lost by it, and it is not linked with them again. A name
    that was merged away comes back.

    \b
    concord list source-records --golden-record suppliers/019352f2-…
    concord unmerge systems/erp/sourceRecords/019352f2-… --reason T-17
    """
    golden = records.fetch(session.mesh, source_record).golden_record
    answer = SERVICE.ask(
        session,
        "UnmergeSourceRecord",
        name=source_record,
        etag=records.newest(session.mesh, golden).etag,
        along_with=along_with,
        reason=said_why(session),
        validate_only=validate_only,
    )
    session.output.record(answer)


@click.group(cls=Group)
def decisions() -> None:
    """Decide that two source records are one thing, or are not."""


@decisions.command("list")
@click.option("--source-record", metavar="NAME", help="Only those about this source record.")
@click.option("--type", "kind", type=options.KindOfRecord("Explain"), metavar="TYPE", help="Only those of this type.")
@click.option("--withdrawn", is_flag=True, help="Those that hold no longer, too.")
@options.limit
@options.tabular
@pass_session
def list_(
    session: Session,
    source_record: str | None,
    kind: Kind | None,
    withdrawn: bool,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List the decisions on pairs of source records."""
    found = SERVICE.every(
        session,
        "ListMatchDecisions",
        limit,
        source_record=source_record,
        record_type=kind.record_type if kind else "",
        show_withdrawn=withdrawn,
    )
    session.output.records(found, "decisions", columns, _DECISION_COLUMNS)


@decisions.command("must-link")
@click.argument("source_record")
@click.argument("other")
@withdrawing
@options.stated
@options.rehearsed
@pass_session
def must_link(session: Session, /, source_record: str, other: str, **asked: bool) -> None:
    """Decide that two source records are one thing: it merges."""
    _decide(session, match_pb2.MatchDecision.KIND_MUST_LINK, (source_record, other), **asked)


@decisions.command("cannot-link")
@click.argument("source_record")
@click.argument("other")
@withdrawing
@options.stated
@options.rehearsed
@pass_session
def cannot_link(session: Session, /, source_record: str, other: str, **asked: bool) -> None:
    """Decide that two source records are never one thing."""
    _decide(session, match_pb2.MatchDecision.KIND_CANNOT_LINK, (source_record, other), **asked)


@decisions.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Let a decision hold no longer; links stay as they are."""
    reason = said_why(session)
    answer = SERVICE.decide(session, "WithdrawMatchDecision", name, reason=reason, validate_only=validate_only)
    session.output.record(answer.match_decision)


def said_why(session: Session) -> str:
    """Return the reason of a decision, which is kept with it. Raises Mistake when there is none."""
    if not session.reason:
        raise Mistake("a decision on links is kept with its reason", "say why: --reason TEXT")
    return session.reason


def _decide(session: Session, kind: int, pair: tuple[str, str], **asked: bool) -> None:
    decision = {"source_records": pair, "kind": kind, "reason": said_why(session)}
    answer = SERVICE.ask(session, "CreateMatchDecision", match_decision=decision, **asked)
    session.output.record(answer.match_decision)
