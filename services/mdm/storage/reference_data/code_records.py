"""Code lists and code maps as records: reading both, changing lists. Maps change by proposals."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import reference_data_pb2 as pb
from concord.mdm.v1.code_map_proposal_pb2 import CodeMapProposal
from services.mdm.domain.codes.code_list import list_violations
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.operation import operation
from services.mdm.storage.registration.registry import CODE_MAP, present_registered
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.identity.caller import scope_too_narrow
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, RevisionDraft, State

Kept = TypeVar("Kept", pb.CodeList, pb.CodeMap)

CODE_LIST = "code_list"
"""What code lists are called in the feed and in the evidence."""

_NAMES = "SELECT record FROM records WHERE record_type = %s ORDER BY record"


class ReferenceData:
    """Keeps code lists and code maps."""

    def __init__(self, transactions: Transactions, store: RecordStore) -> None:
        self._transactions = transactions
        self._store = store

    def create_list(self, code_list: pb.CodeList, decision: Decision) -> pb.CodeList:
        """Keep a list, new or in place of a retired one. Raises RECORD_EXISTS, PERMISSION_MISSING, INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            _require_every_entity(decision)
            require_sound(list_violations(code_list), "code_list", code_list)
            self._store.lock(connection, [code_list.name])
            before = self._store.read(connection, [code_list.name]).get(code_list.name)
            retired = before if before is not None and before.state is State.DELETED else None
            return self.append(connection, code_list, (), retired, decision.origin)

        return self._decide(decision, apply)

    def update_list(
        self, name: str, etag: str, merge: Callable[[pb.CodeList], pb.CodeList], decision: Decision
    ) -> pb.CodeList:
        """Change a list that is in use.

        Raises RECORD_NOT_FOUND, RECORD_DELETED, ETAG_MISMATCH, PERMISSION_MISSING, INVALID_CONTENT.
        """

        def apply(connection: Connection) -> Answer:
            before = self._held_list(connection, name, etag, decision)
            changed = merge(self._store.content(before, pb.CodeList))
            require_sound(list_violations(changed, self._maps_to(connection, name)), "code_list", changed)
            return self.append(connection, changed, (), before, decision.origin)

        return self._decide(decision, apply)

    def delete_list(self, name: str, etag: str, decision: Decision) -> pb.CodeList:
        """Retire a list. Raises as `update_list`, and RECORD_STILL_REFERENCED while a map leads to it."""

        def apply(connection: Connection) -> Answer:
            before = self._held_list(connection, name, etag, decision)
            maps = self._maps_to(connection, name)
            if maps:
                raise ConcordError(
                    reasons.ERROR_REASON_RECORD_STILL_REFERENCED,
                    f"{', '.join(each.name for each in maps)} lead to it",
                    metadata={"name": name, "references": str(len(maps))},
                )
            content = self._store.content(before, pb.CodeList)
            return self.append(connection, content, (), before, decision.origin, State.DELETED)

        return self._decide(decision, apply)

    def find(self, connection: Connection, kind: type[Kept], name: str, entities: frozenset[str] | None) -> Kept:
        """Return a list, or a map in scope, also a retired one. Raises RECORD_NOT_FOUND."""
        return present_registered(self._store, self._found(connection, _kind(kind), name, entities), kind)

    def every(
        self, connection: Connection, kind: type[Kept], entities: frozenset[str] | None, *, retired: bool = False
    ) -> list[Kept]:
        """Return all lists, or all maps in scope, by name; with `retired` those that are retired, too."""
        names = [name for (name,) in driver(connection).execute(_NAMES, (_kind(kind),))]
        read = self._store.read(connection, names)
        shown = [read[name] for name in names if _visible(read[name], entities)]
        return [
            present_registered(self._store, revision, kind)
            for revision in shown
            if retired or revision.state is State.ACTIVE
        ]

    def history(
        self, connection: Connection, kind: type[Kept], name: str, before: int | None, limit: int
    ) -> list[Kept]:
        """Return revisions, newest first, those below `before`."""
        found = self._store.history(connection, name, before=before, limit=limit)
        return [present_registered(self._store, revision, kind) for revision in found]

    def held_list(self, connection: Connection, name: str) -> pb.CodeList:
        """Hold a list that is in use until the transaction ends; return it. Raises RECORD_NOT_FOUND.

        Who maps to a list holds it: no map comes to lead to a code, or a list, that goes at the same time.
        """
        self._store.lock(connection, [name])
        found = self.find(connection, pb.CodeList, name, None)
        if found.retired:
            raise missing(CODE_LIST, name)
        return found

    def append(  # noqa: PLR0913 - a revision has many parts
        self,
        connection: Connection,
        kept: Kept,
        entities: Sequence[str],
        before: Revision | None,
        origin: Origin,
        state: State = State.ACTIVE,
    ) -> Answer:
        """Append a revision of a list or a map. Raises RECORD_EXISTS, CONCURRENT_CHANGE."""
        draft = RevisionDraft(
            record=kept.name,
            record_type=_kind(type(kept)),
            operation=operation(before.head if before else None, state),
            content=_in_order(kept),
            head=before.head if before else None,
            previous=self._store.content(before, type(kept)) if before else None,
            state=state,
            entities=tuple(entities),
        )
        self._store.append(connection, [draft], origin)
        return Answer(kept.name, draft.revision)

    def _held_list(self, connection: Connection, name: str, etag: str, decision: Decision) -> Revision:
        _require_every_entity(decision)
        self._store.lock(connection, [name])
        revision = self._found(connection, CODE_LIST, name, None)
        require_etag(name, revision.revision, etag)
        if revision.state is State.DELETED:
            raise ConcordError(reasons.ERROR_REASON_RECORD_DELETED, f"{name} is retired", metadata={"name": name})
        return revision

    def _maps_to(self, connection: Connection, code_list: str) -> list[pb.CodeMap]:
        return [each for each in self.every(connection, pb.CodeMap, None) if each.code_list == code_list]

    def _found(self, connection: Connection, record_type: str, name: str, entities: frozenset[str] | None) -> Revision:
        revision = self._store.read(connection, [name]).get(name)
        if revision is None or revision.record_type != record_type or not _visible(revision, entities):
            raise missing(record_type, name)
        return revision

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> pb.CodeList:
        def present(connection: Connection, answer: Answer) -> pb.CodeList:
            pair = (answer.record, answer.revision)
            return present_registered(self._store, self._store.read_revisions(connection, [pair])[pair], pb.CodeList)

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def require_sound(violations: Sequence[Violation], field: str, content: pb.CodeList | CodeMapProposal) -> None:
    """Raise INVALID_CONTENT where codes contradict each other; `field` is what holds them in the request."""
    if violations:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the codes contradict each other, or what is known",
            metadata={"type": content.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"{field}.{v.field}", v.description) for v in violations],
        )


def _kind(kind: type[pb.CodeList] | type[pb.CodeMap]) -> str:
    return CODE_LIST if kind is pb.CodeList else CODE_MAP


def _visible(revision: Revision, entities: frozenset[str] | None) -> bool:
    """Tell whether a caller may know of a record: lists are everybody's."""
    return revision.record_type == CODE_LIST or in_scope(revision.entities, entities)


def _in_order(kept: Kept) -> Kept:
    """Return what is stored of a list or map: its codes in order, nothing that the hub sets."""
    content = type(kept)()
    content.CopyFrom(kept)
    content.ClearField("etag")
    content.ClearField("revision")
    content.ClearField("update_time")
    content.ClearField("retired")
    if isinstance(content, pb.CodeList):
        content.values.sort(key=lambda value: value.code)
    else:
        content.entries.sort(key=lambda entry: entry.source_code)
    return content


def _require_every_entity(decision: Decision) -> None:
    """Raise PERMISSION_MISSING for a decision within some entities: a code list is every entity's."""
    if decision.entities is not None:
        raise scope_too_narrow("mdm.codes.write")
