"""The evidence bundle: one zip file with a checkpoint, the leaves, and what proves that the one holds the other.

`checkpoint`, `leaves.jsonl`; for a selection of leaves `proofs/{index}.tlog-proof`, one each; where the exporter was
told of an earlier checkpoint also `earlier/checkpoint` and `earlier/consistency`, one hash in Base64 a line. Public
keys are never taken from it.
"""

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from clients.verifier.checkpoint import Checkpoint
from clients.verifier.encoding import from_base64, hash_of
from clients.verifier.errors import UnreadableError
from clients.verifier.leaf import LeafKey
from clients.verifier.merkle import LONGEST_PATH
from clients.verifier.note import LARGEST_NOTE_BYTES
from clients.verifier.tlog_proof import TlogProof

_CHECKPOINT, _LEAVES = "checkpoint", "leaves.jsonl"
_EARLIER, _CONSISTENCY = "earlier/checkpoint", "earlier/consistency"
_PROOF = "proofs/{}.tlog-proof"
_LARGEST_PROOF_BYTES = 2 * LARGEST_NOTE_BYTES
_LONGEST_LINE_BYTES = 2_000_000  # a leaf of 1 MiB in Base64, and its labels
_FIELDS = {"index": int, "source_service": str, "record": str, "revision": int, "leaf_hash": str}
_LEAF = "leaf"
_LARGEST = 2**63
_SURROGATE = re.compile("[\ud800-\udfff]")
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class BundledLeaf:
    """A leaf as the bundle labels it: its place, its key, its hash; `data` is None where it was pruned."""

    index: int
    key: LeafKey
    leaf_hash: bytes
    data: bytes | None


class Bundle:
    """An opened bundle; a context manager. Every member is one that is known, and is there once.

    Raises UnreadableError when it is opened or read and is not what it has to be.
    """

    def __init__(self, path: Path) -> None:
        with _unpacking(path.name):
            self._archive = zipfile.ZipFile(path)
        self._names = frozenset(self._archive.namelist())
        self._require_known_members()
        self.checkpoint = Checkpoint.parse(self._read(_CHECKPOINT, LARGEST_NOTE_BYTES))

    @property
    def is_complete(self) -> bool:
        """Whether it has no proofs: then it has to hold every leaf, and the root is computed from them."""
        return not any(name.startswith("proofs/") for name in self._names)

    def leaves(self) -> Iterator[BundledLeaf]:
        """Yield the leaves, each read when it is asked for, in rising order of their places."""
        before = -1
        with _unpacking(_LEAVES), self._archive.open(_LEAVES) as lines:
            while line := lines.readline(_LONGEST_LINE_BYTES + 1):
                if len(line) > _LONGEST_LINE_BYTES or not line.endswith(b"\n"):
                    raise UnreadableError(f"{_LEAVES} has a line that is too long, or has no end")
                leaf = _leaf(line, before)
                before = leaf.index
                yield leaf

    def proof(self, index: int) -> TlogProof | None:
        """Return the inclusion proof of a leaf; None where there is none."""
        name = _PROOF.format(index)
        return TlogProof.parse(self._read(name, _LARGEST_PROOF_BYTES)) if name in self._names else None

    def count_proofs(self) -> int:
        """Count the inclusion proofs."""
        return sum(name.startswith("proofs/") for name in self._names)

    def consistency(self) -> tuple[Checkpoint, tuple[bytes, ...]] | None:
        """Return the earlier checkpoint that the bundle continues, and the path that proves it; None without."""
        if _EARLIER not in self._names or _CONSISTENCY not in self._names:
            return None
        lines = self._read(_CONSISTENCY, LARGEST_NOTE_BYTES).decode("ascii", "replace").splitlines()
        if len(lines) > LONGEST_PATH:
            raise UnreadableError(f"{_CONSISTENCY} is longer than {LONGEST_PATH} hashes")
        path = tuple(hash_of(line, f"a hash of {_CONSISTENCY}") for line in lines)
        return Checkpoint.parse(self._read(_EARLIER, LARGEST_NOTE_BYTES)), path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._archive.close()

    def _require_known_members(self) -> None:
        known = (_CHECKPOINT, _LEAVES, _EARLIER, _CONSISTENCY)
        if len(self._names) < len(self._archive.namelist()):
            raise UnreadableError("the bundle has two members of one name")
        for name in sorted(self._names):
            # What nothing checks must not travel under the same seal.
            if name not in known and not (name.startswith("proofs/") and name.endswith(".tlog-proof")):
                raise UnreadableError(f"the bundle has a member that belongs to no bundle: {name[:80]!r}")
        if any(entry.compress_type not in _COMPRESSIONS for entry in self._archive.infolist()):
            raise UnreadableError("the bundle has a member that is neither stored nor deflated")
        for name in (_CHECKPOINT, _LEAVES):
            if name not in self._names:
                raise UnreadableError(f"the bundle has no {name}")

    def _read(self, name: str, most_bytes: int) -> bytes:
        with _unpacking(name), self._archive.open(name) as member:
            data = member.read(most_bytes + 1)
        if len(data) > most_bytes:
            raise UnreadableError(f"{name} is larger than {most_bytes} bytes")
        return data


@contextmanager
def _unpacking(name: str) -> Iterator[None]:
    """Tell whatever a broken archive makes `zipfile` raise as what it is."""
    try:
        yield
    except (OSError, EOFError, NotImplementedError, RuntimeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        told = (
            f"can't be read: {error.strerror}"
            if isinstance(error, OSError) and error.strerror
            else "can't be unpacked: it was damaged or altered after it was made"
        )
        raise UnreadableError(f"{name} {told}") from error


def labelled(line: bytes, extra: frozenset[str], what: str) -> dict[str, Any]:
    """Read a JSON line with a place, a key and a hash, and the `extra` members. Raises UnreadableError."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{what} has a line that is not JSON") from error
    if not isinstance(told, dict) or told.keys() != _FIELDS.keys() | extra:
        raise UnreadableError(f"{what} has a line without exactly the members {', '.join([*_FIELDS, *sorted(extra)])}")
    for name, kind in _FIELDS.items():
        if type(told[name]) is not kind:
            raise UnreadableError(f"{what} has a line whose {name} is no {kind.__name__}")
    if not 0 <= told["index"] < _LARGEST or not 1 <= told["revision"] < _LARGEST:
        raise UnreadableError(f"{what} has a line with an impossible index or revision")
    if any(_SURROGATE.search(value) for value in told.values() if isinstance(value, str)):
        raise UnreadableError(f"{what} has a line with half a character")
    return told


def _leaf(line: bytes, before: int) -> BundledLeaf:
    told = labelled(line, frozenset({_LEAF}), _LEAVES)
    index, encoded = told["index"], told[_LEAF]
    if index <= before:
        raise UnreadableError(f"{_LEAVES} names leaf {index} behind leaf {before}")
    if encoded is not None and not isinstance(encoded, str):
        raise UnreadableError(f"leaf {index} of {_LEAVES} is neither Base64 nor null")
    return BundledLeaf(
        index,
        LeafKey(told["source_service"], told["record"], told["revision"]),
        hash_of(told["leaf_hash"], f"the hash of leaf {index}"),
        None if encoded is None else from_base64(encoded, f"leaf {index}"),
    )
