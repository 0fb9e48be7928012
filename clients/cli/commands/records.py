"""Records of every type: reading them now and then, finding them, and why they are what they are."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import kinds, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection import records
from clients.cli.display import values
from clients.cli.display.columns import Column
from clients.cli.display.comparison import Difference, compare
from clients.cli.display.outline import Line
from clients.cli.display.output import as_document
from clients.cli.kinds import Kind, qualified
from clients.cli.mistake import Mistake

_NEWEST_TWO = 2

# The first step of a path, with the key of its element, which may hold dots: `sites[erp.1]` of `sites[erp.1].address`.
_FIRST_STEP = re.compile(r"[^.\[]*(?:\[.*?\](?=\.|$))?")


def _system_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return qualified("systems", value) if value else value


@click.command(cls=Command)
@click.argument("name", metavar="NAME|TYPE")
@click.option("--system", metavar="SYSTEM", callback=_system_name, help="With TYPE: the system, such as erp.")
@click.option("--key", metavar="KEY", help="With TYPE: the system's own key, such as party/42.")
@click.option("--revision", metavar="N", type=click.IntRange(min=1), help="This revision instead of the newest.")
@options.read_time
@options.effective_time
@pass_session
def get(
    session: Session,
    name: str,
    system: str | None,
    key: str | None,
    revision: int | None,
    read_time: Timestamp | None,
    effective_time: Timestamp | None,
) -> None:
    """Show one record, by its name or by a key of a system.

    \b
    concord get suppliers/019352f2-…
    concord get supplier --system systems/erp --key party/42
    concord get costCenters/019352f2-… --effective-time 2025-07-01
    """
    if (system is None) != (key is None):
        raise Mistake("--system and --key go together", "concord get TYPE --system SYSTEM --key KEY")
    if revision and (read_time or effective_time or system):
        raise Mistake("--revision names the revision already", "leave out the other options")
    if system is not None:
        found = records.look_up(
            session.mesh, name, system=system, key=key, read_time=read_time, effective_time=effective_time
        )
    elif revision:
        found = records.numbered(session.mesh, name, revision)
    else:
        found = records.fetch(session.mesh, name, read_time=read_time, effective_time=effective_time)
    session.output.record(found)


@click.command("list", cls=Command)
@options.kind("List")
@click.option("--filter", "filter_", metavar="FILTER", help='Such as: status = STATUS_ON_HOLD AND legal_name : "Acme*"')
@click.option("--order-by", metavar="FIELDS", help="Such as: legal_name desc")
@click.option("--show-deleted", is_flag=True, help="Deleted ones, too.")
@click.option("--system", metavar="SYSTEM", callback=_system_name, help="For source-records: those of this system.")
@click.option("--golden-record", metavar="NAME", help="For source-records: those of this golden record.")
@options.read_time
@options.effective_time
@options.limit
@options.tabular
@pass_session
def list_(session: Session, /, kind: Kind, limit: int | None, columns: Sequence[str], **asked: Any) -> None:
    """List the records of a type.

    \b
    concord list suppliers --filter 'legal_name : "Acme*"' --limit 10
    concord list cost-centers --effective-time 2025-07-01
    concord list source-records --golden-record suppliers/019352f2-…

    \b
    concord types says which types there are.
    A filter compares fields with = != < <= > >= and : (has; with a
    trailing * begins with), joined by AND, OR and NOT.
    """
    method = kind.method("List")
    request = records.request_for(kind, method, {name.rstrip("_"): value for name, value in asked.items()})
    session.output.records(session.mesh.every(method, request, limit), kind.nouns, columns)


@click.command(cls=Command)
@options.kind("Search")
@click.argument("identifier")
@options.read_time
@options.effective_time
@options.limit
@options.tabular
@pass_session
def search(
    session: Session,
    kind: Kind,
    identifier: str,
    read_time: Timestamp | None,
    effective_time: Timestamp | None,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """Find records by any of their identifiers, exactly.

    Separators and case do not matter. Do it before you create a record.

    \b
    concord search suppliers 9999009KEQ3R1RWIXO06
    concord search items 00380740000011
    """
    method = kind.method("Search")
    request = records.request_for(
        kind, method, {"identifier": identifier, "read_time": read_time, "effective_time": effective_time}
    )
    hits = session.mesh.every(method, request, limit)
    if session.as_json or columns:
        session.output.records(hits, kind.nouns, columns)
        return
    found = list(hits)
    session.output.records([getattr(hit, kind.field.name) for hit in found], kind.nouns)
    if found:
        paths = dict.fromkeys(path for hit in found for path in hit.paths)
        session.output.note(f"found in {', '.join(paths)}")


@click.command(cls=Command)
@click.argument("name")
@click.option("--path", "paths", metavar="PATH", multiple=True, help="Only values whose path begins so.")
@options.read_time
@pass_session
def explain(session: Session, name: str, paths: Sequence[str], read_time: Timestamp | None) -> None:
    """Say of every value who said it, and by which rule it won.

    \b
    concord explain suppliers/019352f2-…
    concord explain suppliers/019352f2-… --path legal_name
    """
    kind = kinds.of_name(name)
    method = kind.method("Explain")
    answer = session.mesh.ask(method, records.request_for(kind, method, {"name": name, "read_time": read_time}))
    explanation = answer.explanation
    if paths:
        kept = [value for value in explanation.values if value.path.startswith(tuple(paths))]
        del explanation.values[:]
        explanation.values.extend(kept)
    if session.as_json:
        session.output.record(explanation)
        return
    session.output.line(f"{explanation.name} revision {explanation.revision}", "bold")
    session.output.outline(line for value in explanation.values for line in _explained(value))
    if not explanation.values:
        session.output.note(f"no value begins with {' or '.join(paths)}" if paths else "it has no values")


@click.command(cls=Command)
@click.argument("name")
@options.limit
@options.wide
@pass_session
def history(session: Session, name: str, limit: int | None) -> None:
    """List the revisions of a record, and what each changed.

    \b
    concord history suppliers/019352f2-…
    concord get suppliers/019352f2-… --revision 3
    """
    # One further revision tells what the last one shown has changed.
    found = list(records.revisions(session.mesh, name, limit + 1 if limit else None))
    shown = found[:limit] if limit else found
    if session.as_json:
        session.output.document([as_document(one) for one in shown])
        return
    before = [*found[1 : len(shown) + 1], None][: len(shown)]
    changed = [_changed(old, new) for old, new in zip(before, shown, strict=True)]
    session.output.table(
        [
            Column("REVISION", tuple(str(one.revision) for one in shown)),
            Column("UPDATE_TIME", tuple(values.message_text(one.update_time) for one in shown)),
            *_states(shown),
            Column("CHANGED", tuple(changed)),
        ]
    )


@click.command(cls=Command)
@click.argument("name")
@click.argument("before", required=False, type=click.IntRange(min=1))
@click.argument("after", required=False, type=click.IntRange(min=1))
@pass_session
def diff(session: Session, name: str, before: int | None, after: int | None) -> None:
    """Compare two revisions of a record, value by value.

    Without numbers, the newest with the one before it; with one number,
    that revision with the newest.

    \b
    concord diff suppliers/019352f2-…
    concord diff suppliers/019352f2-… 3 7
    """
    if before is None:
        newest = list(records.revisions(session.mesh, name, _NEWEST_TWO))
        new, old = newest[0], newest[-1]
    else:
        old = records.numbered(session.mesh, name, before)
        new = records.numbered(session.mesh, name, after) if after else records.fetch(session.mesh, name)
    differences = compare(old, new)
    if session.as_json:
        told = [{"path": one.path, "before": one.before, "after": one.after} for one in differences]
        session.output.document({"name": name, "before": old.revision, "after": new.revision, "differences": told})
        return
    session.output.line(f"{name} revision {old.revision} -> {new.revision}", "bold")
    session.output.outline(line for one in differences for line in _difference(one))
    if not differences:
        session.output.note("they say the same")


def _explained(value: Any) -> Iterator[Line]:
    period = f" {values.message_text(value.effective_period)}" if value.HasField("effective_period") else ""
    won = value.winner if value.HasField("winner") else None
    yield Line(0, f"{value.path}{period}", _said(won) if won is not None else "(withdrawn by every source)")
    if won is not None:
        rule = values.enum_text(value.DESCRIPTOR.fields_by_name["rule"].enum_type, value.rule).replace("_", " ")
        yield Line(1, "said by", f"{_holder(value.pin) if value.HasField('pin') else _who(won)} ({rule})")
        yield from _coded(won)
    for lost in value.losers:
        yield Line(1, "over", f"{_said(lost)} of {_who(lost)}")
        yield from _coded(lost)


def _coded(assertion: Any) -> Iterator[Line]:
    """Tell what code maps made of the source's codes."""
    for code in assertion.codes:
        became = "not mapped" if code.unmapped else code.canonical_code
        yield Line(2, "code", f"{code.source_code} is {became} in {code.code_map_revision}")


def _said(assertion: Any) -> str:
    if assertion.withdrawn:
        return "(withdrawn)"
    return values.said(assertion.value) or "(empty)"


def _who(assertion: Any) -> str:
    echoed = ", shown there as the hub says" if assertion.echoed else ""
    return f"{assertion.system} {assertion.key} since {values.message_text(assertion.source_time)}{echoed}"


def _holder(pin: Any) -> str:
    since, until = values.message_text(pin.pin_time), values.message_text(pin.expire_time)
    return f"{pin.author}, {pin.name}, since {since} until {until}: {pin.reason}"


def _states(shown: Sequence[Any]) -> Iterable[Column]:
    field: FieldDescriptor | None = shown[0].DESCRIPTOR.fields_by_name.get("state") if shown else None
    if field is not None:
        yield Column("STATE", tuple(values.text(field, one.state) for one in shown))


def _changed(old: Message | None, new: Message) -> str:
    if old is None:
        return "(first)"
    paths = dict.fromkeys(_first_step(one.path) for one in compare(old, new))
    return ", ".join(paths) or "(nothing of the record itself)"


def _first_step(path: str) -> str:
    found = _FIRST_STEP.match(path)
    return found[0] if found else path


def _difference(one: Difference) -> Iterator[Line]:
    yield Line(0, one.path)
    yield from [Line(1, "-", one.before)] if one.before else []
    yield from [Line(1, "+", one.after)] if one.after else []
