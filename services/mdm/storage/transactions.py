"""Transactions of the hub: bounded retries on contention, idempotent requests, rehearsals that change nothing."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.database import Database, driver
from services.mesh.errors import ConcordError
from services.mesh.records.idempotency import Answer, RequestKey, claim_each, settle_each
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool import SpoolGuard

T = TypeVar("T")

ATTEMPTS = 4
"""How often a transaction is tried that others keep colliding with."""


class Transactions:
    """Runs writes of the hub."""

    def __init__(self, database: Database, sealer: Sealer, guard: SpoolGuard) -> None:
        self._database = database
        self._sealer = sealer
        self._guard = guard

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that may only read."""
        with self._database.reading() as connection:
            return work(connection)

    def snapshot(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction that may only read and sees one moment, however many statements it runs."""
        with self._database.transaction() as connection:
            driver(connection).execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            return work(connection)

    def write(self, work: Callable[[Connection], T], *, rehearsal: bool = False) -> T:
        """Run `work` in a transaction; again, a few times, when others changed the same records.

        Raises ConcordError SPOOL_FULL before anything is done, CONCURRENT_CHANGE after the last attempt.
        """
        self._guard.check()
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(work, rehearsal=rehearsal)
            except ConcordError as error:
                if error.reason != reasons.ERROR_REASON_CONCURRENT_CHANGE or attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def once(
        self,
        key: RequestKey,
        request: Message,
        apply: Callable[[Connection], Answer],
        present: Callable[[Connection, Answer], T],
        *,
        rehearsal: bool,
    ) -> T:
        """Apply a request once however often it comes; a repeat presents the first answer's revision again.

        Raises ConcordError REQUEST_ID_REUSED and as `write`.
        """
        (presented,) = self.once_each(
            [(key, request)],
            lambda connection, new: [apply(connection) for _ in new],
            lambda connection, _, answer: present(connection, answer),
            rehearsal=rehearsal,
        )
        return presented

    def once_each(
        self,
        asked: Sequence[tuple[RequestKey, Message]],
        apply: Callable[[Connection, Sequence[int]], Sequence[Answer]],
        present: Callable[[Connection, int, Answer], T],
        *,
        rehearsal: bool,
    ) -> list[T]:
        """Apply requests of different keys in one transaction, each as `once` does; all of them or none.

        `apply` gets the places of those that are new, `present` the place of each with its answer.
        """

        def work(connection: Connection) -> list[T]:
            recalled = claim_each(connection, self._sealer, asked)
            new = [place for place, answer in enumerate(recalled) if answer is None]
            made = dict(zip(new, apply(connection, new), strict=True))
            settle_each(connection, [(asked[place][0], answer) for place, answer in made.items()])
            return [present(connection, place, answer or made[place]) for place, answer in enumerate(recalled)]

        return self.write(work, rehearsal=rehearsal)

    def _once(self, work: Callable[[Connection], T], *, rehearsal: bool) -> T:
        with self._database.transaction() as connection:
            result = work(connection)
            if rehearsal:
                connection.rollback()
            return result
