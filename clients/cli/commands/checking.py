"""The check before a create: which records resemble one that is not stored yet, with scores."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display import values
from clients.cli.display.outline import Line
from clients.cli.files import record_file
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake

_BIT = 1000
_MOST_REASONS = 5


@click.command(cls=Command)
@options.kind("Search")
@click.argument("text", metavar="[NAME]", default="")
@click.option("--field", "fields", metavar="FIELD=VALUE", multiple=True, help="What else it says, such as phone=….")
@click.option(
    "--file",
    "-f",
    "path",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The record in YAML or JSON, as create takes it; - reads the input.",
)
@click.option("--identifier", metavar="ID", default="", help="An identifier to find exactly, besides.")
@options.limit
@pass_session
def check(
    session: Session,
    kind: Kind,
    text: str,
    fields: Sequence[str],
    path: Path | None,
    identifier: str,
    limit: int | None,
) -> None:
    """Find what resembles a record before you create it.

    By a name, mistyped or not, by other fields, or by the file that create
    would take. Nothing is written. Told is what matching would do (link them,
    review: ask a steward, distinct: keep them apart), how strong the evidence
    is (10 bits = a thousand to one), and why.

    \b
    concord check suppliers "Bekton Dickinson"
    concord check suppliers --field phone="201 847 6800"
    concord check suppliers -f acme.yaml
    """
    method = kind.method("Search")
    if not contracts.has_field(method, "text"):
        raise Mistake(f"{kind.nouns} are known by their codes alone", f"concord search {kind.nouns} CODE")
    if not (text or fields or path or identifier):
        raise Mistake("nothing to look for", f"concord check {kind.nouns} NAME")
    request: Any = contracts.request_of(method, text=text, identifier=identifier, page_size=limit or 0)
    record = getattr(request, kind.field.name)
    if path:
        record_file.read_into(path, record)
    if fields:
        record_file.fill(_told(fields), record, "--field")
    answer: Any = session.mesh.ask(method, request)
    if session.as_json:
        session.output.record(answer)
        return
    if not answer.hits:
        session.output.note(f"no {kind.nouns} resemble it")
        return
    found = [(getattr(hit, kind.field.name), hit) for hit in answer.hits]
    session.output.records([record for record, _ in found], kind.nouns)
    for record, hit in found:
        session.output.line(f"{record.name}  {_verdict(hit)}", "bold")
        session.output.outline(_reasons(hit))
    session.output.note(f"scored by {answer.match_model or 'the default model of the type'}")


def _told(fields: Sequence[str]) -> dict[str, str]:
    parted = {field: field.partition("=") for field in fields}
    for field, (name, separator, _) in parted.items():
        if not (name and separator):
            raise Mistake(f"--field {field} has no value", "write FIELD=VALUE, such as phone=2018476800")
    return {name: value for name, _, value in parted.values()}


def _verdict(hit: Any) -> str:
    if not hit.HasField("evidence"):
        return "has the identifier"
    field = hit.evidence.DESCRIPTOR.fields_by_name["verdict"]
    return f"{values.text(field, hit.evidence.verdict)}, {_bits(hit.evidence.score_millibits)} bits"


def _reasons(hit: Any) -> Iterator[Line]:
    """Give what speaks for and against a hit: identifiers, then the weightiest attributes."""
    evidence = hit.evidence
    for name in evidence.shared_identifiers or hit.paths:
        yield Line(0, name, "the same")
    if evidence.contradicting_identifier:
        yield Line(0, evidence.contradicting_identifier, "another one")
    for reason in evidence.reasons[:_MOST_REASONS]:
        yield Line(0, reason.attribute, f"{reason.finding} ({_bits(reason.weight_millibits)})")


def _bits(millibits: int) -> str:
    return f"{millibits / _BIT:+.1f}"
