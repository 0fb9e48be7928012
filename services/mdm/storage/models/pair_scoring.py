"""The score of two source records, computed again from the revisions and the model that are asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from concord.mdm.v1 import match_model_service_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.model import MatchModel, Score
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.matching.population import MatchPopulation
from services.mdm.storage.models import register
from services.mdm.storage.models.stored_models import StoredModels, matched_type
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.store import RecordStore, Revision

_SOURCE = "source_record"


@dataclass(frozen=True)
class Scored:
    """What two source revisions, by name, score under a model; without a record it is the type's default."""

    revisions: tuple[Revision, Revision]
    record: pb.MatchModelRecord | None
    model: MatchModel
    score: Score


class PairScoring:
    """Scores pairs inside the caller's transaction."""

    def __init__(self, store: RecordStore, stored: StoredModels, population: MatchPopulation) -> None:
        self._store = store
        self._stored = stored
        self._population = population

    def score(
        self,
        connection: Connection,
        asked: Sequence[pb.SourceRevision],
        model_name: str,
        entities: frozenset[str] | None,
    ) -> Scored:
        """Score two source records. Raises RECORD_NOT_FOUND, INVALID_CONTENT, UNKNOWN_RECORD_TYPE, PROPOSAL_INVALID."""
        first, second = (
            self._revision(connection, each, entities) for each in sorted(asked, key=lambda each: each.source_record)
        )
        record_type = self._type_of(first, second)
        record = self._record(connection, record_type, model_name)
        model = self._stored.model(connection, record) if record else default_model(record_type)
        ours, theirs = (self._population.profile(record_type, each) for each in (first, second))
        return Scored((first, second), record, model, model.score(ours, theirs))

    def _revision(self, connection: Connection, asked: pb.SourceRevision, entities: frozenset[str] | None) -> Revision:
        name, number = asked.source_record, asked.revision
        newest = self._store.read(connection, [name]).get(name)
        if newest is None or newest.record_type != _SOURCE or not in_scope(newest.entities, entities):
            raise missing(_SOURCE, name)
        if not number or number == newest.revision:
            return newest
        found = self._store.read_revisions(connection, [(name, number)]).get((name, number))
        if found is None or not in_scope(found.entities, entities):
            raise missing(_SOURCE, f"{name}@{number}")
        return found

    def _type_of(self, first: Revision, second: Revision) -> RecordType:
        collections = {
            ingest_pb2.SourceRecord.FromString(self._store.inputs(each)).golden_record.partition("/")[0]
            for each in (first, second)
        }
        record_type = record_types.by_collection(collections.pop())
        if collections or record_type is None:
            raise _unsound("source_revisions", "describe things of two types")
        return matched_type(record_type.name)

    def _record(self, connection: Connection, record_type: RecordType, name: str) -> pb.MatchModelRecord | None:
        if not name:
            registered = register.in_force(connection).get(record_type.name)
            if registered is None:
                return None
            name = registered.record
        record = self._stored.present(self._stored.find(connection, name))
        if record.record_type != record_type.name:
            raise _unsound("match_model", f"is a model of {record.record_type}")
        return record


def _unsound(field: str, description: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        "these can't be scored together",
        metadata={"type": pb.ScoreSourceRecordsRequest.DESCRIPTOR.full_name},
        violations=[FieldViolation(field, description)],
    )
