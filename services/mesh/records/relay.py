"""The relay: takes whole committed transactions to the audit and publishes them in one order for everybody."""

from collections.abc import Callable, Sequence

from concord.audit.v1.audit_pb2 import Receipt
from services.mesh.database import Database

AppendLeaves = Callable[[Sequence[bytes]], Sequence[Receipt]]
"""Takes at most 5000 serialised leaves, answers as many receipts in their order; raises ConcordError."""


class Relay:
    """One thread that publishes while it is the elected relay of its database and stands by otherwise."""

    def __init__(self, database: Database, append: AppendLeaves, *, largest_batch: int = 5000) -> None:
        raise NotImplementedError

    def start(self) -> None:
        """Start the thread."""
        raise NotImplementedError

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish or abandon the batch at hand, give up the election, end the thread."""
        raise NotImplementedError

    def elected(self) -> bool:
        """Tell whether this relay holds the lock."""
        raise NotImplementedError

    def backlog(self) -> int:
        """Count the changes that wait to be published."""
        raise NotImplementedError
