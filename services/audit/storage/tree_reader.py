"""Reads the log's tree: checkpoints, proofs, tiles."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Select, select

from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.merkle import consistency_proof, inclusion_proof
from services.audit.domain.tile import TileAddress, width_in
from services.audit.storage.nodes import read_nodes, read_tiles
from services.audit.storage.table import CHECKPOINTS
from services.mesh.database import Database, driver

_COLUMNS = (
    CHECKPOINTS.c.tree_size,
    CHECKPOINTS.c.root,
    CHECKPOINTS.c.note,
    CHECKPOINTS.c.key_id,
    CHECKPOINTS.c.signed_at,
)


class TreeReader:
    """Answers with hashes and signatures only, which show nothing of any leaf."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self) -> SignedCheckpoint | None:
        """Read the newest checkpoint; None before the log has signed one."""
        return self._one(select(*_COLUMNS).order_by(CHECKPOINTS.c.tree_size.desc()).limit(1))

    def checkpoint(self, tree_size: int) -> SignedCheckpoint | None:
        """Read the checkpoint of so many leaves; None when the log has not signed one of them."""
        return self._one(select(*_COLUMNS).where(CHECKPOINTS.c.tree_size == tree_size))

    def inclusion_proof(self, leaf_index: int, tree_size: int) -> list[bytes]:
        """Prove that a leaf is at its place. ValueError unless 0 <= leaf_index < tree_size; LookupError for more."""
        with self._database.reading() as connection:
            return inclusion_proof(leaf_index, tree_size, partial(read_nodes, driver(connection)))

    def consistency_proof(self, first_size: int, second_size: int) -> list[bytes]:
        """Prove that a tree is the beginning of a larger one. ValueError for sizes that fall; LookupError for more."""
        with self._database.reading() as connection:
            return consistency_proof(first_size, second_size, partial(read_nodes, driver(connection)))

    def tile(self, address: TileAddress, tree_size: int) -> Sequence[bytes]:
        """Read the hashes that a tile has in the tree of so many leaves; none when it is not there."""
        width = width_in(tree_size, address)
        if not width:
            return ()
        with self._database.reading() as connection:
            return read_tiles(driver(connection), [address])[address][:width]

    def _one(self, question: Select[Any]) -> SignedCheckpoint | None:
        with self._database.reading() as connection:
            row = connection.execute(question).one_or_none()
        return None if row is None else SignedCheckpoint(*row)
