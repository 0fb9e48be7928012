"""Transactions of the hub: bounded retries on contention, idempotent requests, rehearsals that change nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.storage.deciding import payment_changes
from services.mdm.storage.deciding.payment_changes import NONE, Changes, PaymentChanges
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.records.idempotency import Answer, RequestKey, claim_each, settle_each
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool import SpoolGuard

T = TypeVar("T")

ATTEMPTS = 4
"""How often a transaction is tried that others keep colliding with."""


@dataclass(frozen=True)
class Committed(Generic[T]):
    """What a committed transaction gave, and the payment-critical changes that its answer has to wait for."""

    result: T
    awaited: Changes = NONE


class Transactions:
    """Runs writes of the hub."""

    def __init__(self, database: Database, sealer: Sealer, guard: SpoolGuard, payment: PaymentChanges) -> None:
        self._database = database
        self._sealer = sealer
        self._guard = guard
        self.payment = payment

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

        Raises ConcordError SPOOL_FULL before anything is done, AUDIT_BEHIND before a payment-critical change is
        committed, CONCURRENT_CHANGE after the last attempt.
        """
        return self.commit(work, rehearsal=rehearsal).result

    def answer(self, work: Callable[[Connection], T], *, rehearsal: bool = False) -> T:
        """Run `work` as `write` does, for somebody who waits for an answer: it comes when the audit knows.

        Raises ConcordError AUDIT_RECEIPT_PENDING after the commit, and as `write`.
        """
        return self.receipted(self.commit(work, rehearsal=rehearsal))

    def receipted(self, committed: Committed[T]) -> T:
        """Return what was committed as soon as it may be told. Raises ConcordError AUDIT_RECEIPT_PENDING."""
        self.payment.wait(committed.awaited)
        return committed.result

    def commit(self, work: Callable[[Connection], T], *, rehearsal: bool = False) -> Committed[T]:
        """Run `work` as `write` does; who gets the result has to let its answers wait."""
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

        Raises ConcordError REQUEST_ID_REUSED and as `answer`; a repeat waits for the receipt again.
        """
        (presented,) = self.once_each(
            [(key, request)],
            lambda connection, new: [apply(connection) for _ in new],
            lambda connection, _, answer: present(connection, answer),
            rehearsal=rehearsal,
        )
        return self.receipted(presented)

    def once_each(
        self,
        asked: Sequence[tuple[RequestKey, Message]],
        apply: Callable[[Connection, Sequence[int]], Sequence[Answer]],
        present: Callable[[Connection, int, Answer], T],
        *,
        rehearsal: bool,
    ) -> list[Committed[T]]:
        """Apply requests of different keys in one transaction, each as `once` does; all of them or none.

        `apply` gets the places of those that are new, `present` the place of each with its answer. Each has to wait by
        itself: for what it changed, no matter what the others did.
        """

        def work(connection: Connection) -> list[Committed[T]]:
            recalled = claim_each(connection, self._sealer, asked)
            new = [place for place, answer in enumerate(recalled) if answer is None]
            made = dict(zip(new, apply(connection, new), strict=True))
            settle_each(connection, [(asked[place][0], answer) for place, answer in made.items()])
            awaited = payment_changes.shared_out(
                payment_changes.noted(connection), [answer.record for answer in made.values()]
            )
            waiting = dict(zip(new, awaited, strict=True))
            return [
                Committed(
                    present(connection, place, answer or made[place]),
                    self.payment.unreceipted(connection, [answer]) if answer else waiting[place],
                )
                for place, answer in enumerate(recalled)
            ]

        committed = self.write(work, rehearsal=rehearsal)
        # What was only rehearsed waits for nothing, whoever makes the same revision meanwhile.
        return [Committed(each.result) for each in committed] if rehearsal else committed

    def _once(self, work: Callable[[Connection], T], *, rehearsal: bool) -> Committed[T]:
        with self._database.transaction() as connection:
            payment_changes.forget(connection)
            result = work(connection)
            self.payment.require_current(connection)
            if rehearsal:
                connection.rollback()
                return Committed(result)
            return Committed(result, payment_changes.noted(connection))
