"""Match models as records: one for each record type, whose newest revision is the one in force."""

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import match_model_pb2
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.stored import from_message, to_message
from services.mdm.domain.record_type import RecordType
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

RECORD_TYPE = "match_model"
"""What models are called in the feed and in the evidence."""


def name_of(record_type: RecordType) -> str:
    """Return the name of a type's model."""
    return f"matchModels/{record_type.name}"


def put(
    connection: Connection, store: RecordStore, record_type: RecordType, model: MatchModel, origin: Origin
) -> Revision:
    """Put a model in force: from now on links are decided by it. Its revision number is set here."""
    name = name_of(record_type)
    head = store.lock(connection, [name])[name]
    before = store.read(connection, [name]).get(name)
    message = to_message(model)
    message.revision = head.revision + 1 if head else 1
    draft = RevisionDraft(
        record=name,
        record_type=RECORD_TYPE,
        operation=audit_pb2.OPERATION_UPDATE if head else audit_pb2.OPERATION_CREATE,
        content=message,
        head=head,
        previous=store.content(before, match_model_pb2.MatchModel) if before else None,
    )
    return store.append(connection, [draft], origin)[name]


def present(store: RecordStore, revision: Revision) -> match_model_pb2.MatchModel:
    """Return a stored model as its message."""
    return store.content(revision, match_model_pb2.MatchModel)


def opened(store: RecordStore, record_type: RecordType, revision: Revision) -> MatchModel | None:
    """Return a stored model to score with; None when it is for another version of the type's declaration."""
    message = present(store, revision)
    matching = record_type.matching
    if matching is None or message.declaration_version != matching.version:
        return None
    return from_message(record_type, message)
