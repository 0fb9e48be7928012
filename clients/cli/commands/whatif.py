"""What-if: what a changed model, rule or map would do to the golden records there are, before it does it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import contracts, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.commands import codes
from clients.cli.commands.modelling import bits, tuning_of, with_cuts
from clients.cli.display.columns import Column
from clients.cli.display.output import as_document
from clients.cli.files import code_file
from clients.cli.mistake import Mistake
from concord.mdm.v1 import match_trial_pb2 as pb

_COMPARE = "concord.mdm.v1.MatchModelService/CompareMatchModel"
_COMPARE_RULES = "concord.mdm.v1.SurvivorshipService/CompareSurvivorshipProposal"
_VALUE_COLUMNS = ("golden_record", "path", "before.value", "after.value", "rule", "before.system", "after.system")
_FINDINGS = ("merge", "split", "value", "contradiction")


@click.group(cls=Group)
def whatif() -> None:
    """Try a change out on all golden records; nothing is written."""


@whatif.command("model")
@click.argument("name")
@with_cuts
@click.option("--most", type=click.IntRange(min=1), metavar="N", help="Tell so many findings of a kind; default: 1000.")
@options.wide
@pass_session
def model(session: Session, /, name: str, most: int | None, **cuts: Any) -> None:
    """Try a match model out, as it is or with other cuts.

    It tells which golden records would be one, which would be parted,
    which values would change, which of stewards' decisions the model
    speaks against, and how many pairs would wait.

    \b
    concord whatif model matchModels/supplier-4
    concord whatif model matchModels/supplier-4 --link 15 --json
    """
    method = contracts.method(_COMPARE)
    request = contracts.request_of(method, name=name, tuning=tuning_of(**cuts), most_findings=most)
    found = _Found()
    with session.output.waiting("trying it out"):
        for told in session.mesh.listen(method, request):
            found.take(told)
    if session.as_json:
        session.output.document(found.document())
        return
    found.show(session)


@whatif.command("survivorship")
@click.argument("name")
@options.tabular
@pass_session
def survivorship(session: Session, name: str, columns: Sequence[str]) -> None:
    """Try proposed survivorship rules out.

    It tells every value of a golden record that would be another, and whose
    word it would be, which pins would end, and what rules can't change.

    \b
    concord whatif survivorship survivorshipProposals/019352f2-…
    """
    method = contracts.method(_COMPARE_RULES)
    pages = list(session.mesh.pages(method, contracts.request_of(method, name=name)))
    values = [each for page in pages for each in page.differences]
    ending = [each for page in pages for each in page.ending_pins]
    goldens, last = len({each.golden_record for each in values}), pages[-1]
    if session.as_json:
        numbers = {"value_count": len(values), "golden_record_count": goldens}
        summary = numbers | {"ending_pin_count": len(ending), "review_count": last.review_count}
        told = {"values": values, "ending_pins": ending, "unaffected": last.unaffected}
        found = {kind: [as_document(each) for each in some] for kind, some in told.items()}
        session.output.document({"summary": summary, **found})
        return
    session.output.records(values, "values that would change", columns, _VALUE_COLUMNS, whole=not columns)
    session.output.line(f"{len(values)} values of {goldens} golden records would change")
    codes.tell_consequences(session, ending, last.review_count, last.unaffected)


@whatif.command("codes")
@click.argument("system")
@click.argument("code_list", metavar="LIST")
@click.argument("pairs", metavar="[CODE=CANONICAL]...", nargs=-1)
@click.option("--remove", "removed", metavar="CODE", multiple=True, help="Let this code be unmapped again.")
@click.option(
    "--file",
    "path",
    metavar="FILE.csv",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Codes to map: columns source_code and canonical_code.",
)
@pass_session
def codes_(
    session: Session, system: str, code_list: str, pairs: Sequence[str], removed: Sequence[str], path: Path | None
) -> None:
    """Try another code map of a system out.

    It tells which codes in use would lead elsewhere, how many golden
    records would change or have an unmapped code, which pins would end,
    and what a map can't change.

    \b
    concord whatif codes erp units CA=CS KT=CS
    concord whatif codes erp units --file erp-units.csv
    """
    said = dict(codes.pair_of(pair) for pair in pairs)
    if path is not None:
        said |= dict(code_file.rows(path, "source_code", "canonical_code"))
    if not said and not removed:
        raise Mistake("there is nothing to try out", "write CODE=CANONICAL, --file FILE.csv or --remove CODE")
    codes.propose_map(session, system, code_list, said, removed, validate_only=True)


class _Found:
    """What a trial told."""

    def __init__(self) -> None:
        self._of: dict[str, list[Any]] = {kind: [] for kind in _FINDINGS}
        self._summary = pb.MatchTrialSummary()

    def take(self, told: pb.CompareMatchModelResponse) -> None:
        kind = told.WhichOneof("told")
        if kind == "summary":
            self._summary = told.summary
        elif kind in self._of:
            self._of[kind].append(getattr(told, kind))

    def document(self) -> dict[str, Any]:
        findings = {f"{kind}s": [as_document(each) for each in found] for kind, found in self._of.items()}
        return {"summary": as_document(self._summary), **findings}

    def show(self, session: Session) -> None:
        for title, columns in (
            ("would be one", self._merges()),
            ("would be parted", self._splits()),
            ("values that would change", self._values()),
            ("decisions that the model speaks against; they hold", self._contradictions()),
        ):
            shown = list(columns)
            if shown[0].cells:
                session.output.line(title, "bold")
                session.output.table(shown)
        session.output.line("in numbers", "bold")
        session.output.record(self._summary)

    def _merges(self) -> Iterator[Column]:
        merges = self._of["merge"]
        yield Column("GOLDEN_RECORDS", tuple(" ".join(each.golden_records) for each in merges))
        yield Column("WHY", tuple(_why(each) for each in merges))

    def _splits(self) -> Iterator[Column]:
        splits = self._of["split"]
        yield Column("GOLDEN_RECORD", tuple(each.golden_record for each in splits))
        yield Column("PARTS", tuple(" | ".join(" ".join(p.source_records) for p in each.parts) for each in splits))

    def _values(self) -> Iterator[Column]:
        values = self._of["value"]
        yield Column("GOLDEN_RECORD", tuple(each.golden_record for each in values))
        yield Column("PATH", tuple(each.path for each in values))
        yield Column("WOULD_BE_SAID_BY", tuple(each.source_record or "nobody" for each in values))

    def _contradictions(self) -> Iterator[Column]:
        found = self._of["contradiction"]
        yield Column("SOURCE_RECORDS", tuple(" ".join(each.source_records) for each in found))
        yield Column("MODEL", tuple(_said(each) for each in found))


def _why(merge: pb.MatchTrialMerge) -> str:
    return "; ".join(
        f"{pb.MatchTrialJoin.Reason.Name(join.reason).removeprefix('REASON_').lower()} {bits(join.millibits)}".strip()
        for join in merge.joins
    )


def _said(contradiction: pb.MatchTrialContradiction) -> str:
    against = pb.MatchTrialContradiction.Against.Name(contradiction.against).removeprefix("AGAINST_")
    return f"{against.lower().replace('_', ' ')} at {bits(contradiction.millibits)}"
