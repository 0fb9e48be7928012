"""Inclusion proofs as files of their own, after C2SP tlog-proof."""

from dataclasses import dataclass
from typing import Self

from clients.verifier.checkpoint import Checkpoint
from clients.verifier.encoding import hash_of, number_of
from clients.verifier.errors import UnreadableError
from clients.verifier.merkle import LONGEST_PATH

_HEADER = "c2sp.org/tlog-proof@v1"
_EXTRA, _INDEX = "extra ", "index "


@dataclass(frozen=True, slots=True)
class TlogProof:
    """Which leaf, the path from its sibling up, and the checkpoint that the path leads to."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a proof; nothing is verified yet. Extra data, which proves nothing, is passed over.

        Raises UnreadableError.
        """
        head, empty_line, checkpoint = data.partition(b"\n\n")
        try:
            header, *lines = head.decode().split("\n")
        except UnicodeDecodeError as error:
            raise UnreadableError("a tlog-proof is text in UTF-8") from error
        if header != _HEADER or not empty_line:
            raise UnreadableError(f"a tlog-proof begins with {_HEADER} and ends with a checkpoint")
        if lines and lines[0].startswith(_EXTRA):
            lines = lines[1:]
        if not lines or not lines[0].startswith(_INDEX) or len(lines) > 1 + LONGEST_PATH:
            raise UnreadableError("a tlog-proof names an index, then the hashes of a path")
        index = number_of(lines[0].removeprefix(_INDEX), "the proof's index")
        return cls(
            index, tuple(hash_of(line, "a hash of the proof") for line in lines[1:]), Checkpoint.parse(checkpoint)
        )
