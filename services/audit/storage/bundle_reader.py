"""Reads leaves as a bundle holds them: all that answer a question, page by page."""

from collections.abc import Iterator

from sqlalchemy import func, select

from services.audit.domain.bundle import BundledLeaf
from services.audit.domain.leaf import LeafKey
from services.audit.domain.question import LeafFilter, Scope, fitting
from services.audit.storage.leaf_reader import conditions, in_scope
from services.audit.storage.table import LEAVES
from services.mesh.postgres.database import Database

_PAGE = 2_000
_PAGE_BYTES = 4_000_000


class BundleReader:
    """Each page is a transaction of its own: what is below a checkpoint does not change any more."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def leaves(self, wanted: LeafFilter, scope: Scope, tree_size: int) -> Iterator[BundledLeaf]:
        """Yield the leaves of a tree of so many that answer, by place."""
        after = -1
        while page := self._page(wanted, scope, after, tree_size):
            yield from page
            after = page[-1].index

    def _page(self, wanted: LeafFilter, scope: Scope, after: int, tree_size: int) -> list[BundledLeaf]:
        places = (LEAVES.c.leaf_index > after, LEAVES.c.leaf_index < tree_size)
        sizes = (
            select(LEAVES.c.leaf_index, func.coalesce(func.octet_length(LEAVES.c.leaf), 0))
            .where(*conditions(wanted), *in_scope(scope), *places)
            .order_by(LEAVES.c.leaf_index)
            .limit(_PAGE)
        )
        key = (LEAVES.c.source_service, LEAVES.c.record, LEAVES.c.revision)
        with self._database.reading() as connection:
            found = connection.execute(sizes).all()
            fits = [index for index, _ in found[: fitting([size for _, size in found], _PAGE, _PAGE_BYTES)]]
            held = select(LEAVES.c.leaf_index, LEAVES.c.leaf_hash, LEAVES.c.leaf, *key)
            rows = connection.execute(held.where(LEAVES.c.leaf_index.in_(fits)).order_by(LEAVES.c.leaf_index))
            return [
                BundledLeaf(index, LeafKey(*of), bytes(digest), None if data is None else bytes(data))
                for index, digest, data, *of in rows
            ]
