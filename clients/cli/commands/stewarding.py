"""What stewards decide: create, update, close, delete and undelete records of every master."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, kinds, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.connection import records
from clients.cli.files import record_file
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake

# What the hub sets itself: kept out of what is sent, so that a record can be edited as `get --json` showed it.
_DERIVED = ("etag", "revision", "state", "create_time", "update_time")
_IDENTITY = {"name", "entities", *_DERIVED}
from_file = click.option(
    "--file",
    "-f",
    "path",
    metavar="FILE",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="The record in YAML or JSON; - reads the input.",
)
decided_on = click.option(
    "--etag", metavar="ETAG", help="The revision decided on; default: the file's, else the newest."
)
masked = click.option(
    "--mask", metavar="FIELDS", help="The fields to change; default: those that differ. * replaces all."
)
from_then_on = click.option(
    "--effective-time", metavar="TIME", type=options.Moment(), help="From then on; for types that are dated."
)


@click.command(cls=Command)
@options.kind("Create")
@from_file
@options.stated
@options.rehearsed
@pass_session
def create(session: Session, kind: Kind, path: Path, validate_only: bool) -> None:
    """Create a record on a steward's word. Search for it first.

    \b
    concord create suppliers -f acme.yaml --reason T-17
    """
    method = kind.method("Create")
    request: Any = contracts.request_of(method, validate_only=validate_only)
    _record(request, kind).SetInParent()
    record_file.read_into(path, _record(request, kind))
    clear_derived(_record(request, kind))
    session.output.record(_record(session.mesh.ask(method, request), kind))


@click.command(cls=Command)
@click.argument("name")
@from_file
@decided_on
@masked
@from_then_on
@options.stated
@options.rehearsed
@pass_session
def update(
    session: Session,
    name: str,
    path: Path,
    etag: str | None,
    mask: str | None,
    effective_time: Timestamp | None,
    validate_only: bool,
) -> None:
    """Change the fields of a record that differ.

    The file may hold only the fields to change; or, with its etag, a whole
    record as get --json shows it: what it leaves out is emptied.

    \b
    concord get suppliers/019352f2-… --json > acme.json
    concord update suppliers/019352f2-… -f acme.json --reason T-17
    """
    kind = kinds.of_name(name)
    method = kind.method("Update")
    current = records.fetch(session.mesh, name)
    request: Any = contracts.request_of(method, validate_only=validate_only, **_dated(kind, method, effective_time))
    wanted = _record(request, kind)
    record_file.read_into(path, wanted)
    if wanted.name not in {"", name}:
        raise Mistake(f"{path} holds {wanted.name}, not {name}", "name the record that the file holds")
    request.etag = etag or wanted.etag or current.etag
    request.update_mask.paths.extend(mask.split(",") if mask else differing(current, wanted))
    if not request.update_mask.paths:
        session.output.note("nothing differs: nothing to change")
        session.output.record(current)
        return
    if not kind.is_master:
        _complete(wanted, current, request.update_mask.paths)
    clear_derived(wanted)
    wanted.name = name
    session.output.record(_record(session.mesh.ask(method, request), kind))


@click.command(cls=Command)
@click.argument("name")
@click.option(
    "--effective-time",
    metavar="TIME",
    type=options.Moment(),
    required=True,
    help="The first moment at which it is closed; counts as its UTC day.",
)
@decided_on
@options.stated
@options.rehearsed
@pass_session
def close(
    session: Session,
    name: str,
    effective_time: Timestamp,
    etag: str | None,
    validate_only: bool,
) -> None:
    """End a record: from a day on nothing of it is in effect.

    \b
    concord close costCenters/019352f2-… --effective-time 2027-01-01
    """
    _decide(session, "Close", name, etag, validate_only=validate_only, effective_time=effective_time)


@click.command(cls=Command)
@click.argument("name")
@decided_on
@options.stated
@options.rehearsed
@pass_session
def delete(session: Session, name: str, etag: str | None, validate_only: bool) -> None:
    """Mark a record as deleted; its history stays readable."""
    _decide(session, "Delete", name, etag, validate_only=validate_only)


@click.command(cls=Command)
@click.argument("name")
@decided_on
@options.stated
@options.rehearsed
@pass_session
def undelete(session: Session, name: str, etag: str | None, validate_only: bool) -> None:
    """Bring a deleted record back."""
    _decide(session, "Undelete", name, etag, validate_only=validate_only)


def _decide(session: Session, verb: str, name: str, etag: str | None, **asked: Any) -> None:
    kind = kinds.of_name(name)
    method = kind.method(verb)
    decided_on = etag or records.newest(session.mesh, name).etag
    request = contracts.request_of(method, name=name, etag=decided_on, **asked)
    session.output.record(_record(session.mesh.ask(method, request), kind))


def _record(holder: Any, kind: Kind) -> Any:
    return getattr(holder, kind.field.name)


def _dated(kind: Kind, method: Any, effective_time: Timestamp | None) -> dict[str, Any]:
    if effective_time is not None and not contracts.has_field(method, "effective_time"):
        raise Mistake(f"--effective-time is not offered for {kind.nouns}", "leave it out")
    return {"effective_time": effective_time}


def differing(current: Message, wanted: Any) -> Sequence[str]:
    """Return the top-level fields that differ: of a whole record also those that it leaves out, else those it fills."""
    descriptor: Any = wanted.DESCRIPTOR
    meant = descriptor.fields if wanted.etag else [field for field, _ in wanted.ListFields()]
    return [
        field.name for field in meant if field.name not in _IDENTITY and _value(current, field) != _value(wanted, field)
    ]


def _complete(wanted: Message, current: Message, paths: Sequence[str]) -> None:
    """Say in `wanted` as it is what is not to be changed: contracts demand some of it of every such message."""
    changed = {path.partition(".")[0] for path in paths}
    if "*" in changed:
        return
    kept = type(wanted)()
    kept.CopyFrom(current)
    for message, names in ((kept, changed), (wanted, {field.name for field, _ in wanted.ListFields()} - changed)):
        for name in names & set(message.DESCRIPTOR.fields_by_name):
            message.ClearField(name)
    wanted.MergeFrom(kept)


def _value(message: Message, field: Any) -> Any:
    """Return a field's value; None where one that knows absence is absent."""
    if field.has_presence and not message.HasField(field.name):
        return None
    return getattr(message, field.name)


def clear_derived(record: Message) -> None:
    """Clear what the hub sets itself, so that a record can be sent as `get --json` showed it."""
    for field in _DERIVED:
        if field in record.DESCRIPTOR.fields_by_name:
            record.ClearField(field)
