"""Match models as they are stored: a record that people read, and beside it everything that scores.

What a model knows of frequencies may be megabytes. It lies whole beside the revision that it was trained in, encrypted;
the record holds the rest and the digest of all of it, so that the evidence covers what is promoted.
"""

import hashlib

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_model_pb2
from concord.mdm.v1 import match_model_service_pb2 as pb
from services.mdm.domain import registry as record_types
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.standardising.profile import matching_of
from services.mdm.domain.matching.stored import from_message, to_message
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.deciding.scope import known
from services.mdm.storage.matching import match_index
from services.mdm.storage.models import register
from services.mdm.storage.models.register import Registered, State
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "match_model"
"""What match models are called in the feed and in the evidence."""


class StoredModels:
    """Reads and appends models inside the caller's transaction."""

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._known: dict[str, MatchModel] = {}

    def find(self, connection: Connection, name: str) -> Revision:
        """Return a model's newest revision. Raises RECORD_NOT_FOUND."""
        return known(self._store.read(connection, [name]).get(name), RECORD_TYPE, name, None)

    def held(self, connection: Connection, name: str) -> tuple[Revision, pb.MatchModelRecord]:
        """Hold a model until the transaction ends; return it. Raises RECORD_NOT_FOUND."""
        self._store.lock(connection, [name])
        revision = self.find(connection, name)
        return revision, self._store.content(revision, pb.MatchModelRecord)

    def read(self, connection: Connection, names: list[str]) -> list[Revision]:
        """Return models' newest revisions in the order of the names."""
        revisions = self._store.read(connection, names)
        return [revisions[name] for name in names]

    def answered(self, connection: Connection, answer: Answer) -> pb.MatchModelRecord:
        """Return the revision that an answer names."""
        pair = (answer.record, answer.revision)
        return self.present(self._store.read_revisions(connection, [pair])[pair])

    def present(self, revision: Revision) -> pb.MatchModelRecord:
        """Return a model's revision as its message, without what it knows of frequencies."""
        record = self._store.content(revision, pb.MatchModelRecord)
        record.name, record.revision = revision.record, revision.revision
        record.etag = etag_of(revision.record, revision.revision)
        record.update_time.FromDatetime(revision.created_at)
        return record

    def whole(self, connection: Connection, record: pb.MatchModelRecord) -> match_model_pb2.MatchModel:
        """Return all that a model knows. Raises PROPOSAL_INVALID when it is not trained."""
        pair = (name_of(record.record_type, record.number), record.trained_revision)
        if not record.trained_revision:
            raise invalid(pair[0], "TRAINING", "is not trained")
        stored = self._store.inputs(self._store.read_revisions(connection, [pair])[pair])
        if hashlib.sha256(stored).digest() != record.model_digest:
            raise LookupError(f"{pair[0]} is not stored as its digest says")
        return match_model_pb2.MatchModel.FromString(stored)

    def model(self, connection: Connection, record: pb.MatchModelRecord) -> MatchModel:
        """Return the model to score with.

        Raises PROPOSAL_INVALID when it is not trained, or its type is matched in another way since.
        """
        whole = self.whole(connection, record)
        try:
            return from_message(matched_type(record.record_type), whole)
        except ValueError as error:
            name = name_of(record.record_type, record.number)
            raise invalid(name, "DECLARATION", "is for another way in which its type was matched") from error

    def in_force(self, connection: Connection) -> dict[str, MatchModel]:
        """Return the models that decide, by type; what was read is kept.

        One whose type is matched in another way since decides no more: its records are linked by identifiers until
        another model is promoted.
        """
        found = {}
        for name, registered in register.in_force(connection).items():
            record = self.present(self.find(connection, registered.record))
            if record.model.declaration_version == matching_of(matched_type(name)).version:
                found[name] = self._kept(connection, record)
        return found

    def _kept(self, connection: Connection, record: pb.MatchModelRecord) -> MatchModel:
        known = self._known.get(record.record_type)
        if known is None or known.revision != record.number:
            known = self._known[record.record_type] = self.model(connection, record)
        return known

    def count_behind(self, connection: Connection, record: pb.MatchModelRecord) -> int:
        """Count the source records that a model in force has still to match."""
        version = self._store.sealer.version
        return match_index.count_behind(connection, record.record_type, record.number, version)

    def append(
        self,
        connection: Connection,
        record: pb.MatchModelRecord,
        before: Revision | None,
        origin: Origin,
        model: MatchModel | None = None,
    ) -> Answer:
        """Append a revision of a model's record; with a `model`, the one that it is trained in."""
        name = name_of(record.record_type, record.number)
        stored = b""
        if model is not None:
            stored = _serialised(model, record.number)
            _describe(record, stored, before.revision + 1 if before else 1)
        draft = RevisionDraft(
            record=name,
            record_type=RECORD_TYPE,
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=record,
            head=before.head if before else None,
            previous=self._store.content(before, pb.MatchModelRecord) if before else None,
            inputs=stored,
        )
        self._store.append(connection, [draft], origin)
        register.put(connection, Registered(record.record_type, record.number, name, record.state))
        return Answer(name, draft.revision)


def name_of(record_type: str, number: int) -> str:
    """Return the name of one of a type's models."""
    return f"matchModels/{record_type}-{number}"


def matched_type(name: str) -> RecordType:
    """Return a type whose records are matched. Raises UNKNOWN_RECORD_TYPE."""
    record_type = record_types.by_name(name)
    if record_type is None or record_type.matching is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            f"the hub matches no {name}",
            metadata={"record_type": name},
            violations=[FieldViolation("record_type", "is no type whose records are matched by a model")],
        )
    return record_type


def invalid(name: str, kind: str, why: str) -> ConcordError:
    """Return why a model can't be put in force or score."""
    return ConcordError(
        reasons.ERROR_REASON_PROPOSAL_INVALID,
        f"{name} {why}",
        metadata={"name": name, "problems": "1"},
        preconditions=[Precondition(kind, name, why)],
    )


def _serialised(model: MatchModel, number: int) -> bytes:
    message = to_message(model)
    message.revision = number
    return message.SerializeToString(deterministic=True)


def _describe(record: pb.MatchModelRecord, stored: bytes, revision: int) -> None:
    """Note a model in its record: what people read of it, and the digest of all of it."""
    record.state, record.trained_revision = State.STATE_PROPOSED, revision
    record.model_digest = hashlib.sha256(stored).digest()
    record.model.ParseFromString(stored)
    record.model.ClearField("rarity_keys")
    record.model.ClearField("rarity_millibits")
    record.model.ClearField("common_keys")
