"""The receipts that the services kept: which leaf the log promised to hold where, one JSON line each.

They lie in the databases of those who changed the records, not in the audit's: who rewrites the log can't rewrite them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from clients.verifier.bundle import labelled
from clients.verifier.encoding import hash_of, moment_of
from clients.verifier.errors import UnreadableError
from clients.verifier.leaf import LeafKey

_TIME = "time"


@dataclass(frozen=True, slots=True)
class KeptReceipt:
    """The log's word to a service: this leaf, by its hash, at this place; `kept_at` by the service's own clock."""

    index: int
    key: LeafKey
    leaf_hash: bytes
    kept_at: datetime


def read(path: Path) -> list[KeptReceipt]:
    """Read the receipts in a file, in any order. Raises UnreadableError."""
    try:
        with path.open("rb") as lines:
            return list(_receipts(lines, path.name))
    except OSError as error:
        raise UnreadableError(f"{path} can't be read: {error.strerror}") from error


def _receipts(lines: Iterator[bytes], name: str) -> Iterator[KeptReceipt]:
    for line in lines:
        told = labelled(line, frozenset({_TIME}), name)
        key = LeafKey(told["source_service"], told["record"], told["revision"])
        digest = hash_of(told["leaf_hash"], f"a hash of {name}")
        yield KeptReceipt(told["index"], key, digest, moment_of(told[_TIME], f"a time of {name}"))
