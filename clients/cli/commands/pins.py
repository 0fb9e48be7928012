"""Pins: a steward's values that stand before what survivorship would choose, and the notices of their end."""

from collections.abc import Sequence
from pathlib import Path

import click
from google.protobuf import any_pb2
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import kinds, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.connection import records
from clients.cli.files import record_file
from clients.cli.mistake import Mistake
from clients.cli.service import Service

_SERVICE = Service("concord.mdm.v1.PinService")
_COLUMNS = ("name", "state", "path", "golden_record", "expire_time", "author", "reason")
_NOTICE_COLUMNS = ("name", "state", "path", "golden_record", "end_time", "beaten.value", "overtaken_by.value")


@click.group(cls=Group)
def pins() -> None:
    """Pin values, end pins, see which ended by themselves."""


@pins.command("set")
@click.argument("name")
@click.argument("path", metavar="VALUE")
@click.option(
    "--file",
    "-f",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path, allow_dash=True),
    help="A record in YAML or JSON that says this value alone; - reads the input.",
)
@click.option("--empty", is_flag=True, help="Pin that there is no value.")
@click.option("--until", "until", metavar="TIME", required=True, type=options.Moment(), help="When its time is over.")
@click.option("--etag", metavar="ETAG", help="The record's revision decided on; default: the newest.")
@options.stated
@options.rehearsed
@pass_session
def set_(
    session: Session,
    name: str,
    path: str,
    file: Path | None,
    empty: bool,
    until: Timestamp,
    etag: str | None,
    validate_only: bool,
) -> None:
    """Pin a value of a golden record, for a reason and for a time.

    VALUE is named as concord explain names it: legal_name, sites[HQ].

    \b
    echo 'legal_name: Acme Surgical' |
      concord pins set suppliers/019352f2-… legal_name -f - \\
      --until 2027-01-01 --reason 'told by phone, T-17'
    """
    if (file is None) != empty:
        raise Mistake("a pin needs a value or --empty, and not both", "give the value with --file")
    if not session.reason:
        raise Mistake("a pin needs a reason", "say it with --reason")
    answer = _SERVICE.ask(
        session,
        "PinValue",
        golden_record=name,
        etag=etag or records.newest(session.mesh, name).etag,
        path=path,
        content=_packed(name, file) if file is not None else None,
        empty=empty,
        reason=session.reason,
        expire_time=until,
        validate_only=validate_only,
    )
    session.output.record(answer.pin)


@pins.command("list")
@click.option("--golden-record", metavar="NAME", help="Only those of this record.")
@click.option("--state", type=click.Choice(("active", "expired", "overtaken", "unpinned")), help="Only those in it.")
@options.limit
@options.tabular
@pass_session
def list_pins(
    session: Session, golden_record: str | None, state: str | None, limit: int | None, columns: Sequence[str]
) -> None:
    """List the pins of your entities, newest first."""
    wanted = f"STATE_{state.upper()}" if state else None
    found = _SERVICE.every(session, "ListPins", limit, golden_record=golden_record, state=wanted)
    session.output.records(found, "pins", columns, _COLUMNS)


@pins.command("notices")
@click.option("--golden-record", metavar="NAME", help="Only those of this record.")
@options.limit
@options.tabular
@pass_session
def notices(session: Session, golden_record: str | None, limit: int | None, columns: Sequence[str]) -> None:
    """List the pins that ended by themselves.

    Their time was over, or the value that they beat has moved. Pin anew, or
    let it be; then take the notice off the list with acknowledge.
    """
    found = _SERVICE.every(session, "ListPinNotices", limit, golden_record=golden_record)
    session.output.records(found, "notices", columns, _NOTICE_COLUMNS)


@pins.command("end")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def end(session: Session, name: str, validate_only: bool) -> None:
    """End a pin: survivorship decides again."""
    _settle(session, "UnpinValue", name, validate_only=validate_only)


@pins.command("acknowledge")
@click.argument("name")
@options.stated
@options.rehearsed
@pass_session
def acknowledge(session: Session, name: str, validate_only: bool) -> None:
    """Take the notice of a pin's end off the list."""
    _settle(session, "AcknowledgePinNotice", name, validate_only=validate_only)


def _settle(session: Session, method_name: str, name: str, *, validate_only: bool) -> None:
    session.output.record(_SERVICE.decide(session, method_name, name, validate_only=validate_only).pin)


def _packed(name: str, file: Path) -> any_pb2.Any:
    kind = kinds.of_name(name)
    if not kind.is_master:
        raise Mistake(
            f"{name} is no golden record", f"pin values of {', '.join(each.nouns for each in kinds.masters())}"
        )
    master = kind.field.message_type
    assert master is not None  # noqa: S101 - a kind is a message
    content = GetMessageClass(master)()
    record_file.read_into(file, content)
    packed = any_pb2.Any()
    packed.Pack(content)
    return packed
