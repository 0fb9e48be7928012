"""Intake: batches of submissions in one transaction each; what can't be taken in is quarantined instead."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from google.rpc import status_pb2
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.storage.quarantine import UNKNOWN, Quarantine, Refused
from services.mdm.storage.registry import Registry
from services.mdm.storage.transactions import Transactions
from services.mdm.storage.write_path import Applied, Submission, WritePath
from services.mesh.errors import ConcordError, FieldViolation, to_status
from services.mesh.records.leaf import Origin

MOST_IN_A_TRANSACTION = 200
"""Each submission makes up to three changes, of which a transaction may make 1,000."""


@dataclass(frozen=True)
class Refusal:
    """A submission that is not to be taken in, with its exact bytes."""

    said: ingest_pb2.SourceRecord
    original: bytes
    error: ConcordError


@dataclass(frozen=True)
class Quarantined:
    """What became of a refused submission."""

    name: str
    error: status_pb2.Status


Offer = Submission | Refusal
Answer = Applied | Quarantined


class Intake:
    """Takes in source records; every one gets an answer, in order."""

    def __init__(self, transactions: Transactions, path: WritePath, quarantine: Quarantine, registry: Registry) -> None:
        self._transactions = transactions
        self._path = path
        self._quarantine = quarantine
        self._registry = registry

    def take(self, offers: Sequence[Offer], origin: Origin) -> list[Answer]:
        """Take in what can be taken in and quarantine the rest, in as few transactions as the rules allow.

        Raises ConcordError SPOOL_FULL, CONCURRENT_CHANGE, DEPENDENCY_UNAVAILABLE: then nothing of the transaction
        that was under way is stored, and what an earlier one stored stays.
        """
        answers: list[Answer] = []
        for batch in _batches(offers):
            answers += self._transactions.write(lambda c, b=batch: self.take_in(c, b, origin))  # type: ignore[misc]
        return answers

    def take_in(self, connection: Connection, batch: Sequence[Offer], origin: Origin) -> list[Answer]:
        """Take in one batch of distinct (system, key) pairs in the caller's transaction."""
        checked = [self._checked(connection, offer) for offer in batch]
        submissions = [offer for offer in checked if isinstance(offer, Submission)]
        applied = iter(self._path.apply(connection, submissions, origin))
        self._quarantine.settle(connection, [submission.crossing for submission in submissions], origin)
        return [
            next(applied) if isinstance(offer, Submission) else self._keep(connection, offer, origin)
            for offer in checked
        ]

    def _checked(self, connection: Connection, offer: Offer) -> Offer:
        """Refuse what only the database can tell: a delivery of a golden record that is not there."""
        if isinstance(offer, Refusal) or not offer.delivered:
            return offer
        if offer.record_type.owns(offer.delivered) and self._path.store.read(connection, [offer.delivered]):
            return offer
        violation = FieldViolation("echo.golden_record", "there is no such golden record of the content's type")
        error = ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT, "the echo names no golden record", violations=[violation]
        )
        return Refusal(offer.said, offer.said.SerializeToString(), error)

    def _keep(self, connection: Connection, refusal: Refusal, origin: Origin) -> Quarantined:
        known = self._registry.read(connection).systems.get(refusal.said.system)
        status = to_status(refusal.error)
        refused = Refused(
            system=known.name if known else UNKNOWN,
            key=refusal.said.key.replace("\0", "").encode()[:512].decode(errors="ignore"),
            original=refusal.original,
            error=status,
            entities=(known.entity,) if known else (),
        )
        return Quarantined(self._quarantine.keep(connection, refused, origin), status)


def _batches(offers: Sequence[Offer]) -> Iterator[list[Offer]]:
    """Cut where a (system, key) comes again, so that its statements are applied in order, and at the size limit."""
    batch: list[Offer] = []
    seen: set[tuple[str, str]] = set()
    for offer in offers:
        crossing = (offer.said.system, offer.said.key)
        if crossing in seen or len(batch) == MOST_IN_A_TRANSACTION:
            yield batch
            batch, seen = [], set()
        batch.append(offer)
        seen.add(crossing)
    if batch:
        yield batch
