"""Evidence that leaves the mesh: checked offline, with public keys only."""

from pathlib import Path
from typing import Any

import click

from clients.cli import refusal
from clients.cli.command import Command, Session, pass_session
from clients.cli.mistake import Mistake
from clients.verifier.bundle import Bundle
from clients.verifier.errors import UnreadableError
from clients.verifier.trust import Trust
from clients.verifier.verdict import Finding, Verdict
from clients.verifier.verification import verify as verified

_FILE = click.Path(path_type=Path, dir_okay=False)


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
@pass_session
def verify(
    session: Session,
    bundle: Path,
    keys: tuple[Path, ...],
    witnesses: tuple[Path, ...],
    receipts: tuple[Path, ...],
    earlier: Path | None,
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
        trust = Trust.read(keys, witnesses, receipts, earlier)
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
