"""How good automatic links are, told from stewards' decisions; and the samples that these are made on."""

from collections.abc import Sequence

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.commands.modelling import SERVICE, bits
from clients.cli.display.columns import Column
from clients.cli.kinds import Kind
from concord.mdm.v1 import match_quality_pb2 as pb

_LIST = "concord.mdm.v1.MatchModelService/ListMatchAudits"
_AUDIT_COLUMNS = ("name", "record_type", "match_model", "link_count", "author", "update_time")


@click.command(cls=Command)
@options.kind("Explain")
@options.wide
@pass_session
def quality(session: Session, kind: Kind) -> None:
    """Tell live precision and recall of automatic links.

    Precision comes from random samples (concord model draw), recall from
    what stewards had to link in the queue; both with the interval in which
    they lie with 95 % certainty.

    \b
    concord model quality suppliers
    """
    found = SERVICE.ask(session, "GetMatchQuality", record_type=kind.record_type).match_quality
    if session.as_json:
        session.output.record(found)
        return
    rows = (
        ("precision", found.precision, found.promise.precision_permille, found.precision_broken),
        ("recall", found.recall, found.promise.recall_permille, found.recall_broken),
    )
    session.output.line(f"{found.match_model}: {found.link_count} automatic links, {found.waiting_count} pairs wait")
    session.output.table(
        [
            Column("", tuple(name for name, *_ in rows)),
            Column("SHARE", tuple(_share(interval) for _, interval, *_ in rows)),
            Column("BETWEEN", tuple(f"{_percent(each.low)} and {_percent(each.high)}" for _, each, *_ in rows)),
            Column("PROMISED", tuple(_percent(promised / 1000) if promised else "" for *_, promised, _ in rows)),
            Column("KEPT", tuple("no" if broken else "not disproved" for *_, broken in rows)),
        ]
    )
    if found.bands:
        session.output.table(
            [
                Column(
                    "BITS", tuple(f"{bits(band.from_millibits)} to {bits(band.to_millibits)}" for band in found.bands)
                ),
                Column("DECIDED", tuple(str(band.same.decided_count) for band in found.bands)),
                Column("ONE_THING", tuple(_share(band.same) for band in found.bands)),
            ]
        )
    if found.undecided_audit_count:
        session.output.note(f"{found.undecided_audit_count} drawn pairs are not decided on: concord model audits")


@click.command(cls=Command)
@options.kind("Explain")
@click.option("--size", type=click.IntRange(1, 1000), metavar="N", help="So many links; default: 100.")
@options.stated
@options.rehearsed
@pass_session
def draw(session: Session, kind: Kind, size: int | None, validate_only: bool) -> None:
    """Draw automatic links at random, to be looked at.

    Decide on each pair: concord decisions must-link when they are one
    thing, concord unmerge when they are two.
    """
    answer = SERVICE.ask(
        session,
        "DrawMatchAudit",
        record_type=kind.record_type,
        size=size,
        validate_only=validate_only,
    )
    _show(session, answer.match_audit)


@click.command(cls=Command)
@click.option("--type", "kind", type=options.KindOfRecord("Explain"), metavar="TYPE", help="Only audits of this type.")
@options.limit
@options.tabular
@pass_session
def audits(session: Session, kind: Kind | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the samples that were drawn, newest first."""
    method = contracts.method(_LIST)
    request = contracts.request_of(method, record_type=kind.record_type if kind else "")
    session.output.records(session.mesh.every(method, request, limit), "audits", columns, _AUDIT_COLUMNS)


@click.command(cls=Command)
@click.argument("name")
@options.wide
@pass_session
def audit(session: Session, name: str) -> None:
    """Show a sample's pairs, and what was decided on them."""
    _show(session, SERVICE.ask(session, "GetMatchAudit", name=name).match_audit)


def _show(session: Session, shown: pb.MatchAudit) -> None:
    if session.as_json:
        session.output.record(shown)
        return
    session.output.line(f"{shown.name}: {len(shown.matches)} of {shown.link_count} links under {shown.match_model}")
    if shown.matches:
        session.output.table(
            [
                Column("SOURCE_RECORDS", tuple(" ".join(match.source_records) for match in shown.matches)),
                Column("BITS", tuple(bits(match.millibits) for match in shown.matches)),
                Column("VERDICT", tuple(_verdict(match) for match in shown.matches)),
            ]
        )


def _verdict(match: pb.AuditedMatch) -> str:
    if not match.verdict:
        return "open"
    return pb.AuditedMatch.Verdict.Name(match.verdict).removeprefix("VERDICT_").lower()


def _share(interval: pb.ShareInterval) -> str:
    return _percent(interval.share) if interval.HasField("share") else "not known"


def _percent(share: float) -> str:
    return f"{share:.1%}"
