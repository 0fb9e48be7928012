"""Match models: trained, looked at, tuned, promoted by a second person; and what pairs score under them."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from clients.cli import options
from clients.cli.command import Session, pass_session
from clients.cli.display.columns import Column
from clients.cli.kinds import Kind
from clients.cli.later import LaterGroup
from clients.cli.service import Service
from concord.mdm.v1 import match_model_service_pb2 as pb
from concord.mdm.v1 import match_quality_pb2, match_trial_pb2

F = TypeVar("F", bound=Callable[..., Any])

SERVICE = Service("concord.mdm.v1.MatchModelService")
_COLUMNS = ("name", "state", "author", "model.link_millibits", "model.record_count", "update_time")
_STATES = tuple(name.removeprefix("STATE_").lower() for name in pb.MatchModelRecord.State.keys()[1:])
_BITS = 1000
_PAUSE_S = 0.5


class _Cut(click.FloatRange):
    """A cut in bits, as far as a model may have it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a cut; what is no number is in no range either."""
        read = super().convert(value, param, ctx)
        return self.fail(f"{value!r} is no number of bits", param, ctx) if math.isnan(read) else read


_CUT, _REVIEW_CUT = _Cut(0, 1000), _Cut(-1000, 1000)


def with_cuts(command: F) -> F:
    """Take the cuts that a person sets, in bits."""
    for option in (
        click.option("--no-automatic-links", is_flag=True, help="Link nothing automatically; queue everything."),
        click.option("--margin", type=_CUT, metavar="BITS", help="How far the second-best has to be behind."),
        click.option("--review", type=_REVIEW_CUT, metavar="BITS", help="Ask a steward from here on."),
        click.option("--link", type=_CUT, metavar="BITS", help="Link automatically from here on."),
    ):
        command = option(command)
    return command


_JUDGED = {name: f"live_quality.{name}" for name in ("quality", "draw", "audits", "audit")}


@click.group(cls=LaterGroup, later=_JUDGED)
def model() -> None:
    """Train match models, tune them, put them in force."""


@model.command("list")
@click.option("--type", "kind", type=options.KindOfRecord("Explain"), metavar="TYPE", help="Only models of this type.")
@click.option("--state", type=click.Choice(_STATES), help="Only models in this state.")
@options.limit
@options.tabular
@pass_session
def list_(session: Session, kind: Kind | None, state: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List match models by type, newest first."""
    wanted = f"STATE_{state.upper()}" if state else None
    found = SERVICE.every(session, "ListMatchModels", limit, record_type=kind.record_type if kind else "", state=wanted)
    session.output.records(found, "match models", columns, _COLUMNS)


@model.command("show")
@click.argument("name")
@options.wide
@pass_session
def show(session: Session, name: str) -> None:
    """Show a model, its cuts, and what each attribute weighs.

    Weights and cuts are in bits, lowest level of similarity first.

    \b
    concord model show matchModels/supplier-3
    """
    shown = SERVICE.ask(session, "GetMatchModel", name=name).match_model
    if session.as_json:
        session.output.record(shown)
        return
    weights = list(shown.model.weights)
    del shown.model.weights[:]
    session.output.record(shown)
    if weights:
        names = Column("ATTRIBUTE", tuple(each.attribute for each in weights))
        levels = Column("BITS_BY_LEVEL", tuple(" ".join(map(bits, each.level_millibits)) for each in weights))
        session.output.table([names, levels])


@model.command("train")
@options.kind("Explain")
@click.option("--base", "base_model", default="", metavar="NAME", help="Take this model's weights; train nothing.")
@with_cuts
@click.option("--precision", type=click.FloatRange(0, 1), metavar="SHARE", help="Promise, such as 0.995.")
@click.option("--recall", type=click.FloatRange(0, 1), metavar="SHARE", help="Promise, such as 0.95.")
@click.option("--rationale", default="", metavar="TEXT", help="Why; kept with the model.")
@click.option("--wait", is_flag=True, help="Wait until it is trained.")
@options.stated
@options.rehearsed
@pass_session
def train(
    session: Session,
    /,
    kind: Kind,
    base_model: str,
    precision: float | None,
    recall: float | None,
    rationale: str,
    wait: bool,
    validate_only: bool,
    **cuts: Any,
) -> None:
    """Order a model of a type; a second person promotes it.

    The hub trains it from the source records that it holds; stewards'
    decisions are labels. With --base only the cuts change, at once.

    \b
    concord model train suppliers --wait
    concord model train suppliers --base matchModels/supplier-3 --link 15
    concord whatif model matchModels/supplier-4
    """
    promise = match_quality_pb2.MatchPromise(precision_permille=_permille(precision), recall_permille=_permille(recall))
    ordered = SERVICE.ask(
        session,
        "TrainMatchModel",
        record_type=kind.record_type,
        base_model=base_model,
        tuning=tuning_of(**cuts),
        promise=promise,
        rationale=rationale,
        validate_only=validate_only,
    ).match_model
    if wait and not validate_only:
        ordered = _trained(session, ordered)
    session.output.record(ordered)


@model.command("promote")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def promote(session: Session, name: str, validate_only: bool) -> None:
    """Put a model in force; the one before retires.

    Its author can't: it takes a second person.
    """
    _settle(session, "PromoteMatchModel", name, validate_only=validate_only)


@model.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a model up that was not promoted."""
    _settle(session, "WithdrawMatchModel", name, validate_only=validate_only)


@model.command("score")
@click.argument("source_records", nargs=2, metavar="SOURCE_RECORD SOURCE_RECORD")
@click.option("--model", "match_model", default="", metavar="NAME", help="Under this model; default: the one in force.")
@options.wide
@pass_session
def score(session: Session, source_records: tuple[str, str], match_model: str) -> None:
    """Compute what two source records score, part by part.

    The same whole numbers whenever it is asked. NAME@REVISION asks for an
    earlier revision of a source record.

    \b
    concord model score systems/erp/sourceRecords/019352f2-…@3 \\
      systems/legacy/sourceRecords/019352f7-… --model matchModels/supplier-2
    """
    asked = [_revision(each) for each in source_records]
    answer = SERVICE.ask(session, "ScoreSourceRecords", source_revisions=asked, match_model=match_model)
    if session.as_json:
        session.output.record(answer)
        return
    found = answer.score
    band = pb.MatchScore.Band.Name(found.band).removeprefix("BAND_").lower()
    session.output.line(f"{bits(found.millibits)} bits: {band}, under {answer.match_model or 'the default model'}")
    if found.forbidden:
        session.output.line(f"they differ in {found.forbidden}: never linked automatically", "yellow")
    session.output.table(
        [
            Column("ATTRIBUTE", tuple(part.attribute for part in found.parts)),
            Column("LEVEL", tuple("" if part.level < 0 else str(part.level) for part in found.parts)),
            Column("BITS", tuple(bits(part.millibits) for part in found.parts)),
        ]
    )


def _trained(session: Session, ordered: pb.MatchModelRecord) -> pb.MatchModelRecord:
    with session.output.waiting(f"{ordered.name} is being trained"):
        while ordered.state == pb.MatchModelRecord.STATE_TRAINING:
            time.sleep(_PAUSE_S)
            ordered = SERVICE.ask(session, "GetMatchModel", name=ordered.name).match_model
    return ordered


def _settle(session: Session, method_name: str, name: str, *, validate_only: bool) -> None:
    session.output.record(SERVICE.decide(session, method_name, name, validate_only=validate_only).match_model)


def tuning_of(
    *, link: float | None, review: float | None, margin: float | None, no_automatic_links: bool
) -> match_trial_pb2.MatchTuning:
    """Return the cuts in thousandths of a bit."""
    return match_trial_pb2.MatchTuning(
        link_millibits=_millibits(link),
        review_millibits=_millibits(review),
        margin_millibits=_millibits(margin),
        no_automatic_links=no_automatic_links,
    )


def _millibits(bits: float | None) -> int | None:
    return None if bits is None else round(bits * _BITS)


def _permille(share: float | None) -> int:
    return round((share or 0) * 1000)


def bits(millibits: int) -> str:
    """Return a weight in bits."""
    return f"{millibits / _BITS:.1f}"


def _revision(text: str) -> pb.SourceRevision:
    name, _, number = text.partition("@")
    if number and not number.isdecimal():
        raise click.BadParameter(f"{number!r} is no revision's number: write NAME@3")
    return pb.SourceRevision(source_record=name, revision=int(number or 0))
