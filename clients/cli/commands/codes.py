"""Reference data: code lists, systems' code maps, what is not mapped, how far a changed map has come."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import options, proposals
from clients.cli.command import Group, Session, pass_session
from clients.cli.connection import records
from clients.cli.display.columns import Column
from clients.cli.files import code_file
from clients.cli.kinds import qualified
from clients.cli.mistake import Mistake
from clients.cli.proposals import Proposals
from clients.cli.service import Service
from concord.mdm.v1 import code_map_proposal_pb2, what_if_pb2
from concord.mdm.v1 import reference_data_pb2 as pb

_SERVICE = Service("concord.mdm.v1.ReferenceDataService")
_PROPOSALS = Proposals(
    Service("concord.mdm.v1.CodeMapProposalService"),
    code_map_proposal_pb2.CodeMapProposal,
    ("name", "state", "author", "code_map", "retires", "rationale"),
)
_LISTS, _MAPS = "codeLists", "codeMaps"
_LIST_COLUMNS = ("name", "display_name", "update_time")
_MAP_COLUMNS = ("name", "system", "code_list", "update_time")
_UNMAPPED_COLUMNS = ("source_code", "system", "code_list", "source_records", "since", "example", "canonical_code")
_RUN_COLUMNS = ("code_map", "state", "records_visited", "records_total", "records_changed", "update_time")
_EFFECT_COLUMNS = ("source_code", "canonical_before", "canonical_after", "records", "example")


@click.group(cls=Group)
def codes() -> None:
    """Keep code lists and map systems' codes to them."""


def _of_system(command: Callable[..., Any]) -> Callable[..., Any]:
    taken = click.option("--system", default="", metavar="SYSTEM", help="Only of this system, such as erp.")
    return taken(click.option("--list", "code_list", default="", metavar="LIST", help="Only for this list.")(command))


def _preferring(command: Callable[..., Any]) -> Callable[..., Any]:
    told = "Write this code to the system, where several lead to one."
    return click.option("--prefer", "preferred", metavar="CODE", multiple=True, help=told)(command)


@codes.command("lists")
@options.limit
@options.tabular
@pass_session
def lists(session: Session, limit: int | None, columns: Sequence[str]) -> None:
    """List the code lists; concord codes show NAME shows one."""
    found = _SERVICE.every(session, "ListCodeLists", limit)
    session.output.records(found, "code lists", columns, _LIST_COLUMNS)


@codes.command("maps")
@_of_system
@options.limit
@options.tabular
@pass_session
def maps(session: Session, system: str, code_list: str, limit: int | None, columns: Sequence[str]) -> None:
    """List the code maps of your entities' systems."""
    found = _SERVICE.every(session, "ListCodeMaps", limit, **_filter(system, code_list))
    session.output.records(found, "code maps", columns, _MAP_COLUMNS)


@codes.command("show")
@click.argument("name")
@options.wide
@pass_session
def show(session: Session, name: str) -> None:
    """Show the codes of a list, or of a map: SYSTEM:LIST.

    \b
    concord codes show units
    concord codes show erp:units
    """
    found = records.fetch(session.mesh, qualified(_MAPS if ":" in name else _LISTS, name))
    if session.as_json:
        session.output.record(found)
        return
    session.output.note(f"{found.name} revision {found.revision}")
    if found.retired:
        session.output.note("retired")
    if isinstance(found, pb.CodeMap):
        shown = ((each.source_code, each.canonical_code, "preferred" * each.preferred) for each in found.entries)
        _table(session, [("CODE", "CANONICAL", "GOES_OUT"), *shown])
    else:
        _table(session, [("CODE", "DISPLAY_NAME"), *((each.code, each.display_name) for each in found.values)])


@codes.command("set")
@click.argument("system")
@click.argument("code_list", metavar="LIST")
@click.argument("pairs", metavar="[CODE=CANONICAL]...", nargs=-1)
@click.option("--remove", "removed", metavar="CODE", multiple=True, help="Let this code be unmapped again.")
@_preferring
@options.stated
@options.rehearsed
@pass_session
def set_(
    session: Session,
    system: str,
    code_list: str,
    pairs: Sequence[str],
    removed: Sequence[str],
    preferred: Sequence[str],
    validate_only: bool,
) -> None:
    """Propose to map codes of a system, its others staying.

    A second person promotes the proposal. With --validate-only it tells which golden records it would touch.

    \b
    concord codes set erp units CA=CS KT=CS --prefer KT --validate-only
    concord codes set erp units CA=CS KT=CS --prefer KT --reason T-17
    """
    said = dict(pair_of(pair) for pair in pairs)
    if not said and not removed and not preferred:
        raise Mistake("there is nothing to set", "write CODE=CANONICAL, --prefer CODE or --remove CODE")
    propose_map(session, system, code_list, said, removed, preferred, validate_only=validate_only)


@codes.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "code_list", required=True, metavar="LIST", help="The code list, such as units.")
@click.option(
    "--system", default="", metavar="SYSTEM", help="The system whose codes are mapped; none = the list itself."
)
@click.option("--replace", is_flag=True, help="Only what the file says stays.")
@_preferring
@options.stated
@options.rehearsed
@pass_session
def import_(
    session: Session,
    path: Path,
    code_list: str,
    system: str,
    replace: bool,
    preferred: Sequence[str],
    validate_only: bool,
) -> None:
    """Read a map, or a list, from a CSV file of two columns.

    With --system the columns are source_code and canonical_code, and the map is proposed;
    without, code and display_name. The first line names them, in any order.

    \b
    concord codes import units.csv --list units
    concord codes import erp-units.csv --list units --system erp --validate-only
    """
    if system:
        said = dict(code_file.rows(path, "source_code", "canonical_code"))
        propose_map(session, system, code_list, said, (), preferred, replace=replace, validate_only=validate_only)
    else:
        _change_list(
            session, code_list, dict(code_file.rows(path, "code", "display_name")), replace, validate_only=validate_only
        )


@codes.command("retire")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def retire(session: Session, name: str, validate_only: bool) -> None:
    """Propose to retire a map, or retire a list.

    A map, SYSTEM:LIST, is retired by a second person; without it all of its system's codes pass
    unchanged. A list that no map leads to is retired at once.

    \b
    concord codes retire erp:units --validate-only
    concord codes retire units --reason T-19
    """
    found = records.fetch(session.mesh, qualified(_MAPS if ":" in name else _LISTS, name))
    if isinstance(found, pb.CodeMap):
        wanted = code_map_proposal_pb2.CodeMapProposal(system=found.system, code_list=found.code_list, retires=True)
        answer = _PROPOSALS.create(session, wanted, validate_only=validate_only)
        _tell_proposed(session, answer, validate_only=validate_only)
    else:
        answer = _SERVICE.ask(session, "DeleteCodeList", name=found.name, etag=found.etag, validate_only=validate_only)
        session.output.record(answer.code_list)


@codes.command("proposals")
@proposals.in_state
@options.limit
@options.tabular
@pass_session
def list_proposals(session: Session, state: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the proposals of maps, newest first."""
    _PROPOSALS.show_every(session, state, limit, columns)


@codes.command("compare")
@click.argument("name")
@pass_session
def compare(session: Session, name: str) -> None:
    """Tell what a proposed map would touch; nothing is written."""
    answer = _PROPOSALS.service.ask(session, "CompareCodeMapProposal", name=name)
    _tell_effect(session, answer.effect)


@codes.command("promote")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def promote(session: Session, name: str, validate_only: bool) -> None:
    """Put a proposed map in force.

    Its author can't: it takes a second person. Golden records that exist
    follow in the background; concord codes progress tells how far they are.
    """
    _PROPOSALS.promote(session, name, validate_only=validate_only)


@codes.command("withdraw")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def withdraw(session: Session, name: str, validate_only: bool) -> None:
    """Give a proposal up."""
    _PROPOSALS.withdraw(session, name, validate_only=validate_only)


@codes.command("unmapped")
@_of_system
@options.limit
@options.tabular
@pass_session
def unmapped(session: Session, system: str, code_list: str, limit: int | None, columns: Sequence[str]) -> None:
    """List codes that no map knows, the most frequent first.

    Golden records show them as the system says them. One with a
    CANONICAL_CODE is mapped, but another code of the same record leads to the same place.
    """
    found = _SERVICE.every(session, "ListUnmappedCodes", limit, **_filter(system, code_list))
    session.output.records(found, "unmapped codes", columns, _UNMAPPED_COLUMNS)
    if not session.as_json and next(_SERVICE.every(session, "ListCodeMapRuns", unfinished_only=True), None):
        session.output.note("records still follow a changed map, so that this may change: concord codes progress")


@codes.command("progress")
@click.option("--unfinished", "unfinished_only", is_flag=True, help="Only those that are not through.")
@options.limit
@options.tabular
@pass_session
def progress(session: Session, unfinished_only: bool, limit: int | None, columns: Sequence[str]) -> None:
    """Tell how far golden records follow changed maps."""
    found = _SERVICE.every(session, "ListCodeMapRuns", limit, unfinished_only=unfinished_only)
    session.output.records(found, "runs", columns, _RUN_COLUMNS)


def propose_map(
    session: Session,
    system: str,
    code_list: str,
    said: Mapping[str, str],
    removed: Sequence[str] = (),
    preferred: Sequence[str] = (),
    *,
    replace: bool = False,
    validate_only: bool,
) -> None:
    """Propose a map: `said` is added to what it says, or replaces it; tell what that does."""
    wanted = code_map_proposal_pb2.CodeMapProposal(
        system=qualified("systems", system), code_list=qualified(_LISTS, code_list)
    )
    maps = _SERVICE.every(session, "ListCodeMaps", system=wanted.system, code_list=wanted.code_list)
    present = None if replace else next(maps, None)
    for entry in _entries(present, said, removed, preferred, hint=f"concord codes show {system}:{code_list}"):
        wanted.entries.append(entry)
    answer = _PROPOSALS.create(session, wanted, validate_only=validate_only)
    _tell_proposed(session, answer, validate_only=validate_only)


def _entries(
    present: pb.CodeMap | None, said: Mapping[str, str], removed: Sequence[str], preferred: Sequence[str], *, hint: str
) -> Iterator[pb.CodeMapEntry]:
    """Give the entries of a map as it is to be. Raises Mistake for a code that it does not have."""
    known = {each.source_code: each for each in present.entries} if present else {}
    leads = {**{code: each.canonical_code for code, each in known.items()}, **said}
    if lost := [code for code in removed if code not in known] + [code for code in preferred if code not in leads]:
        raise Mistake(f"{lost[0]!r} is not mapped", hint)
    taken = {leads[code] for code in preferred}
    for code, canonical in sorted(leads.items()):
        if code not in removed:
            was_preferred = code in known and known[code].preferred and known[code].canonical_code == canonical
            goes_out = code in preferred or (was_preferred and canonical not in taken)
            yield pb.CodeMapEntry(source_code=code, canonical_code=canonical, preferred=goes_out)


def _tell_proposed(session: Session, answer: Any, *, validate_only: bool) -> None:
    if session.as_json:
        session.output.record(answer)
    elif validate_only:
        _tell_effect(session, answer.effect)
    else:
        session.output.line(answer.code_map_proposal.name)
        session.output.note("a second person puts it in force: concord codes promote NAME")


def _change_list(
    session: Session, code_list: str, said: Mapping[str, str], replace: bool, *, validate_only: bool
) -> None:
    name = qualified(_LISTS, code_list)
    present = next((each for each in _SERVICE.every(session, "ListCodeLists") if each.name == name), None)
    known = {each.code: each.display_name for each in present.values} if present and not replace else {}
    wanted = pb.CodeList(name=name, display_name=present.display_name if present else name.partition("/")[2])
    for code, text in sorted({**known, **said}.items()):
        wanted.values.add(code=code, display_name=text)
    answer = _put_list(session, present, wanted, validate_only=validate_only)
    if session.as_json:
        session.output.record(answer.code_list)
    else:
        changed = "would have" if validate_only else "has"
        session.output.line(f"{name} {changed} {len(answer.code_list.values)} codes")


def _put_list(session: Session, present: pb.CodeList | None, wanted: pb.CodeList, *, validate_only: bool) -> Any:
    """Create what is not there, or change what is."""
    asked = {"code_list": wanted, "validate_only": validate_only}
    if present is None:
        return _SERVICE.ask(session, "CreateCodeList", **asked)
    return _SERVICE.ask(session, "UpdateCodeList", **asked, etag=present.etag, update_mask={"paths": ["values"]})


def _tell_effect(session: Session, effect: pb.CodeMapEffect) -> None:
    if session.as_json:
        session.output.record(effect)
        return
    session.output.records(effect.codes, "codes in use that would lead elsewhere", (), _EFFECT_COLUMNS)
    session.output.line(f"{effect.records_changed} golden records would change")
    session.output.line(f"{effect.records_unmapped} would have an unmapped code")
    if not effect.is_complete:
        session.output.line("of the first 5,000 source records of the system: there are more", "yellow")
    tell_consequences(session, effect.ending_pins, effect.review_count, effect.unaffected)


def tell_consequences(
    session: Session,
    ending_pins: Sequence[what_if_pb2.EndingPin],
    review_count: int,
    unaffected: Sequence[what_if_pb2.Unaffected],
) -> None:
    """Tell what a comparison says of stewards' decisions: which pins would end, what stays and why."""
    session.output.records(ending_pins, "pins that would end", (), ("pin", "golden_record", "path"))
    session.output.line(f"{review_count} pairs wait for a steward, before and after")
    for each in unaffected:
        subject = what_if_pb2.Unaffected.Subject.Name(each.subject).removeprefix("SUBJECT_")
        session.output.note(f"{subject.lower().replace('_', ' ')} stay: {each.why}")


def _filter(system: str, code_list: str) -> dict[str, str]:
    return {
        "system": qualified("systems", system) if system else "",
        "code_list": qualified(_LISTS, code_list) if code_list else "",
    }


def _table(session: Session, rows: Sequence[tuple[str, ...]]) -> None:
    titles, *cells = rows
    session.output.table(
        [Column(title, tuple(row[place] for row in cells)) for place, title in enumerate(titles)] if cells else []
    )
    if not cells:
        session.output.note("no codes")


def pair_of(said: str) -> tuple[str, str]:
    """Read CODE=CANONICAL. Raises Mistake."""
    code, equals, canonical = said.rpartition("=")
    if not equals or not code or not canonical:
        raise Mistake(f"{said!r} maps nothing", "write CODE=CANONICAL, such as CA=CS")
    return code, canonical
