"""Reads the log's tree: checkpoints, proofs, tiles."""

from collections.abc import Mapping, Sequence

from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.merkle import Node, consistency_proof, inclusion_proof
from services.audit.domain.tile import TileAddress, width_in
from services.audit.storage.kept_nodes import KeptNodes
from services.audit.storage.nodes import read_nodes, read_tiles
from services.mesh.database import Database, driver

_COLUMNS = "SELECT tree_size, root, note, key_id, signed_at FROM public.checkpoints"
_NEWEST = f"{_COLUMNS} ORDER BY tree_size DESC LIMIT 1".encode()
_OF_SIZE = f"{_COLUMNS} WHERE tree_size = %b".encode()


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

    def inclusion_proof(self, leaf_index: int, tree_size: int) -> list[bytes]:
        """Prove that a leaf is at its place. ValueError unless 0 <= leaf_index < tree_size; LookupError for more."""
        return inclusion_proof(leaf_index, tree_size, self._nodes)

    def consistency_proof(self, first_size: int, second_size: int) -> list[bytes]:
        """Prove that a tree is the beginning of a larger one. ValueError for sizes that fall; LookupError for more."""
        return consistency_proof(first_size, second_size, self._nodes)

    def tile(self, address: TileAddress, tree_size: int) -> Sequence[bytes]:
        """Read the hashes that a tile has in the tree of so many leaves; none when it is not there."""
        width = width_in(tree_size, address)
        if not width:
            return ()
        with self._database.reading() as connection:
            return read_tiles(driver(connection), [address])[address][:width]

    def _one(self, question: bytes, *of: int) -> SignedCheckpoint | None:
        with self._database.reading() as connection:
            row = driver(connection).execute(question, of, prepare=True).fetchone()
        return None if row is None else SignedCheckpoint(*row)

    def _nodes(self, nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        return self._kept.read(nodes, self._read)

    def _read(self, nodes: Sequence[Node]) -> Mapping[Node, bytes]:
        with self._database.reading() as connection:
            return read_nodes(driver(connection), nodes)
