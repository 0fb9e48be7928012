"""Evidence that leaves the mesh, as a bundle, and is checked offline with public keys only."""

import os
from pathlib import Path
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli import contracts, options
from clients.cli.command import Command, Session, pass_session
from clients.cli.display import refusal
from clients.cli.mistake import Mistake
from clients.verifier.bundle import Bundle
from clients.verifier.checkpoint import Checkpoint
from clients.verifier.errors import UnreadableError
from clients.verifier.trust import Trust
from clients.verifier.verdict import Finding, Verdict
from clients.verifier.verification import verify as verified

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("export", cls=Command)
@click.argument("file", type=_FILE)
@click.option("--record", default="", metavar="NAME", help="Only the evidence of this record.")
@click.option("--actor", default="", metavar="SUBJECT", help="Only changes by this subject.")
@click.option("--since", metavar="TIME", type=options.Moment(), help="Only changes from then on; such as 2h.")
@click.option("--until", metavar="TIME", type=options.Moment(), help="Only changes before then.")
@click.option("--service", default="", metavar="SERVICE", help="Only what this service sent, such as mdm.")
@click.option("--size", type=click.IntRange(min=1), metavar="N", help="Of the log when it had so many leaves.")
@click.option("--earlier", type=_FILE, metavar="FILE", help="Prove that the log continues this checkpoint of yours.")
@pass_session
def export(
    session: Session,
    file: Path,
    record: str,
    actor: str,
    since: Timestamp | None,
    until: Timestamp | None,
    service: str,
    size: int | None,
    earlier: Path | None,
) -> None:
    """Write evidence and what proves it to a file.

    \b
    concord audit export evidence.zip
    concord audit export acme.zip --record suppliers/019352f2-…

    Without a selection it is the whole log, up to the newest checkpoint that
    a witness has cosigned. Check it with concord audit verify.
    """
    method = contracts.method("concord.audit.v1.BundleService/ExportBundle")
    selected = {"record": record, "actor": actor, "start_time": since, "end_time": until, "source_service": service}
    sizes = {"tree_size": size, "earlier_tree_size": None if earlier is None else _size_of(earlier)}
    pieces = session.mesh.listen(method, contracts.request_of(method, **selected, **sizes))
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with fresh.open("wb") as written, session.output.progress("pieces") as counted:
            written.writelines(piece.data for piece in counted(pieces))
        fresh.replace(file)
    except OSError as error:
        raise Mistake(f"{file} can't be written: {error.strerror}", "name another file") from error
    finally:
        fresh.unlink(missing_ok=True)
    if session.as_json:
        session.output.document({"file": str(file), "bytes": file.stat().st_size})
    else:
        session.output.note(
            f"{file}: {file.stat().st_size} bytes; check it: concord audit verify {file} --key log.vkey"
        )


@click.command("verify", cls=Command)
@click.argument("bundle", type=_FILE)
@click.option("--key", "keys", required=True, multiple=True, type=_FILE, metavar="FILE", help="Public keys of the log.")
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Key of a witness that has to have cosigned.",
)
@click.option(
    "--receipts",
    "receipts",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Receipts that a service kept, as JSON lines.",
)
@click.option("--earlier", type=_FILE, metavar="FILE", help="A checkpoint that you kept from an earlier check.")
@click.option("--asked", metavar="TIME", help="When you asked for the bundle, such as 2026-11-30T08:00:00Z.")
@click.option(
    "--record",
    "records",
    multiple=True,
    metavar="NAME",
    help="A record of which the bundle has to hold every revision.",
)
@pass_session
def verify(
    session: Session,
    bundle: Path,
    keys: tuple[Path, ...],
    witnesses: tuple[Path, ...],
    receipts: tuple[Path, ...],
    earlier: Path | None,
    asked: str | None,
    records: tuple[str, ...],
) -> int:
    """Check an evidence bundle offline, with public keys only.

    \b
    concord audit verify evidence.zip --key log.vkey --witness witness.vkey

    Asks no service and needs no login. Says in a sentence what was proven, and
    what was not; names the first leaf that is false, and how. Exit status 1
    when anything is false, 2 when something can't be read.
    python -m clients.verifier does the same without the rest of this program.
    """
    try:
        trust = Trust.read(keys, witnesses, receipts, earlier, asked, records)
        with Bundle(bundle) as opened:
            verdict = verified(opened, trust)
    except UnreadableError as error:
        raise Mistake(str(error), "concord audit verify --help") from error
    if session.as_json:
        session.output.document(_document(verdict))
    else:
        for line in verdict.lines:
            session.output.line(line)
    return refusal.OK if verdict.holds else refusal.REFUSED


def _size_of(checkpoint: Path) -> int:
    try:
        return Checkpoint.parse(checkpoint.read_bytes()).size
    except (OSError, UnreadableError) as error:
        raise Mistake(f"{checkpoint} is no checkpoint: {error}", "concord audit checkpoint > FILE") from error


def _document(verdict: Verdict) -> dict[str, Any]:
    checkpoint = verdict.checkpoint
    return {
        "holds": verdict.holds,
        "sentence": verdict.sentence,
        "not_proven": list(verdict.open),
        "origin": checkpoint.origin,
        "tree_size": checkpoint.size,
        "leaves": verdict.leaves,
        "complete": verdict.is_complete,
        "signed_by": verdict.signed_by,
        "cosignatures": [{"witness": each.witness, "time": each.at.isoformat()} for each in verdict.cosignatures],
        "findings": [_found(finding) for finding in verdict.findings],
    }


def _found(finding: Finding) -> dict[str, Any]:
    return {"falsehood": str(finding.falsehood), "leaf_index": finding.index, "message": finding.told}
