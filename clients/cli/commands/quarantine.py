"""What could not be taken in: in the hub and in the adapters, looked at and tried once more."""

import itertools
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from google.protobuf.message import DecodeError, Message

from clients.cli import contracts, kinds, options
from clients.cli.command import Group, Session, pass_session
from clients.cli.connection import records
from clients.cli.connection.mesh import RefusedError
from clients.cli.display import outline, refusal
from clients.cli.display.outline import Line
from clients.cli.display.output import as_document, json_text
from clients.cli.files import record_file
from clients.cli.kinds import Kind, qualified
from clients.cli.mistake import Mistake
from concord.mdm.v1 import ingest_pb2

_HUB, _ADAPTERS = "quarantined-records", "quarantined-documents"
_STDOUT = "-"
_COLUMNS = ("name", "key", "error", "state", "create_time")


@click.group(cls=Group)
def quarantine() -> None:
    """See and replay what the hub or an adapter could not take in."""


@quarantine.command("list")
@click.option("--system", default="", metavar="SYSTEM", help="Only what this system said.")
@click.option("--settled", is_flag=True, help="Settled ones, too.")
@click.option("--at", type=click.Choice(("hub", "adapters")), help="Only the hub's, or only the adapters'.")
@options.limit
@options.tabular
@pass_session
def list_(
    session: Session,
    system: str,
    settled: bool,
    at: str | None,
    limit: int | None,
    columns: Sequence[str],
) -> None:
    """List what waits in quarantine, newest first.

    The hub's comes first, then the adapters'.
    """
    wanted = qualified("systems", system) if system else ""
    found = _waiting(session, at, system=wanted, show_settled=settled)
    session.output.records(itertools.islice(found, limit), "records in quarantine", columns, _COLUMNS)
    session.output.hint("concord quarantine show NAME shows one; concord quarantine replay NAME tries it again")


@quarantine.command("show")
@click.argument("name")
@click.option("--original", metavar="FILE", help="Write the original bytes there; - for the output.")
@pass_session
def show(session: Session, name: str, original: str | None) -> None:
    """Show one, with its original for those who may see it.

    \b
    concord quarantine show systems/erp/quarantinedDocuments/019352f2-…
    concord quarantine show NAME --original broken.json
    """
    _kind(name)
    found = records.fetch(session.mesh, name)
    if original is not None:
        _write(original, _as_corrected(found))
        return
    if session.as_json:
        session.output.record(found)
        return
    session.output.outline(line for line in outline.lines(found) if line.label != "original")
    session.output.outline(_original(found))


@quarantine.command("replay")
@click.argument("name")
@click.option(
    "--corrected",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="What to submit instead: a source record in YAML or JSON for the hub, the document itself for an adapter.",
)
@options.stated
@options.rehearsed
@pass_session
def replay(session: Session, name: str, corrected: Path | None, validate_only: bool) -> int:
    """Try the original, or a corrected one, once more.

    The exit status is 1 when it is refused again.

    \b
    concord quarantine replay systems/erp/quarantinedDocuments/019352f2-…
    concord quarantine replay NAME --corrected mended.json --reason T-17
    """
    kind = _kind(name)
    method = kind.method("Replay")
    request: Any = contracts.request_of(method, name=name, validate_only=validate_only)
    if corrected is not None and kind.is_in_hub:
        record_file.read_into(corrected, request.corrected)
    elif corrected is not None:
        request.corrected = corrected.read_bytes()
    adapter = "" if kind.is_in_hub else session.mesh.adapter_of("/".join(name.split("/")[:2]))
    answer = session.mesh.ask(method, request, adapter)
    session.output.record(answer)
    left = getattr(answer, kind.field.name)
    # An adapter refuses the call itself; its rehearsal leaves what is in quarantine as it is.
    if kind.is_in_hub and left.state == left.STATE_OPEN:
        session.output.note("it was refused again: correct it, or the system")
        return refusal.REFUSED
    return refusal.OK


def _kind(name: str) -> Kind:
    kind = kinds.of_name(name)
    if not kind.can("Replay"):
        raise Mistake(f"{name} is nothing in quarantine", "concord quarantine list shows what is")
    return kind


def _waiting(session: Session, at: str | None, **asked: Any) -> Iterator[Message]:
    """Yield the hub's, then the adapters'; one place that fails does not keep the other back."""
    refused: RefusedError | None = None
    if at != "adapters":
        method = kinds.named(_HUB).method("List")
        try:
            yield from session.mesh.every(method, contracts.request_of(method, **asked))
        except RefusedError as error:
            refused = error
    if at == "adapters" or (at is None and session.mesh.adapters):
        yield from _behind_adapters(session, only=at == "adapters", **asked)
    if refused is not None:
        raise refused


def _behind_adapters(session: Session, *, only: bool, **asked: Any) -> Iterator[Message]:
    method = kinds.named(_ADAPTERS).method("List")
    try:
        adapter = session.mesh.adapter_of(asked["system"]) if asked["system"] else ""
    except Mistake:
        if only:
            raise
        # A system whose files are imported stands behind none; one that there is not is refused here.
        records.fetch(session.mesh, asked["system"])
        return
    yield from session.mesh.every_behind(method, contracts.request_of(method, **asked), adapter)


def _original(found: Any) -> Iterator[Line]:
    """Yield the lines of the original; a caller who may not see it got none."""
    if not found.original:
        yield Line(0, "original", "(not shown: it takes the permission for restricted values)")
        return
    yield Line(0, "original")
    if kinds.of_name(found.name).is_in_hub:
        try:
            yield from outline.lines(ingest_pb2.SourceRecord.FromString(found.original), 1)
        except DecodeError:
            yield Line(1, "", f"{len(found.original)} bytes that are no source record")
        return
    yield Line(1, "", found.original.decode(errors="replace"))


def _as_corrected(found: Any) -> bytes:
    """Return the original as `--corrected` takes it: a source record as JSON, else the bytes that there are.

    Raises Mistake where the caller was not given it.
    """
    content: bytes = found.original
    if not content:
        raise Mistake(f"the original of {found.name} is not shown to you", "ask for the permission mdm.restricted.read")
    if not kinds.of_name(found.name).is_in_hub:
        return content
    try:
        said = ingest_pb2.SourceRecord.FromString(content)
    except DecodeError:
        return content
    return f"{json_text(as_document(said), indent=2)}\n".encode()


def _write(place: str, content: bytes) -> None:
    if place == _STDOUT:
        sys.stdout.buffer.write(content)
    else:
        Path(place).write_bytes(content)
