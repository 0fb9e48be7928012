"""The end of every write: source revisions, survivorship, golden revisions, and what is derived from them."""

from collections.abc import Sequence
from datetime import UTC

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import record_pb2
from services.mdm.domain.indexing import index_entries
from services.mdm.domain.survivorship import Golden as Survived
from services.mdm.domain.survivorship import survive
from services.mdm.storage import crosswalk, record_index, references
from services.mdm.storage import match_keys as keys
from services.mdm.storage.crosswalk import Crossing
from services.mdm.storage.references import Referring
from services.mdm.storage.registry import HUB, Landscape
from services.mdm.storage.working_set import Golden, Source, WorkingSet, write_statement
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Head, RecordStore, RevisionDraft, State

Operation = audit_pb2.Operation


def append(
    connection: Connection, store: RecordStore, records: WorkingSet, landscape: Landscape, origin: Origin
) -> None:
    """Append a revision of every touched source record, and of every golden record that thereby changes."""
    touched = records.touched_sources()
    if not touched:
        return
    _append_sources(connection, store, touched, origin)
    drafts = []
    for golden in records.touched_goldens():
        sources = [records.sources[name] for name in golden.sources]
        draft = _golden_draft(golden, sources, landscape)
        if draft:
            drafts.append(draft)
    if drafts:
        _append_goldens(connection, store, records, drafts, origin)


def _append_sources(connection: Connection, store: RecordStore, touched: Sequence[Source], origin: Origin) -> None:
    heads = store.append(connection, [_source_draft(source) for source in touched], origin)
    crossings, held = [], []
    for source in touched:
        said = source.statement
        source.head = heads[said.name]
        said.revision = source.head.revision
        crossings.append(Crossing(said.system, said.key, said.name, said.golden_record, not source.deleted))
        kind = source.record_type.name
        held += [keys.Holder(kind, key, said.golden_record, said.system, said.name) for key in source.identifiers()]
    crosswalk.put(connection, crossings)
    keys.put(connection, [source.statement.name for source in touched], held)


def _source_draft(source: Source) -> RevisionDraft:
    said = source.statement
    state = State.DELETED if source.deleted else State.ACTIVE
    return RevisionDraft(
        record=said.name,
        record_type="source_record",
        operation=_operation(source.head, state),
        content=source.record_type.unpack(said.content),
        head=source.head,
        previous=source.previous,
        state=state,
        entities=source.entities,
        inputs=write_statement(said),
        source_time=said.source_time.ToDatetime(tzinfo=UTC),
    )


def _golden_draft(golden: Golden, sources: Sequence[Source], landscape: Landscape) -> RevisionDraft | None:
    survived = survive(golden.record_type, [source.statement for source in sources], landscape.trust())
    state = _state(sources)
    entities = _entities(golden, sources)
    digest = survived.digest if survived else golden.digest
    if golden.head and (golden.digest, golden.head.state, golden.head.entities) == (digest, state, entities):
        return None
    content = survived.content if survived else golden.content
    return RevisionDraft(
        record=golden.name,
        record_type=golden.record_type.name,
        operation=_operation(golden.head, state),
        content=golden.record_type.message() if content is None else content,
        head=golden.head,
        previous=golden.content,
        state=state,
        entities=entities,
        inputs=_inputs(survived) if survived else golden.inputs,
    )


def _append_goldens(
    connection: Connection, store: RecordStore, records: WorkingSet, drafts: Sequence[RevisionDraft], origin: Origin
) -> None:
    references.put(connection, [_referring(records.goldens[draft.record], draft) for draft in drafts])
    heads = store.append(connection, drafts, origin)
    indexed: dict[str, tuple[str, int, frozenset[tuple[str, str]]]] = {}
    for draft in drafts:
        golden = records.goldens[draft.record]
        golden.head = heads[draft.record]
        entries = index_entries(golden.record_type, draft.content)
        own = {("entities", entity) for entity in draft.entities} | {("state", draft.state.name)}
        pairs = record_index.stored(store.sealer, draft.record_type, entries) | own
        indexed[draft.record] = (draft.record_type, draft.revision, frozenset(pairs))
    founded = {draft.record for draft in drafts if draft.head is None}
    record_index.put(connection, indexed, founded)


def _referring(golden: Golden, draft: RevisionDraft) -> tuple[Referring, Referring]:
    """Return a golden record as it refers and is referred to before and after its revision."""
    was_there = golden.head is not None and golden.head.state is State.ACTIVE
    before, after = golden.content if was_there else None, draft.content if draft.state is State.ACTIVE else None
    return Referring(golden.record_type, golden.name, before), Referring(golden.record_type, golden.name, after)


def _inputs(survived: Survived) -> bytes:
    return record_pb2.Explanation(
        source_revisions=survived.source_revisions, rule_revisions=survived.rule_revisions, digest=survived.digest
    ).SerializeToString(deterministic=True)


def _operation(head: Head | None, state: State) -> Operation.ValueType:
    if head is None:
        return Operation.OPERATION_CREATE
    if head.state == state:
        return Operation.OPERATION_UPDATE
    return Operation.OPERATION_DELETE if state is State.DELETED else Operation.OPERATION_UNDELETE


def _state(sources: Sequence[Source]) -> State:
    """Return a golden record's state: deleted by a steward's word, or because no source is left."""
    by_steward = any(source.deleted for source in sources if source.statement.system == HUB)
    return State.DELETED if by_steward or all(source.deleted for source in sources) else State.ACTIVE


def _entities(golden: Golden, sources: Sequence[Source]) -> tuple[str, ...]:
    """Return the entities that a golden record applies to: those of its live sources, or those it had.

    Those that a steward created it for stay when a steward deletes it: it is still theirs to bring back.
    """
    lasting = (source for source in sources if not source.deleted or source.statement.system == HUB)
    live = {entity for source in lasting for entity in source.entities}
    before = golden.head.entities if golden.head else ()
    return tuple(sorted(live)) or before
