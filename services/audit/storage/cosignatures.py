"""Keeps what witnesses said of checkpoints."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from services.audit.domain.cosignature import Cosignature, WitnessKey
from services.audit.storage.table import COSIGNATURES
from services.mesh.postgres.database import Database


class Cosignatures:
    """The cosignatures of one database's log; the first of a checkpoint by a key stays the only one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, tree_size: int, given: Cosignature) -> None:
        """Keep a cosignature of the checkpoint of so many leaves."""
        row = {
            "tree_size": tree_size,
            "witness": given.witness,
            "key_id": given.key_id,
            "line": given.line,
            "cosigned_at": given.cosigned_at,
        }
        with self._database.transaction() as connection:
            connection.execute(insert(COSIGNATURES).values(row).on_conflict_do_nothing())

    def newest_size(self, key: WitnessKey | None = None) -> int:
        """Return the size of the newest checkpoint that this witness, or any, has cosigned; 0 when there is none."""
        question = select(func.coalesce(func.max(COSIGNATURES.c.tree_size), 0))
        if key is not None:
            question = question.where(COSIGNATURES.c.witness == key.name, COSIGNATURES.c.key_id == key.key_id)
        with self._database.reading() as connection:
            size: int = connection.execute(question).scalar_one()
        return size

    def lines(self, tree_size: int) -> str:
        """Return the lines to stand below a checkpoint's own signatures, in the order of the witnesses' names."""
        question = (
            select(COSIGNATURES.c.line)
            .where(COSIGNATURES.c.tree_size == tree_size)
            .order_by(COSIGNATURES.c.witness, COSIGNATURES.c.key_id)
        )
        with self._database.reading() as connection:
            return "".join(connection.execute(question).scalars())
