"""Purging: what is kept for a while only is forgotten when its time is over."""

from sqlalchemy import Connection

from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.writing import import_batches
from services.mesh.records import idempotency

PAUSE_S = 600.0


class Purging:
    """Forgets old requests and old imports."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def work(self) -> bool:
        """Forget what is due; there is nothing more to do until some time has passed."""
        self._transactions.write(_purge)
        return False


def _purge(connection: Connection) -> None:
    idempotency.purge(connection)
    import_batches.purge(connection)
