"""The evidence bundle: a zip file that is written as it is read, the same bytes for the same content."""

import base64
import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from services.audit.domain.leaf import LeafKey

CHECKPOINT, LEAVES = "checkpoint", "leaves.jsonl"
EARLIER_CHECKPOINT, CONSISTENCY = "earlier/checkpoint", "earlier/consistency"
PIECE_BYTES = 262_144

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file can name


@dataclass(frozen=True, slots=True)
class BundledLeaf:
    """A leaf with its place, its key and its hash; `data` is None where it was pruned."""

    index: int
    key: LeafKey
    leaf_hash: bytes
    data: bytes | None

    def line(self) -> bytes:
        """Return its line of `leaves.jsonl`."""
        told = {
            "index": self.index,
            "source_service": self.key.source_service,
            "record": self.key.record,
            "revision": self.key.revision,
            "leaf_hash": _base64(self.leaf_hash),
            "leaf": None if self.data is None else _base64(self.data),
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


@dataclass(frozen=True)
class Member:
    """A file of the bundle, and its content as it comes."""

    name: str
    content: Iterable[bytes]


def proof_name(leaf_index: int) -> str:
    """Return what a leaf's inclusion proof is called."""
    return f"proofs/{leaf_index}.tlog-proof"


def consistency_lines(hashes: Sequence[bytes]) -> bytes:
    """Return a consistency proof as the bundle holds it: a hash a line."""
    return "".join(f"{_base64(each)}\n" for each in hashes).encode()


def written(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield the zip file of these members in pieces of `PIECE_BYTES`, the last one shorter; nothing else is held."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for member in members:
            entry = zipfile.ZipInfo(member.name, _EARLIEST)
            entry.create_system = 3  # whatever system it is written on
            with archive.open(entry, "w", force_zip64=True) as file:
                for part in member.content:
                    file.write(part)
                    yield from sink.pieces(PIECE_BYTES)
    yield from sink.pieces(1)


class _Sink:
    """Takes what is written, to be taken on."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Nothing is open."""

    def pieces(self, least: int) -> Iterator[bytes]:
        while len(self._held) >= least:
            yield bytes(self._held[:PIECE_BYTES])
            del self._held[:PIECE_BYTES]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
