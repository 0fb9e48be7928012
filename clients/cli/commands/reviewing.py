"""The stewards' queue: pairs of source records that matching will not decide alone."""

from collections.abc import Sequence
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.commands import linking
from clients.cli.connection import records
from clients.cli.display import values
from clients.cli.display.columns import Column
from clients.cli.display.comparison import compare
from clients.cli.display.outline import Line
from clients.cli.kinds import Kind
from concord.mdm.v1 import match_pb2

_LIST = "concord.mdm.v1.StewardshipService/ListMatchCandidates"
_MOST_REASONS = 3
_BIT = 1000
_DECISIONS = {
    "accept": match_pb2.MatchDecision.KIND_MUST_LINK,
    "reject": match_pb2.MatchDecision.KIND_CANNOT_LINK,
}


@click.group(cls=Group)
def review() -> None:
    """Work the queue of pairs that may be one thing."""


@review.command("list")
@click.option("--type", "kind", type=options.KindOfRecord("Explain"), metavar="TYPE", help="Only those of this type.")
@click.option("--claimant", metavar="SUBJECT", help="Only those that this person is at work on.")
@click.option("--unclaimed", is_flag=True, help="Only those that nobody is at work on.")
@options.limit
@options.tabular
@pass_session
def list_(
    session: Session,
    kind: Kind | None,
    claimant: str | None,
    unclaimed: bool,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List what waits and why, the most urgent first."""
    method = contracts.method(_LIST)
    record_type = kind.record_type if kind else ""
    request = contracts.request_of(method, record_type=record_type, claimant=claimant, unclaimed=unclaimed)
    found = session.mesh.every(method, request, limit)
    if session.as_json or columns:
        session.output.records(found, "candidates", columns)
        return
    shown = list(found)
    if not shown:
        session.output.note("nothing waits")
        return
    session.output.table(
        [
            Column("NAME", tuple(one.name for one in shown)),
            Column("PRIORITY", tuple(str(one.priority) for one in shown)),
            Column("BITS", tuple(_bits(one.score_millibits) for one in shown)),
            Column("DOUBT", tuple(_doubt(one) for one in shown)),
            Column("CLAIMANT", tuple(one.claimant for one in shown)),
            Column("REASONS", tuple(_summary(one) for one in shown)),
        ]
    )


@review.command("show")
@click.argument("name")
@pass_session
def show(session: Session, name: str) -> None:
    """Show a pair: why it waits, and where the two differ."""
    candidate = records.fetch(session.mesh, name)
    if session.as_json:
        session.output.record(candidate)
        return
    session.output.line(f"{candidate.name}  {_doubt(candidate)}, {_bits(candidate.score_millibits)} bits", "bold")
    session.output.outline(_weighed(one) for one in candidate.reasons)
    two = [records.fetch(session.mesh, golden) for golden in candidate.golden_records]
    for source, golden in zip(candidate.source_records, two, strict=True):
        session.output.line(f"{source}\n  of {golden.name}")
    session.output.outline(line for one in compare(*two) for line in _difference(one))


@review.command("claim")
@click.argument("name")
@click.option("--seconds", type=click.IntRange(1, 604_800), metavar="N", help="For how long; default: an hour.")
@options.rehearsed
@pass_session
def claim(session: Session, name: str, seconds: int | None, validate_only: bool) -> None:
    """Keep a pair for yourself, so that no two work on it."""
    asked = {"name": name, "seconds": seconds, "validate_only": validate_only}
    session.output.record(linking.SERVICE.ask(session, "ClaimMatchCandidate", **asked).match_candidate)


@review.command("release")
@click.argument("name")
@options.rehearsed
@pass_session
def release(session: Session, name: str, validate_only: bool) -> None:
    """Give a pair back that you claimed."""
    asked = {"name": name, "validate_only": validate_only}
    session.output.record(linking.SERVICE.ask(session, "ReleaseMatchCandidate", **asked).match_candidate)


@review.command("decide")
@click.argument("name")
@click.argument("decision", type=click.Choice(tuple(_DECISIONS)))
@linking.withdrawing
@options.stated
@options.rehearsed
@pass_session
def decide(session: Session, /, name: str, decision: str, **asked: Any) -> None:
    """Decide for good: accept merges, reject keeps apart.

    \b
    concord review decide matchCandidates/019… accept --reason T-17
    """
    answer = linking.SERVICE.ask(
        session,
        "DecideMatchCandidate",
        name=name,
        kind=_DECISIONS[decision],
        reason=linking.said_why(session),
        **asked,
    )
    session.output.record(answer)


def _weighed(reason: Any) -> Line:
    return Line(0, reason.attribute, f"{reason.finding} ({_bits(reason.weight_millibits)})")


def _bits(millibits: int) -> str:
    return f"{millibits / _BIT:+.1f}"


def _doubt(candidate: Any) -> str:
    field = candidate.DESCRIPTOR.fields_by_name["doubt"]
    return values.text(field, candidate.doubt).replace("_", " ")


def _summary(candidate: Any) -> str:
    return "; ".join(f"{one.attribute} {one.finding}" for one in candidate.reasons[:_MOST_REASONS])


def _difference(one: Any) -> Sequence[Line]:
    return [Line(0, one.path), Line(1, "one", one.before or "(nothing)"), Line(1, "other", one.after or "(nothing)")]
