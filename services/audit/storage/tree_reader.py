"""Reads the log's tree: checkpoints, proofs, tiles."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.merkle import Node, consistency_proof, inclusion_proof
from services.audit.domain.tile import WIDTH, TileAddress, split, width_in
from services.audit.storage.kept_nodes import KeptNodes
from services.audit.storage.nodes import Tiles, read_nodes, read_tiles
from services.mesh.postgres.database import Database, driver
from services.mesh.postgres.look_up import LookUp

_COLUMNS = "SELECT tree_size, root, note, key_id, signed_at FROM public.checkpoints"
_NEWEST = f"{_COLUMNS} ORDER BY tree_size DESC LIMIT 1".encode()
_OF_SIZE = f"{_COLUMNS} WHERE tree_size = %b".encode()
_NEWEST_NEAR = LookUp(
    "newest_near",
    """
    SELECT tree_size, root, note, key_id, signed_at,
        (SELECT hashes FROM public.tiles WHERE (level, tile_index) = (0, $1::bigint))
    FROM public.checkpoints ORDER BY tree_size DESC LIMIT 1
    """,
)
_NONE: Tiles = {}


class TreeReader:
    """Answers with hashes and signatures only, which show nothing of any leaf."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept = KeptNodes()

    def newest(self) -> SignedCheckpoint | None:
        """Read the newest checkpoint; None before the log has signed one."""
        return self._one(_NEWEST)

    def checkpoint(self, tree_size: int) -> SignedCheckpoint | None:
        """Read the checkpoint of so many leaves; None when the log has not signed one of them."""
        return self._one(_OF_SIZE, tree_size)

    def newest_near(self, leaf_index: int) -> tuple[SignedCheckpoint | None, Tiles]:
        """Read the newest checkpoint and, in the same round trip, the lowest tile that a leaf is in, if that is full.

        A proof takes nothing else that is not kept, as a rule.
        """
        tile = TileAddress(0, leaf_index // WIDTH)
        with self._database.reading() as connection:
            for *checkpoint, hashes in _NEWEST_NEAR.rows(connection, str(tile.number)):
                return SignedCheckpoint(*checkpoint), {tile: split(hashes)} if hashes else _NONE
        return None, _NONE

    def inclusion_proof(self, leaf_index: int, tree_size: int, known: Tiles = _NONE) -> list[bytes]:
        """Prove that a leaf is at its place; tiles that are known are not read.

        ValueError unless 0 <= leaf_index < tree_size; LookupError for more.
        """
        return inclusion_proof(leaf_index, tree_size, partial(self._nodes, known))

    def consistency_proof(self, first_size: int, second_size: int) -> list[bytes]:
        """Prove that a tree is the beginning of a larger one. ValueError for sizes that fall; LookupError for more."""
        return consistency_proof(first_size, second_size, partial(self._nodes, _NONE))

    def tile(self, address: TileAddress, tree_size: int) -> Sequence[bytes]:
        """Read the hashes that a tile has in the tree of so many leaves; none when it is not there."""
        width = width_in(tree_size, address)
        if not width:
            return ()
        return self._tiles([address])[address][:width]

    def _one(self, question: bytes, *of: int) -> SignedCheckpoint | None:
        with self._database.reading() as connection:
            row = driver(connection).execute(question, of, prepare=True).fetchone()
        return None if row is None else SignedCheckpoint(*row)

    def _nodes(self, known: Tiles, nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        return self._kept.read(nodes, partial(read_nodes, known=known, read=self._tiles))

    def _tiles(self, addresses: Collection[TileAddress]) -> Tiles:
        with self._database.reading() as connection:
            return read_tiles(driver(connection), addresses)
