"""The end of every write: source revisions, survivorship, golden revisions, and what is derived from them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from sqlalchemy import Connection

from concord.mdm.v1 import record_pb2
from services.mdm.domain.codes.coding import Coding, coded
from services.mdm.domain.indexing import IndexEntry, index_entries
from services.mdm.domain.slot import differing_fields
from services.mdm.domain.survivorship.derivation import Derivation, derive
from services.mdm.domain.survivorship.golden import NOTHING_KNOWN, Known
from services.mdm.storage.deciding import payment_changes
from services.mdm.storage.records.operation import Operation, operation
from services.mdm.storage.records.pin_records import Held, PinChange, overtaken
from services.mdm.storage.records.working_set import Golden, Source, WorkingSet, write_statement
from services.mdm.storage.registration.registry import HUB, Landscape
from services.mdm.storage.tables import coded_values, crosswalk, record_index, references
from services.mdm.storage.tables import match_keys as keys
from services.mdm.storage.tables.references import Referring
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, RevisionDraft, State


def append(
    connection: Connection, store: RecordStore, records: WorkingSet, landscape: Landscape, origin: Origin
) -> None:
    """Append a revision of every touched source record, and of every golden record and pin that thereby changes."""
    touched, looked_at = records.touched_sources(), records.touched_goldens()
    if not looked_at:
        return
    said = [_source_draft(source) for source in touched]
    for source, draft in zip(touched, said, strict=True):
        source.statement.revision = draft.revision
    coding = {golden.name: _coding(golden, records, landscape) for golden in looked_at}
    sources = {golden.name: [records.sources[name] for name in golden.sources] for golden in looked_at}
    ends = (_overtaken(golden, coding[golden.name], landscape, records) for golden in looked_at if golden.pins)
    pinned = [*records.pin_changes, *(end for each in ends for end in each)]
    drafted = [
        (golden, _golden_draft(golden, sources[golden.name], coding[golden.name], landscape)) for golden in looked_at
    ]
    made = [(golden, draft) for golden, draft in drafted if draft is not None]
    references.put(connection, [_referring(golden, draft) for golden, draft in made])
    said_by = {source.statement.golden_record: source.by or origin for source in touched}
    origins = [
        *(source.by or origin for source in touched),
        *(said_by.get(change.golden_record, origin) for change in pinned),
        *(said_by.get(golden.name, origin) for golden, _ in made),
    ]
    payment_changes.note(connection, (draft for _, draft in made))
    drafts = [*said, *(change.draft for change in pinned), *(draft for _, draft in made)]
    appended = store.append(connection, drafts, origins, records.locked_at)
    _derive_from_sources(connection, touched)
    if landscape.code_maps:
        coded_values.put(connection, [_codes_said(golden, records, coding, landscape) for golden in looked_at])
    found_by = [*(change.indexed for change in pinned), *(_indexed(golden, draft) for golden, draft in made)]
    record_index.put(connection, store.sealer, found_by)
    for source in touched:
        source.head = appended[source.statement.name].head
    for golden, draft in made:
        golden.made = appended[draft.record]
        golden.head = golden.made.head


def _derive_from_sources(connection: Connection, touched: Sequence[Source]) -> None:
    """Bring crosswalk and match keys up to date, as far as they change; heads are those before the write."""
    crosswalk.put(connection, [source.crossing for source in touched if source.crossing != source.crossed])
    forgetting, held = [], []
    for source in touched:
        said, kind = source.statement, source.record_type.name
        identifiers, before = source.identifiers(), source.identified
        if identifiers != before or source.relinked:
            held += [keys.Holder(kind, key, said.golden_record, said.system, said.name) for key in identifiers]
            forgetting += [said.name] if before else []
    keys.put(connection, forgetting, held)


def _source_draft(source: Source) -> RevisionDraft:
    said = source.statement
    state = State.DELETED if source.deleted else State.ACTIVE
    return RevisionDraft(
        record=said.name,
        record_type="source_record",
        operation=Operation.OPERATION_RELINK if source.relinked else operation(source.head, state),
        content=source.content,
        head=source.head,
        previous=source.previous,
        state=state,
        entities=source.entities,
        inputs=write_statement(said),
        source_time=said.source_time.ToDatetime(tzinfo=UTC),
    )


def _coding(golden: Golden, records: WorkingSet, landscape: Landscape) -> Coding:
    statements = [records.sources[name].statement for name in golden.sources]
    return coded(golden.record_type, statements, landscape.code_maps)


def _codes_said(
    golden: Golden, records: WorkingSet, coding: Mapping[str, Coding], landscape: Landscape
) -> coded_values.Said:
    systems = {name: records.sources[name].statement.system for name in golden.sources}
    mapped = {name: system for name, system in systems.items() if system in landscape.code_maps}
    return coded_values.Said(golden.name, mapped, coding[golden.name].translations)


def derived(golden: Golden, records: WorkingSet, landscape: Landscape, pins: Sequence[Held]) -> Derivation:
    """Return what the sources of a golden record make with these pins."""
    return _derived(golden, _coding(golden, records, landscape), landscape, pins)


def _derived(
    golden: Golden, coding: Coding, landscape: Landscape, pins: Sequence[Held], known: Known = NOTHING_KNOWN
) -> Derivation:
    rules = landscape.rules_of(golden.record_type.name)
    return derive(golden.record_type, coding, landscape.trust(), rules, [held.pin for held in pins], known)


def _overtaken(golden: Golden, coding: Coding, landscape: Landscape, records: WorkingSet) -> list[PinChange]:
    """End the pins whose beaten value has moved; return their ends."""
    bare = _derived(golden, coding, landscape, ()).golden
    if bare is None or records.locked_at is None:
        return []
    ends = {held.name: overtaken(held, golden.record_type, bare, records.locked_at) for held in golden.pins}
    golden.pins = [held for held in golden.pins if ends[held.name] is None]
    return [end for end in ends.values() if end is not None]


def _golden_draft(
    golden: Golden, sources: Sequence[Source], coding: Coding, landscape: Landscape
) -> RevisionDraft | None:
    if not sources:
        return _merged_draft(golden)
    known = {source.statement.name: source.standing for source in sources if source.standing is not None}
    made = _derived(golden, coding, landscape, golden.pins, known)
    inputs = made.inputs if made.golden else golden.stated
    state = _state(sources)
    entities = _entities(golden, sources)
    standing = golden.head and (golden.head.state, golden.head.entities) == (state, entities)
    if standing and _same(inputs, golden.stated) and not (golden.rewritten and made.golden):
        return None
    content = made.content if made.golden else golden.content
    return RevisionDraft(
        record=golden.name,
        record_type=golden.record_type.name,
        operation=operation(golden.head, state),
        content=golden.record_type.message() if content is None else content,
        head=golden.head,
        previous=golden.content,
        state=state,
        entities=entities,
        inputs=inputs.SerializeToString(deterministic=True),
    )


def _merged_draft(golden: Golden) -> RevisionDraft | None:
    """Return the revision of a record whose sources belong to others now: nothing is said of it but where it went."""
    assert golden.head is not None  # noqa: S101 - it had sources
    if golden.head.state is State.MERGED and golden.merged_into in {"", golden.stated.merged_into}:
        return None
    # Its pins come back with it.
    pins = [held.pin.revision for held in golden.pins]
    inputs = record_pb2.Explanation(merged_into=golden.merged_into, pin_revisions=pins)
    return RevisionDraft(
        record=golden.name,
        record_type=golden.record_type.name,
        operation=Operation.OPERATION_MERGE,
        content=golden.record_type.message(),
        head=golden.head,
        previous=golden.content,
        state=State.MERGED,
        entities=golden.head.entities,
        inputs=inputs.SerializeToString(deterministic=True),
    )


def _same(inputs: record_pb2.Explanation, stored: record_pb2.Explanation) -> bool:
    """Tell whether a golden record is explained as it was, by the same pins: then there is nothing to write."""
    return inputs.digest == stored.digest and inputs.pin_revisions == stored.pin_revisions


def _indexed(golden: Golden, draft: RevisionDraft) -> record_index.Indexed:
    """Return what a golden record is found by, before and after its revision."""
    before, changed = frozenset[IndexEntry](), None
    if golden.head is not None and golden.content is not None:
        changed = differing_fields(golden.content, draft.content)
        said = index_entries(golden.record_type, golden.content, changed)
        before = said.union(_own_entries(golden.head.state, golden.head.entities))
    after = index_entries(golden.record_type, draft.content, changed).union(_own_entries(draft.state, draft.entities))
    return record_index.Indexed(draft.record_type, draft.record, draft.revision, before, after)


def _own_entries(state: State, entities: Iterable[str]) -> Iterator[IndexEntry]:
    """Give what every master has in the index, whatever its declaration says."""
    yield IndexEntry("state", state.name, restricted=False)
    for entity in entities:
        yield IndexEntry("entities", entity, restricted=False)


def _referring(golden: Golden, draft: RevisionDraft) -> tuple[Referring, Referring]:
    """Return a golden record as it refers and is referred to before and after its revision."""
    was_there = golden.head is not None and golden.head.state is State.ACTIVE
    before, after = golden.content if was_there else None, draft.content if draft.state is State.ACTIVE else None
    return Referring(golden.record_type, golden.name, before), Referring(golden.record_type, golden.name, after)


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
