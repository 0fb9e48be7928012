"""The tree as the sequencer grows it: tiles and a signed checkpoint for the transaction that appends the leaves."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import LogSigner, SignedCheckpoint
from services.audit.domain.frontier import Frontier
from services.audit.domain.merkle import EMPTY_ROOT
from services.audit.domain.tile import HEIGHT, HIGHEST_LEVEL, Tile, TileAddress, width_in
from services.audit.storage.nodes import read_tiles
from services.audit.storage.standing import Head
from services.mesh.errors import ConcordError

Connection = psycopg.Connection[tuple[Any, ...]]


class Growth(NamedTuple):
    """What leaves made of the tree: the tiles that became full, and the signed checkpoint of its new size."""

    tiles: Sequence[Tile]
    checkpoint: SignedCheckpoint


class GrowingTree:
    """Keeps the frontier between commits. Everything happens under the sequencer's lock.

    Whether the frontier that is kept is that of the database, size and root of the newest checkpoint tell: after a
    commit that failed, or another replica's, it is read anew.
    """

    def __init__(self, signer: LogSigner) -> None:
        self._signer = signer
        self._frontier = Frontier()

    def stand_at(self, connection: Connection, head: Head) -> None:
        """Make the frontier the head's. Raises ConcordError LOG_INCONSISTENT when the log is not what was signed."""
        signed = head.tree_size or 0, head.root or EMPTY_ROOT
        if head.next_index < signed[0]:
            raise inconsistent(signed[0], f"the log holds {head.next_index} leaves")
        if self._head_kept() != signed:
            self._frontier = _read(connection, signed[0])
        if self._head_kept() != signed:
            raise inconsistent(signed[0], "the log's hashes give another root")

    def grow(self, leaf_hashes: Iterable[bytes], signed_at: datetime) -> Growth:
        """Add leaves behind the head, and sign. The caller writes what became of it, in the same transaction."""
        tiles = self._frontier.append(leaf_hashes)
        return Growth(tiles, self._signer.sign(*self._head_kept(), signed_at))

    def _head_kept(self) -> tuple[int, bytes]:
        return self._frontier.size, self._frontier.root()


def _read(connection: Connection, tree_size: int) -> Frontier:
    edge = [TileAddress(level, tree_size >> (HEIGHT * (level + 1))) for level in range(HIGHEST_LEVEL + 1)]
    tiles = read_tiles(connection, edge)
    return Frontier([tiles[address][: width_in(tree_size, address)] for address in edge])


def inconsistent(tree_size: int, found: str) -> ConcordError:
    """Return the error for a log that does not hold what its newest checkpoint was signed for."""
    return ConcordError(
        reasons.ERROR_REASON_LOG_INCONSISTENT,
        f"the newest checkpoint is of {tree_size} leaves, but {found}: nothing is signed before somebody has looked",
        metadata={"tree_size": str(tree_size)},
    )
