"""Reference data: code lists, systems' code maps, what is not mapped, how far a changed map has come."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from clients.cli import code_file, contracts, options, records
from clients.cli.columns import Column
from clients.cli.command import Group, Session, pass_session
from clients.cli.mistake import Mistake
from clients.cli.systems import qualified
from concord.mdm.v1 import reference_data_pb2 as pb

_SERVICE = "concord.mdm.v1.ReferenceDataService"
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


@codes.command("lists")
@options.limit
@options.tabular
@pass_session
def lists(session: Session, limit: int | None, columns: Sequence[str]) -> None:
    """List the code lists; concord codes show NAME shows one."""
    found = session.mesh.every(*_asked("ListCodeLists"), limit)
    session.output.records(found, "code lists", columns, _LIST_COLUMNS)


@codes.command("maps")
@_of_system
@options.limit
@options.tabular
@pass_session
def maps(session: Session, system: str, code_list: str, limit: int | None, columns: Sequence[str]) -> None:
    """List the code maps of your entities' systems."""
    found = session.mesh.every(*_asked("ListCodeMaps", **_filter(system, code_list)), limit)
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
    if isinstance(found, pb.CodeMap):
        _table(session, [("CODE", "CANONICAL"), *((each.source_code, each.canonical_code) for each in found.entries)])
    else:
        _table(session, [("CODE", "DISPLAY_NAME"), *((each.code, each.display_name) for each in found.values)])


@codes.command("set")
@click.argument("system")
@click.argument("code_list", metavar="LIST")
@click.argument("pairs", metavar="[CODE=CANONICAL]...", nargs=-1)
@click.option("--remove", "removed", metavar="CODE", multiple=True, help="Let this code be unmapped again.")
@options.stated
@options.rehearsed
@pass_session
def set_(
    session: Session,
    system: str,
    code_list: str,
    pairs: Sequence[str],
    removed: Sequence[str],
    validate_only: bool,
) -> None:
    """Map codes of a system, and leave its others as they are.

    The first makes the map. With --validate-only it tells which golden records the change would touch.

    \b
    concord codes set erp units CA=CS KT=CS --validate-only
    concord codes set erp units CA=CS KT=CS --reason T-17
    """
    said = dict(pair_of(pair) for pair in pairs)
    if not said and not removed:
        raise Mistake("there is nothing to set", "write CODE=CANONICAL, or --remove CODE")
    change_map(session, system, code_list, said, removed, validate_only=validate_only)


@codes.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "code_list", required=True, metavar="LIST", help="The code list, such as units.")
@click.option(
    "--system", default="", metavar="SYSTEM", help="The system whose codes are mapped; none = the list itself."
)
@click.option("--replace", is_flag=True, help="Only what the file says stays.")
@options.stated
@options.rehearsed
@pass_session
def import_(session: Session, path: Path, code_list: str, system: str, replace: bool, validate_only: bool) -> None:
    """Read a map, or a list, from a CSV file of two columns.

    With --system the columns are source_code and canonical_code; without,
    code and display_name. The first line names them, in any order.

    \b
    concord codes import units.csv --list units
    concord codes import erp-units.csv --list units --system erp --validate-only
    """
    if system:
        said = dict(code_file.rows(path, "source_code", "canonical_code"))
        change_map(session, system, code_list, said, replace=replace, validate_only=validate_only)
    else:
        _change_list(
            session, code_list, dict(code_file.rows(path, "code", "display_name")), replace, validate_only=validate_only
        )


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
    found = session.mesh.every(*_asked("ListUnmappedCodes", **_filter(system, code_list)), limit)
    session.output.records(found, "unmapped codes", columns, _UNMAPPED_COLUMNS)


@codes.command("progress")
@click.option("--unfinished", "unfinished_only", is_flag=True, help="Only those that are not through.")
@options.limit
@options.tabular
@pass_session
def progress(session: Session, unfinished_only: bool, limit: int | None, columns: Sequence[str]) -> None:
    """Tell how far golden records follow changed maps."""
    found = session.mesh.every(*_asked("ListCodeMapRuns", unfinished_only=unfinished_only), limit)
    session.output.records(found, "runs", columns, _RUN_COLUMNS)


def change_map(
    session: Session,
    system: str,
    code_list: str,
    said: Mapping[str, str],
    removed: Sequence[str] = (),
    *,
    replace: bool = False,
    validate_only: bool,
) -> None:
    """Change a map, or make it: `said` is added to what it says, or replaces it; tell what that does."""
    wanted = pb.CodeMap(system=qualified("systems", system), code_list=qualified(_LISTS, code_list))
    present = next(session.mesh.every(*_asked("ListCodeMaps", system=wanted.system, code_list=wanted.code_list)), None)
    known = {each.source_code: each.canonical_code for each in present.entries} if present and not replace else {}
    if lost := [code for code in removed if code not in known]:
        raise Mistake(f"{lost[0]!r} is not mapped", f"concord codes show {system}:{code_list}")
    for code, canonical in sorted({**known, **said}.items()):
        if code not in removed:
            wanted.entries.add(source_code=code, canonical_code=canonical)
    if present is not None:
        wanted.name = present.name
    answer = _put(session, "CodeMap", present, {"code_map": wanted}, validate_only=validate_only)
    if session.as_json:
        session.output.record(answer)
    elif validate_only:
        _tell_effect(session, answer.effect)
    else:
        session.output.line(f"{answer.code_map.name} revision {answer.code_map.revision}")
        session.output.note("golden records follow: concord codes progress")


def _change_list(
    session: Session, code_list: str, said: Mapping[str, str], replace: bool, *, validate_only: bool
) -> None:
    name = qualified(_LISTS, code_list)
    present = next((each for each in session.mesh.every(*_asked("ListCodeLists")) if each.name == name), None)
    known = {each.code: each.display_name for each in present.values} if present and not replace else {}
    wanted = pb.CodeList(name=name, display_name=present.display_name if present else name.partition("/")[2])
    for code, text in sorted({**known, **said}.items()):
        wanted.values.add(code=code, display_name=text)
    answer = _put(session, "CodeList", present, {"code_list": wanted}, validate_only=validate_only)
    if session.as_json:
        session.output.record(answer.code_list)
    else:
        changed = "would have" if validate_only else "has"
        session.output.line(f"{name} {changed} {len(answer.code_list.values)} codes")


def _put(session: Session, kind: str, present: Any, wanted: dict[str, Any], *, validate_only: bool) -> Any:
    """Create what is not there, or change what is."""
    asked = {**wanted, "request_id": str(uuid.uuid4()), "validate_only": validate_only}
    if present is None:
        return session.mesh.ask(*_asked(f"Create{kind}", **asked))
    mask = {"paths": ["values" if kind == "CodeList" else "entries"]}
    return session.mesh.ask(*_asked(f"Update{kind}", **asked, etag=present.etag, update_mask=mask))


def _tell_effect(session: Session, effect: pb.CodeMapEffect) -> None:
    session.output.records(effect.codes, "codes in use that would lead elsewhere", (), _EFFECT_COLUMNS)
    session.output.line(f"{effect.records_changed} golden records would change")
    session.output.line(f"{effect.records_unmapped} would have an unmapped code")
    if not effect.is_complete:
        session.output.line("of the first 5,000 source records of the system: there are more", "yellow")


def _asked(method_name: str, **asked: Any) -> tuple[Any, Any]:
    method = contracts.method(f"{_SERVICE}/{method_name}")
    return method, contracts.request_of(method, **asked)


def _filter(system: str, code_list: str) -> dict[str, str]:
    return {
        "system": qualified("systems", system) if system else "",
        "code_list": qualified(_LISTS, code_list) if code_list else "",
    }


def _table(session: Session, rows: Sequence[tuple[str, str]]) -> None:
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
