"""Code lists and code maps: revisioned records; a map that changes sets off a run over the records that it touches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import reference_data_pb2 as pb
from services.mdm.domain.code_list import list_violations, map_violations
from services.mdm.domain.violation import Violation
from services.mdm.storage import code_map_runs
from services.mdm.storage.code_map_trial import CodeMapTrial
from services.mdm.storage.etag import require_etag
from services.mdm.storage.registrations import missing
from services.mdm.storage.registry import CODE_MAP, HUB, Registry, present_registered
from services.mdm.storage.scope import in_scope
from services.mdm.storage.stewardship import Decision
from services.mdm.storage.transactions import Transactions
from services.mesh.database import driver
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

Kept = TypeVar("Kept", pb.CodeList, pb.CodeMap)

CODE_LIST = "code_list"
"""What code lists are called in the feed and in the evidence."""

_NAMES = "SELECT record FROM records WHERE record_type = %s ORDER BY record"


@dataclass(frozen=True)
class Decided:
    """A code map after a decision; `effect` is what it would touch, for a rehearsal."""

    code_map: pb.CodeMap
    effect: pb.CodeMapEffect | None


class ReferenceData:
    """Keeps code lists and code maps."""

    def __init__(self, transactions: Transactions, store: RecordStore, registry: Registry, trial: CodeMapTrial) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry
        self._trial = trial

    def create_list(self, code_list: pb.CodeList, decision: Decision) -> pb.CodeList:
        """Keep a new list. Raises RECORD_EXISTS, PERMISSION_MISSING, INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            _require_every_entity(decision)
            _require(list_violations(code_list), "code_list", code_list)
            return self._append(connection, code_list, (), None, decision)

        return self._decide(pb.CodeList(), decision, apply)

    def update_list(
        self, name: str, etag: str, merge: Callable[[pb.CodeList], pb.CodeList], decision: Decision
    ) -> pb.CodeList:
        """Change a list. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PERMISSION_MISSING, INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            _require_every_entity(decision)
            # Who maps to the list holds it, too: no map comes to lead to a code that goes at the same time.
            before = self._held(connection, CODE_LIST, name, None)
            require_etag(name, before.revision, etag)
            changed = merge(self._store.content(before, pb.CodeList))
            _require(list_violations(changed, self._maps_to(connection, name)), "code_list", changed)
            return self._append(connection, changed, (), before, decision)

        return self._decide(pb.CodeList(), decision, apply)

    def create_map(self, code_map: pb.CodeMap, decision: Decision) -> Decided:
        """Keep a new map. Raises RECORD_EXISTS, RECORD_NOT_FOUND (its system or list), INVALID_CONTENT."""

        def apply(connection: Connection) -> tuple[Answer, pb.CodeMapEffect | None]:
            named = pb.CodeMap()
            named.CopyFrom(code_map)
            named.name = map_name(code_map.system, code_map.code_list)
            return self._put_map(connection, named, None, decision)

        return self._decide_map(decision, apply)

    def update_map(
        self, name: str, etag: str, merge: Callable[[pb.CodeMap], pb.CodeMap], decision: Decision
    ) -> Decided:
        """Change a map. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, INVALID_CONTENT and what `merge` raises."""

        def apply(connection: Connection) -> tuple[Answer, pb.CodeMapEffect | None]:
            before = self._held(connection, CODE_MAP, name, decision.entities)
            require_etag(name, before.revision, etag)
            return self._put_map(connection, merge(self._store.content(before, pb.CodeMap)), before, decision)

        return self._decide_map(decision, apply)

    def find(self, connection: Connection, kind: type[Kept], name: str, entities: frozenset[str] | None) -> Kept:
        """Return a list, or a map in scope. Raises RECORD_NOT_FOUND."""
        revision = self._found(connection, _kind(kind), name, entities)
        return present_registered(self._store, revision, kind)

    def every(self, connection: Connection, kind: type[Kept], entities: frozenset[str] | None) -> list[Kept]:
        """Return all lists, or all maps in scope, by name."""
        names = [name for (name,) in driver(connection).execute(_NAMES, (_kind(kind),))]
        read = self._store.read(connection, names)
        shown = [read[name] for name in names if _visible(read[name], entities)]
        return [present_registered(self._store, revision, kind) for revision in shown]

    def history(
        self, connection: Connection, kind: type[Kept], name: str, before: int | None, limit: int
    ) -> list[Kept]:
        """Return revisions, newest first, those below `before`."""
        found = self._store.history(connection, name, before=before, limit=limit)
        return [present_registered(self._store, revision, kind) for revision in found]

    def _put_map(
        self, connection: Connection, code_map: pb.CodeMap, before: Revision | None, decision: Decision
    ) -> tuple[Answer, pb.CodeMapEffect | None]:
        system = self._registry.read(connection).systems.get(code_map.system)
        if system is None or not in_scope((system.entity,), decision.entities):
            raise missing("system", code_map.system)
        code_list = self._store.content(self._held(connection, CODE_LIST, code_map.code_list, None), pb.CodeList)
        wrong = [Violation("system", "is the hub's own: stewards speak canonically")] if system.name == HUB else []
        _require([*wrong, *map_violations(code_map, code_list)], "code_map", code_map)
        earlier = self._store.content(before, pb.CodeMap) if before else None
        answer = self._append(connection, code_map, (system.entity,), before, decision)
        effect = self._trial.effect(connection, earlier, code_map) if decision.rehearsal else None
        code_map_runs.request(connection, earlier, code_map, answer.revision)
        return answer, effect

    def _maps_to(self, connection: Connection, code_list: str) -> list[pb.CodeMap]:
        return [each for each in self.every(connection, pb.CodeMap, None) if each.code_list == code_list]

    def _held(self, connection: Connection, record_type: str, name: str, entities: frozenset[str] | None) -> Revision:
        self._store.lock(connection, [name])
        return self._found(connection, record_type, name, entities)

    def _found(self, connection: Connection, record_type: str, name: str, entities: frozenset[str] | None) -> Revision:
        revision = self._store.read(connection, [name]).get(name)
        if revision is None or revision.record_type != record_type or not _visible(revision, entities):
            raise missing(record_type, name)
        return revision

    def _append(
        self,
        connection: Connection,
        kept: Kept,
        entities: Sequence[str],
        before: Revision | None,
        decision: Decision,
    ) -> Answer:
        content = _in_order(kept)
        draft = RevisionDraft(
            record=kept.name,
            record_type=_kind(type(kept)),
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=content,
            head=before.head if before else None,
            previous=self._store.content(before, type(kept)) if before else None,
            entities=tuple(entities),
        )
        self._store.append(connection, [draft], decision.origin)
        return Answer(kept.name, draft.revision)

    def _decide(self, kind: Kept, decision: Decision, apply: Callable[[Connection], Answer]) -> Kept:
        def present(connection: Connection, answer: Answer) -> Kept:
            pair = (answer.record, answer.revision)
            revision = self._store.read_revisions(connection, [pair])[pair]
            if not _visible(revision, decision.entities):
                raise missing(revision.record_type, answer.record)
            return present_registered(self._store, revision, type(kind))

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)

    def _decide_map(
        self, decision: Decision, apply: Callable[[Connection], tuple[Answer, pb.CodeMapEffect | None]]
    ) -> Decided:
        effects: list[pb.CodeMapEffect | None] = [None]

        def remember(connection: Connection) -> Answer:
            answer, effects[0] = apply(connection)
            return answer

        code_map = self._decide(pb.CodeMap(), decision, remember)
        return Decided(code_map, effects[0])


def map_name(system: str, code_list: str) -> str:
    """Return the name of a system's map for a list: there can be only one."""
    parts = (name.partition("/")[2].replace("%", "%25").replace(":", "%3A") for name in (system, code_list))
    return f"codeMaps/{':'.join(parts)}"


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
    if isinstance(content, pb.CodeList):
        content.values.sort(key=lambda value: value.code)
    else:
        content.entries.sort(key=lambda entry: entry.source_code)
    return content


def _require_every_entity(decision: Decision) -> None:
    if decision.entities is not None:
        raise ConcordError(
            reasons.ERROR_REASON_PERMISSION_MISSING,
            "a code list is every entity's: it takes a caller of all of them",
            metadata={"permission": "mdm.codes.write"},
        )


def _require(violations: Sequence[Violation], field: str, content: pb.CodeList | pb.CodeMap) -> None:
    if violations:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the codes contradict each other, or what is known",
            metadata={"type": content.DESCRIPTOR.full_name},
            violations=[FieldViolation(f"{field}.{v.field}", v.description) for v in violations],
        )
