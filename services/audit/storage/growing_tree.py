"""The tree as the sequencer grows it: tiles and a signed checkpoint, in the transaction that appends the leaves."""

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
from services.mesh.errors import ConcordError

Connection = psycopg.Connection[tuple[Any, ...]]

_HEAD = """
SELECT (SELECT coalesce(max(leaf_index) + 1, 0) FROM public.leaves), newest.tree_size, newest.root, clock_timestamp()
FROM (SELECT) AS always
LEFT JOIN (SELECT tree_size, root FROM public.checkpoints ORDER BY tree_size DESC LIMIT 1) AS newest ON true
"""
_GROW = """
WITH added AS (
    INSERT INTO public.tiles (level, tile_index, hashes, root)
    SELECT level, tile_index, hashes, root
    FROM unnest(%b::smallint[], %b::bigint[], %b::bytea[], %b::bytea[]) AS tile (level, tile_index, hashes, root)
)
INSERT INTO public.checkpoints (tree_size, root, note, key_id, signed_at) VALUES (%b, %b, %b, %b, %b)
"""


class Head(NamedTuple):
    """How far the log is: the first free place, the newest checkpoint (None before the first), the time."""

    next_index: int
    tree_size: int | None
    root: bytes | None
    now: datetime

    @property
    def unsigned(self) -> range:
        """The places of leaves that no checkpoint covers."""
        return range(self.tree_size or 0, self.next_index)


class GrowingTree:
    """Keeps the frontier between commits. Everything happens under the sequencer's lock.

    Whether the frontier that is kept is that of the database, size and root of the newest checkpoint tell: after a
    commit that failed, or another replica's, it is read anew.
    """

    def __init__(self, signer: LogSigner) -> None:
        self._signer = signer
        self._frontier = Frontier()

    def head(self, connection: Connection) -> Head:
        """Read how far the log is. Raises ConcordError LOG_INCONSISTENT when it is not what was signed."""
        row = connection.execute(_HEAD, prepare=True).fetchone()
        assert row is not None  # noqa: S101 - a join with one row that is always there
        head = Head(*row)
        signed = head.tree_size or 0, head.root or EMPTY_ROOT
        if head.next_index < signed[0]:
            raise inconsistent(signed[0], f"the log holds {head.next_index} leaves")
        if self._head_kept() != signed:
            self._frontier = _read(connection, signed[0])
        if self._head_kept() != signed:
            raise inconsistent(signed[0], "the log's hashes give another root")
        return head

    def grow(self, connection: Connection, leaf_hashes: Iterable[bytes], signed_at: datetime) -> SignedCheckpoint:
        """Add leaves behind the head that was read: write the tiles that became full, and the checkpoint that it signs.

        The leaves themselves have to be in the database, or come there in the same transaction.
        """
        tiles = self._frontier.append(leaf_hashes)
        checkpoint = self._signer.sign(*self._head_kept(), signed_at)
        _write(connection, tiles, checkpoint)
        return checkpoint

    def _head_kept(self) -> tuple[int, bytes]:
        return self._frontier.size, self._frontier.root()


def _read(connection: Connection, tree_size: int) -> Frontier:
    edge = [TileAddress(level, tree_size >> (HEIGHT * (level + 1))) for level in range(HIGHEST_LEVEL + 1)]
    tiles = read_tiles(connection, edge)
    return Frontier([tiles[address][: width_in(tree_size, address)] for address in edge])


def _write(connection: Connection, tiles: Sequence[Tile], checkpoint: SignedCheckpoint) -> None:
    columns = (
        [tile.address.level for tile in tiles],
        [tile.address.index for tile in tiles],
        [tile.hashes for tile in tiles],
        [tile.root for tile in tiles],
    )
    signed = (checkpoint.tree_size, checkpoint.root, checkpoint.note, checkpoint.key_id, checkpoint.signed_at)
    connection.execute(_GROW, (*columns, *signed), prepare=True)


def inconsistent(tree_size: int, found: str) -> ConcordError:
    """Return the error for a log that does not hold what its newest checkpoint was signed for."""
    return ConcordError(
        reasons.ERROR_REASON_LOG_INCONSISTENT,
        f"the newest checkpoint is of {tree_size} leaves, but {found}: nothing is signed before somebody has looked",
        metadata={"tree_size": str(tree_size)},
    )
