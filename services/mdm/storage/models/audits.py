"""Audits of automatic links: random samples, kept as records; what stewards decide on their pairs is their verdict."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import ingest_pb2, match_pb2
from concord.mdm.v1 import match_quality_pb2 as pb
from services.mdm.domain.decided_pair import Pair, pair
from services.mdm.domain.indexing import IndexEntry
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.deciding.scope import known, missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_index
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.models.match_models import require_all_entities
from services.mdm.storage.models.stored_models import matched_type, name_of
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables import crosswalk, record_index
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "match_audit"
"""What audits are called in the feed and in the evidence."""

Verdict = pb.AuditedMatch.Verdict

_DEFAULT_SIZE = 100
_LINKED = """
FROM crosswalk WHERE live AND origin = %(origin)s
AND golden >= %(collection)s || '/' AND golden < %(collection)s || '0'
"""
_COUNT = f"SELECT count(*) {_LINKED}"
_DRAW = f"SELECT source_record, golden {_LINKED} ORDER BY random() LIMIT %(size)s"
_ASKED = """
FROM records r WHERE r.record_type = 'match_audit'
AND (%(type)s = '' OR EXISTS (SELECT FROM record_index i WHERE i.record = r.record AND i.record_type = 'match_audit'
    AND i.path = 'record_type' AND i.value = %(type)s AND i.to_revision IS NULL))
"""
_PAGE = f"SELECT r.record {_ASKED} AND r.record < %(before)s ORDER BY r.record DESC LIMIT %(limit)s"
_COUNT_AUDITS = f"SELECT count(*) {_ASKED}"
_OF_MODEL = """
SELECT record FROM record_index
WHERE record_type = 'match_audit' AND path = 'match_model' AND value = %s AND to_revision IS NULL
"""
_BEHIND_ALL = "matchAudits/~"


@dataclass(frozen=True)
class _Drawn:
    source_record: str
    golden: str


class MatchAudits:
    """Draws and keeps audits. They reach across entities, so that it takes who is scoped to all."""

    def __init__(
        self,
        transactions: Transactions,
        store: RecordStore,
        registry: Registry,
        decisions: MatchDecisions,
        new_id: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._decisions = decisions
        self._new_id = new_id

    def draw(self, record_type_name: str, size: int, decision: Decision) -> pb.MatchAudit:
        """Draw automatic links. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND (no model, out of scope)."""

        def apply(connection: Connection) -> Answer:
            record_type = matched_type(record_type_name)
            require_all_entities(f"matchModels/{record_type.name}", decision.entities)
            model = model_in_force(connection, self._registry, record_type)
            asked = _asked(record_type) | {"size": size or _DEFAULT_SIZE}
            drawn = [_Drawn(*row) for row in driver(connection).execute(_DRAW.encode(), asked)]
            audit = pb.MatchAudit(
                author=decision.key.principal,
                record_type=record_type.name,
                match_model=name_of(record_type.name, model.revision),
                link_count=link_count(connection, record_type),
                matches=_matches(connection, model, drawn),
            )
            return self._append(connection, audit, decision)

        return self._transactions.once(
            decision.key, decision.request, apply, self._answered, rehearsal=decision.rehearsal
        )

    def find(self, connection: Connection, name: str) -> Revision:
        """Return an audit's revision. Raises RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, None)

    def page(self, connection: Connection, record_type: str, before: str | None, limit: int) -> list[Revision]:
        """Return audits, newest first (their ids are time-ordered), those behind `before`; "" = of all types."""
        asked = {"type": record_type, "before": before or _BEHIND_ALL, "limit": limit}
        names = [name for (name,) in driver(connection).execute(_PAGE.encode(), asked)]
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def count(self, connection: Connection, record_type: str) -> int:
        """Count the audits; "" = of all types."""
        row = driver(connection).execute(_COUNT_AUDITS.encode(), {"type": record_type}).fetchone()
        return row[0] if row else 0

    def of_model(self, connection: Connection, match_model: str) -> list[pb.AuditedMatch]:
        """Return every link that was drawn under a model, with what was decided on it."""
        names = [name for (name,) in driver(connection).execute(_OF_MODEL, (match_model,))]
        return [
            each
            for audit in self.shown(connection, self._store.read(connection, names).values())
            for each in audit.matches
        ]

    def shown(self, connection: Connection, revisions: Collection[Revision]) -> list[pb.MatchAudit]:
        """Return audits with what was decided on their pairs until now."""
        audits = [self.present(revision) for revision in revisions]
        drawn = {source for audit in audits for each in audit.matches for source in each.source_records}
        decided = {tuple(each.source_records): each.kind for each in self._decisions.standing(connection, drawn)}
        for audit in audits:
            for each in audit.matches:
                each.verdict = _verdict(decided.get(tuple(each.source_records)))
        return audits

    def present(self, revision: Revision) -> pb.MatchAudit:
        """Return an audit as it was drawn."""
        audit = self._store.content(revision, pb.MatchAudit)
        audit.name, audit.revision = revision.record, revision.revision
        audit.etag = etag_of(revision.record, revision.revision)
        audit.update_time.FromDatetime(revision.created_at)
        return audit

    def _answered(self, connection: Connection, answer: Answer) -> pb.MatchAudit:
        return self.shown(connection, [self.find(connection, answer.record)])[0]

    def _append(self, connection: Connection, audit: pb.MatchAudit, decision: Decision) -> Answer:
        name = f"matchAudits/{self._new_id()}"
        draft = RevisionDraft(name, RECORD_TYPE, audit_pb2.OPERATION_CREATE, audit)
        self._store.append(connection, [draft], decision.origin)
        found_by = frozenset(
            IndexEntry(path, value, restricted=False)
            for path, value in (("record_type", audit.record_type), ("match_model", audit.match_model))
        )
        indexed = record_index.Indexed(RECORD_TYPE, name, draft.revision, frozenset(), found_by)
        record_index.put(connection, self._store.sealer, [indexed])
        return Answer(name, draft.revision)


def link_count(connection: Connection, record_type: RecordType) -> int:
    """Count the source records of a type that models linked."""
    row = driver(connection).execute(_COUNT.encode(), _asked(record_type)).fetchone()
    return row[0] if row else 0


def model_in_force(connection: Connection, registry: Registry, record_type: RecordType) -> MatchModel:
    """Return the model that decides for a type. Raises RECORD_NOT_FOUND when there is none."""
    model = registry.read(connection).models.get(record_type.name)
    if model is None:
        raise missing("match_model", f"matchModels/{record_type.name}")
    return model


def _asked(record_type: RecordType) -> dict[str, object]:
    return {"collection": record_type.collection, "origin": ingest_pb2.SourceRecord.LINK_ORIGIN_MODEL}


def _matches(connection: Connection, model: MatchModel, drawn: Iterable[_Drawn]) -> list[pb.AuditedMatch]:
    """Return the drawn links, each with the partner that speaks most for it; who is alone by now is left out."""
    found = []
    for each in drawn:
        partners = [one.source_record for one in crosswalk.of_goldens(connection, [each.golden]).get(each.golden, ())]
        best = _best(connection, model, each.source_record, set(partners) - {each.source_record})
        if best is not None:
            millibits, (low, high) = best
            found.append(pb.AuditedMatch(source_records=(low, high), golden_record=each.golden, millibits=millibits))
    return found


def _best(connection: Connection, model: MatchModel, source: str, partners: set[str]) -> tuple[int, Pair] | None:
    stored = match_index.read(connection, [source, *partners])
    profiles = {name: one.profile for name, one in stored.items() if one.profile is not None}
    ours = profiles.pop(source, None)
    if ours is None:
        return None
    scored = ((model.score(ours, theirs).millibits, pair(source, name)) for name, theirs in profiles.items())
    return max(scored, default=None)


def _verdict(kind: match_pb2.MatchDecision.Kind.ValueType | None) -> Verdict.ValueType:
    if kind is None:
        return Verdict.VERDICT_UNSPECIFIED
    return Verdict.VERDICT_RIGHT if kind == match_pb2.MatchDecision.KIND_MUST_LINK else Verdict.VERDICT_WRONG
