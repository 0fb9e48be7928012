"""What the log signs and proves: checkpoints, proofs, and the whole tree of hashes as files."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from clients.cli import contracts
from clients.cli.command import Command, Session, pass_session
from clients.cli.commands import audit
from clients.cli.display.output import as_document
from clients.cli.mistake import Mistake

_SERVICE = "concord.audit.v1.LogService"
_HASH_BYTES = 32
_WIDTH_BITS = 8
_WIDTH = 1 << _WIDTH_BITS
_THOUSAND = 1000

_size = click.option(
    "--size",
    "tree_size",
    type=click.IntRange(min=1),
    default=None,
    metavar="N",
    help="Of the log when it had so many leaves; default: now.",
)


@click.command("checkpoint", cls=Command)
@_size
@click.option("--keys", is_flag=True, help="Show the log's verifier keys instead: to be compared with yours.")
@pass_session
def checkpoint(session: Session, tree_size: int | None, keys: bool) -> None:
    """Show what the log has signed: its name, size and root.

    Keep it: whoever has a checkpoint can be shown later that nothing it
    covers was changed or taken away.

    \b
    concord audit checkpoint > monday.checkpoint
    """
    answer = _ask(session, "GetCheckpoint", tree_size=tree_size)
    if session.as_json:
        session.output.document(as_document(answer))
    elif keys:
        print("\n".join(answer.verifier_keys))
    else:
        print(answer.checkpoint.note, end="")


@click.command("proof", cls=Command)
@click.argument("name", metavar="LEAF|RECORD@REVISION")
@_size
@pass_session
def proof(session: Session, name: str, tree_size: int | None) -> None:
    """Prove that a piece of evidence is in the log.

    What is printed is a C2SP tlog-proof: it is verified with the leaf's
    hash and the log's public key alone.

    \b
    concord audit proof suppliers/019352f2-…@3 > change.tlog-proof
    """
    leaf = audit.leaf(session, name).name if "@" in name else name
    answer = _ask(session, "GetInclusionProof", name=leaf, tree_size=tree_size)
    if session.as_json:
        session.output.document(as_document(answer))
    else:
        print(answer.tlog_proof, end="")


@click.command("tiles", cls=Command)
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@pass_session
def tiles(session: Session, directory: Path) -> None:
    """Write the log's hashes and newest checkpoint to files.

    They lie as C2SP tlog-tiles says, for any web server and other people's
    tools. The leaves' own bytes are not among them. What is there already
    is not fetched again: repeat the command to bring the files up to date,
    or to go on after an interruption.

    \b
    concord audit tiles /srv/log
    """
    newest = _ask(session, "GetCheckpoint").checkpoint
    _require_same_log(directory / "checkpoint", newest)
    with session.output.progress("tiles") as counted:
        written = sum(counted(_fetched(session, directory, newest.tree_size)))
    _write(directory / "checkpoint", newest.note.encode())
    if session.as_json:
        session.output.document({"tree_size": newest.tree_size, "tiles_written": written})
    else:
        session.output.note(f"{written} tiles written; {directory} holds the log of {newest.tree_size} leaves")


def _fetched(session: Session, directory: Path, tree_size: int) -> Iterator[bool]:
    """Fetch every tile of a tree that is not there; yield for each whether it was fetched."""
    for level, index, width in _tiles(tree_size):
        path = directory / _path(level, index, width)
        if path.exists():
            yield False
            continue
        hashes = _ask(session, "GetTile", level=level, index=index, tree_size=tree_size).hashes
        if len(hashes) != width * _HASH_BYTES:
            raise Mistake(f"the audit sent {len(hashes)} bytes for {path}", "ask for the tiles again")
        _write(path, hashes)
        yield True


def _tiles(tree_size: int) -> Iterator[tuple[int, int, int]]:
    """Yield level, index and width of every tile of a tree."""
    level, hashes = 0, tree_size
    while hashes:
        for start in range(0, hashes, _WIDTH):
            yield level, start >> _WIDTH_BITS, min(_WIDTH, hashes - start)
        level, hashes = level + 1, hashes >> _WIDTH_BITS


def _path(level: int, index: int, width: int) -> Path:
    parts = [f"{index % _THOUSAND:03d}" + ("" if width == _WIDTH else ".p")]
    while index := index // _THOUSAND:
        parts.insert(0, f"x{index % _THOUSAND:03d}")
    return Path("tile", str(level), *parts, *([] if width == _WIDTH else [str(width)]))


def _require_same_log(file: Path, newest: Any) -> None:
    """Refuse to mix two logs, or to go back behind what was exported. Raises Mistake."""
    if not file.exists():
        return
    origin, size = newest.note.split("\n")[0], newest.tree_size
    held = file.read_text(encoding="utf-8").split("\n")
    if held[0] != origin:
        raise Mistake(f"{file} is of the log {held[0]!r}, not of {origin!r}", "choose another directory")
    if not held[1].isdecimal() or int(held[1]) > size:
        told = f"{file} is of {held[1]} leaves, but the log has {size}"
        raise Mistake(told, "keep the files: a log that has become smaller has lost evidence")


def _write(path: Path, data: bytes) -> None:
    """Write a file at once: who is interrupted leaves no half of one behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_bytes(data)
    fresh.replace(path)


def _ask(session: Session, method: str, **fields: Any) -> Any:
    found = contracts.method(f"{_SERVICE}/{method}")
    return session.mesh.ask(found, contracts.request_of(found, **fields))
