"""Intake: batches of submissions in one transaction each; what can't be taken in is quarantined instead."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from google.rpc import status_pb2
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2, system_pb2
from services.mdm.storage.deciding import payment_changes
from services.mdm.storage.deciding.payment_changes import Changes
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.golden_reader import merged_into
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.tables.crosswalk import Crossing
from services.mdm.storage.tables.match_keys import hold_keys
from services.mdm.storage.writing.quarantine import UNKNOWN, Quarantine, Refused
from services.mdm.storage.writing.write_path import Applied, Submission, WritePath
from services.mesh.errors import ConcordError, FieldViolation, to_status
from services.mesh.records import idempotency
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


@dataclass(frozen=True)
class Postponed:
    """What became of a submission that may not be taken in now; nothing is kept of it."""

    error: ConcordError


_IN_HALVES = (reasons.ERROR_REASON_AUDIT_BEHIND, reasons.ERROR_REASON_TOO_MANY_CHANGES)

Offer = Submission | Refusal
Taken = Applied | Quarantined
Answer = Taken | Postponed


class Intake:
    """Takes in source records; every one gets an answer, in order."""

    def __init__(self, transactions: Transactions, path: WritePath, quarantine: Quarantine, registry: Registry) -> None:
        self._transactions = transactions
        self._path = path
        self._quarantine = quarantine
        self._registry = registry

    def take(self, offers: Sequence[Offer], origin: Origin) -> list[Answer]:
        """Take in what can be taken in and quarantine the rest, in as few transactions as the rules allow.

        While the audit is behind, payment-critical changes are postponed and the others made. Who acknowledges one
        waits for its `awaited` changes first. Raises ConcordError SPOOL_FULL, CONCURRENT_CHANGE,
        DEPENDENCY_UNAVAILABLE: then nothing of the transaction that was under way is stored, and what an earlier one
        stored stays.
        """
        answers: list[Answer] = []
        for batch in _batches(offers):
            answers += self._take(batch, origin)
        return answers

    def _take(self, batch: Sequence[Offer], origin: Origin) -> list[Answer]:
        """Take in a batch; in halves when matching moves more than one transaction may, or something must wait."""
        try:
            return list(self._transactions.write(lambda connection: self._taken(connection, batch, origin)))
        except ConcordError as error:
            if error.reason not in _IN_HALVES:
                raise
            if len(batch) == 1:
                return self._left_out(batch[0].said, error, origin)
        middle = len(batch) // 2
        return [*self._take(batch[:middle], origin), *self._take(batch[middle:], origin)]

    def _left_out(self, said: ingest_pb2.SourceRecord, error: ConcordError, origin: Origin) -> list[Answer]:
        if error.reason == reasons.ERROR_REASON_AUDIT_BEHIND:
            return [Postponed(error)]
        return self._take([Refusal(said, said.SerializeToString(), error)], origin)

    def _taken(self, connection: Connection, batch: Sequence[Offer], origin: Origin) -> list[Taken]:
        """Take in a batch; every answer knows what it has to wait for."""
        answers = self.take_in(connection, batch, origin)
        applied = [answer for answer in answers if isinstance(answer, Applied)]
        awaited = iter(payment_changes.shared_out(payment_changes.noted(connection), [a.golden for a in applied]))
        told = [replace(a, awaited=next(awaited)) if isinstance(a, Applied) else a for a in answers]
        # What says again what it said before may be the repeat of what has no receipt yet.
        repeats = [idempotency.Answer(a.golden, a.golden_revision) for a in applied if a.made is None]
        missing = self._transactions.payment.unreceipted(connection, repeats)
        return [_awaiting(answer, missing) for answer in told] if missing else told

    def take_all(self, connection: Connection, offers: Sequence[Offer], origin: Origin) -> list[Taken]:
        """Do the same in the caller's transaction, where a (system, key) may come again; at most 200 submissions."""
        return [answer for batch in _batches(offers) for answer in self.take_in(connection, batch, origin)]

    def take_in(self, connection: Connection, batch: Sequence[Offer], origin: Origin) -> list[Taken]:
        """Take in one batch of distinct (system, key) pairs in the caller's transaction."""
        pairs = [(offer.said.system, offer.said.key) for offer in batch]
        hold_keys(connection, pairs)
        known = crosswalk.by_key(connection, [offer.crossing for offer in batch if isinstance(offer, Submission)])
        checked = [self._checked(connection, offer, known.get(pair)) for offer, pair in zip(batch, pairs, strict=True)]
        submissions = [offer for offer in checked if isinstance(offer, Submission)]
        applied = iter(self._path.apply(connection, submissions, origin))
        self._quarantine.settle(connection, [submission.crossing for submission in submissions], origin)
        refusals = [offer for offer in checked if isinstance(offer, Refusal)]
        kept = iter(self._keep(connection, refusals, origin))
        return [next(applied) if isinstance(offer, Submission) else next(kept) for offer in checked]

    def _checked(self, connection: Connection, offer: Offer, known: Crossing | None) -> Offer:
        """Refuse what only the database can tell: a key of another type, a delivery of what is not there."""
        if isinstance(offer, Refusal):
            return offer
        if known is not None and not offer.record_type.owns(known.golden):
            return _refused(offer, "content", "is of another type than what the key stands for")
        if not offer.delivered:
            return offer
        survivor = self._survivor(connection, offer, known)
        if not survivor:
            return _refused(offer, "echo.golden_record", "there is no such golden record of the content's type")
        return offer if survivor == offer.delivered else replace(offer, survivor=survivor)

    def _survivor(self, connection: Connection, offer: Submission, known: Crossing | None) -> str:
        """Return the golden record that the delivered one is, or goes on in; empty when there is none.

        A first submission, which it links, must be in its scope.
        """
        if not offer.record_type.owns(offer.delivered):
            return ""
        store = self._path.store
        revision = store.read(connection, [offer.delivered]).get(offer.delivered)
        if revision is None or not (known is not None or in_scope(revision.entities, offer.scope)):
            return ""
        return merged_into(store, revision) or revision.record

    def _keep(self, connection: Connection, refusals: Sequence[Refusal], origin: Origin) -> list[Quarantined]:
        if not refusals:
            return []
        systems = self._registry.read(connection).systems
        refused = [_kept(refusal, systems) for refusal in refusals]
        names = self._quarantine.keep(connection, refused, origin)
        return [Quarantined(name, each.error) for name, each in zip(names, refused, strict=True)]


def _kept(refusal: Refusal, systems: Mapping[str, system_pb2.System]) -> Refused:
    """Return a refusal as the quarantine keeps it.

    What came for a system that the caller may not know of tells nothing of it, and lies apart from its records.
    """
    unknown = refusal.error.reason == reasons.ERROR_REASON_SYSTEM_UNKNOWN
    known = None if unknown else systems.get(refusal.said.system)
    return Refused(
        system=known.name if known else UNKNOWN,
        key=refusal.said.key.replace("\0", "").encode()[:512].decode(errors="ignore"),
        original=refusal.original,
        error=to_status(refusal.error),
        entities=(known.entity,) if known else (),
    )


def _awaiting(answer: Taken, missing: Changes) -> Taken:
    """Let a repeat wait for what its golden record still lacks."""
    if not isinstance(answer, Applied) or answer.made is not None:
        return answer
    return replace(answer, awaited=answer.awaited | {each for each in missing if each.record == answer.golden})


def _refused(offer: Submission, field: str, description: str) -> Refusal:
    error = ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        "the record does not fit what the hub knows",
        metadata={"type": offer.record_type.descriptor.full_name},
        violations=[FieldViolation(field, description)],
    )
    return Refusal(offer.said, offer.said.SerializeToString(), error)


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
