"""Stewards' decisions on pairs of source records: revisioned records, one a pair, found by either of the two."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_pb2
from services.mdm.domain.decided_pair import Pair
from services.mdm.domain.indexing import IndexEntry
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import known
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.tables import record_index
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, Revision, RevisionDraft

RECORD_TYPE = "match_decision"
"""What decisions are called in the feed and in the evidence."""

Kind = match_pb2.MatchDecision.Kind
State = match_pb2.MatchDecision.State

_STANDING = """
SELECT DISTINCT record FROM record_index
WHERE record_type = 'match_decision' AND path = 'standing' AND value = ANY(%s) AND to_revision IS NULL
"""
_EVER = """
SELECT DISTINCT record FROM record_index
WHERE record_type = 'match_decision' AND path = 'source_record' AND value = %s
"""
_FOUND = """
FROM records r WHERE r.record_type = 'match_decision'
AND (%(scope)s::text[] IS NULL OR r.entities && %(scope)s)
AND (%(source)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record
    AND i.path = 'source_record' AND i.value = %(source)s AND i.to_revision IS NULL))
AND (%(type)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record
    AND i.path = 'record_type' AND i.value = %(type)s AND i.to_revision IS NULL))
AND (%(withdrawn)s OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record
    AND i.path = 'standing' AND i.to_revision IS NULL))
"""
_PAGE = f"SELECT r.record {_FOUND} AND r.record > %(after)s ORDER BY r.record LIMIT %(limit)s"
_CHUNK = 1000
_COUNT = f"SELECT count(*) {_FOUND}"


@dataclass(frozen=True)
class Question:
    """Which decisions are asked for; `scope` are the caller's entities, None = all; empty texts ask for all."""

    source_record: str
    record_type: str
    show_withdrawn: bool
    scope: frozenset[str] | None

    @property
    def parameters(self) -> dict[str, Any]:
        """The statement's parameters."""
        return {
            "source": self.source_record,
            "type": self.record_type,
            "withdrawn": self.show_withdrawn,
            "scope": None if self.scope is None else sorted(self.scope),
        }


@dataclass(frozen=True)
class Verdict:
    """What one decision says of every pair that it is about: who are the pairs, of which type and whose."""

    kind: Kind.ValueType
    reason: str
    record_type: str
    entities: tuple[str, ...]


class MatchDecisions:
    """Keeps decisions; but for `withdraw` and `holding`, every method works inside the caller's transaction."""

    def __init__(self, transactions: Transactions, store: RecordStore) -> None:
        self._transactions = transactions
        self._store = store

    def put(self, connection: Connection, pairs: Collection[Pair], verdict: Verdict, origin: Origin) -> list[Answer]:
        """Decide on pairs, whatever was decided on them before; return the decisions in the order of the pairs."""
        said = [
            match_pb2.MatchDecision(
                source_records=pair,
                record_type=verdict.record_type,
                kind=verdict.kind,
                reason=verdict.reason,
                state=State.STATE_STANDING,
                author=origin.actor,
            )
            for pair in pairs
        ]
        named = {pair.decision: one for pair, one in zip(pairs, said, strict=True)}
        return self._append(connection, named, dict.fromkeys(named, verdict.entities), origin)

    def standing(self, connection: Connection, sources: Collection[str]) -> list[match_pb2.MatchDecision]:
        """Return the decisions that hold about any of the source records, by name."""
        names = [name for (name,) in driver(connection).execute(_STANDING, (list(sources),), prepare=True)]
        revisions = self._store.read(connection, names)
        return [self.present(revisions[name]) for name in sorted(revisions)]

    def stood(self, connection: Connection, source: str, answer: Answer) -> list[match_pb2.MatchDecision]:
        """Return the decisions that held about a source record when an answer's transaction was done, by name."""
        names = [name for (name,) in driver(connection).execute(_EVER, (source,), prepare=True)]
        left = self._store.read_left(connection, names, answer.record, answer.revision)
        found = [self.present(left[name]) for name in sorted(left)]
        return [each for each in found if each.state == State.STATE_STANDING]

    def retract(
        self, connection: Connection, decisions: Collection[match_pb2.MatchDecision], reason: str, origin: Origin
    ) -> None:
        """Let decisions hold no longer."""
        revisions = self._store.read(connection, [one.name for one in decisions])
        named, entities = {}, {}
        for name, revision in revisions.items():
            withdrawn = self._store.content(revision, match_pb2.MatchDecision)
            withdrawn.state, withdrawn.reason, withdrawn.author = State.STATE_WITHDRAWN, reason, origin.actor
            named[name], entities[name] = withdrawn, revision.entities
        self._append(connection, named, entities, origin)

    def withdraw(self, name: str, etag: str, reason: str, decision: Decision) -> match_pb2.MatchDecision:
        """Let a decision hold no longer. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, INVALID_CONTENT (it does not)."""

        def apply(connection: Connection) -> Answer:
            self._store.lock(connection, [name])
            revision = self.find(connection, name, decision.entities)
            require_etag(name, revision.revision, etag)
            standing = self.present(revision)
            if standing.state != State.STATE_STANDING:
                raise ConcordError(
                    reasons.ERROR_REASON_INVALID_CONTENT, f"{name} is withdrawn already", metadata={"name": name}
                )
            self.retract(connection, [standing], reason, decision.origin)
            return Answer(name, revision.revision + 1)

        return self._transactions.once(
            decision.key, decision.request, apply, self.answered, rehearsal=decision.rehearsal
        )

    def answered(self, connection: Connection, answer: Answer) -> match_pb2.MatchDecision:
        """Return the revision that an answer names."""
        pair = (answer.record, answer.revision)
        return self.present(self._store.read_revisions(connection, [pair])[pair])

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Revision:
        """Return a decision's newest revision. Raises RECORD_NOT_FOUND, also for one out of scope."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, entities)

    def page(self, connection: Connection, question: Question, after: str, limit: int) -> list[match_pb2.MatchDecision]:
        """Return decisions by name, those behind `after`."""
        asked = question.parameters | {"after": after, "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE, asked)]
        revisions = self._store.read(connection, names)
        return [self.present(revisions[name]) for name in names]

    def holding(self, record_type: str) -> list[match_pb2.MatchDecision]:
        """Return every decision that holds about records of a type, by name, read in chunks of their own."""
        question = Question(source_record="", record_type=record_type, show_withdrawn=False, scope=None)
        found: list[match_pb2.MatchDecision] = []
        while True:
            after = found[-1].name if found else ""
            page = self._transactions.read(lambda connection: self.page(connection, question, after, _CHUNK))  # noqa: B023 - runs at once
            found += page
            if len(page) < _CHUNK:
                return found

    def count(self, connection: Connection, question: Question) -> int:
        """Count the decisions."""
        row = driver(connection).execute(_COUNT, question.parameters).fetchone()
        return row[0] if row else 0

    def present(self, revision: Revision) -> match_pb2.MatchDecision:
        """Return a decision with what the hub keeps about it."""
        shown = self._store.content(revision, match_pb2.MatchDecision)
        shown.name, shown.revision = revision.record, revision.revision
        shown.etag = etag_of(revision.record, revision.revision)
        shown.update_time.FromDatetime(revision.created_at)
        return shown

    def _append(
        self,
        connection: Connection,
        said: dict[str, match_pb2.MatchDecision],
        entities: dict[str, tuple[str, ...]],
        origin: Origin,
    ) -> list[Answer]:
        if not said:
            return []
        heads = self._store.lock(connection, list(said))
        before = self._store.read(connection, [name for name, head in heads.items() if head])
        known = {name: self._store.content(revision, match_pb2.MatchDecision) for name, revision in before.items()}
        drafts = [
            _draft(name, one, heads[name], known.get(name), entities[name])
            for name, one in said.items()
            if one != known.get(name)
        ]
        self._store.append(connection, drafts, origin)
        record_index.put(connection, self._store.sealer, map(_indexed, drafts))
        numbers = {name: head.revision for name, head in heads.items() if head}
        numbers |= {draft.record: draft.revision for draft in drafts}
        return [Answer(name, numbers[name]) for name in said]


def _draft(
    name: str,
    said: match_pb2.MatchDecision,
    head: Head | None,
    previous: match_pb2.MatchDecision | None,
    entities: tuple[str, ...],
) -> RevisionDraft:
    operation = audit_pb2.OPERATION_UPDATE if head else audit_pb2.OPERATION_CREATE
    return RevisionDraft(name, RECORD_TYPE, operation, said, head, previous, entities=entities)


def _indexed(draft: RevisionDraft) -> record_index.Indexed:
    before, after = _entries(draft.previous), _entries(draft.content)
    return record_index.Indexed(RECORD_TYPE, draft.record, draft.revision, before, after)


def _entries(decision: Message | None) -> frozenset[IndexEntry]:
    return frozenset(_found_by(decision) if isinstance(decision, match_pb2.MatchDecision) else ())


def _found_by(decision: match_pb2.MatchDecision) -> Iterable[IndexEntry]:
    yield IndexEntry("record_type", decision.record_type, restricted=False)
    for source in decision.source_records:
        yield IndexEntry("source_record", source, restricted=False)
        if decision.state == State.STATE_STANDING:
            yield IndexEntry("standing", source, restricted=False)
