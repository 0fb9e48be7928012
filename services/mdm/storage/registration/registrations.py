"""Registering systems, entities and ledgers: revisioned records like all others."""

from collections.abc import Callable, Sequence

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ledger_pb2, system_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.ledger import structure_violations
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import in_scope, known, missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.registration.registry import Landscape, Registered, Registry, present_registered
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

_OUTPUT_ONLY = ("etag", "revision", "update_time")


class Registrations:
    """Creates, changes and lists systems, entities and ledgers."""

    def __init__(self, transactions: Transactions, store: RecordStore, registry: Registry) -> None:
        self._transactions = transactions
        self._store = store
        self._registry = registry

    def create_system(self, system: system_pb2.System, decision: Decision) -> system_pb2.System:
        """Register a system. Raises RECORD_EXISTS, RECORD_NOT_FOUND (its entity), UNKNOWN_FIELD."""

        def apply(connection: Connection) -> Answer:
            self._require_entity(connection, system.entity, decision)
            _require_known_attributes(system)
            return self._append(connection, system, (system.entity,), None, decision)

        return self._decide(system, decision, apply)

    def update_system(
        self, name: str, etag: str, merge: Callable[[system_pb2.System], system_pb2.System], decision: Decision
    ) -> system_pb2.System:
        """Change a registration. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, UNKNOWN_FIELD and what `merge` raises."""

        def apply(connection: Connection) -> Answer:
            revision = self._present(connection, "system", name, etag, decision)
            changed = merge(self._store.content(revision, system_pb2.System))
            self._require_entity(connection, changed.entity, decision)
            _require_known_attributes(changed)
            return self._append(connection, changed, (changed.entity,), revision, decision)

        return self._decide(system_pb2.System(), decision, apply)

    def create_ledger(self, ledger: ledger_pb2.Ledger, decision: Decision) -> ledger_pb2.Ledger:
        """Register a ledger. Raises RECORD_EXISTS, RECORD_NOT_FOUND (its entity), INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            self._require_entity(connection, ledger.entity, decision)
            _require_sound(ledger)
            return self._append(connection, ledger, (ledger.entity,), None, decision)

        return self._decide(ledger, decision, apply)

    def update_ledger(
        self, name: str, etag: str, merge: Callable[[ledger_pb2.Ledger], ledger_pb2.Ledger], decision: Decision
    ) -> ledger_pb2.Ledger:
        """Change a ledger. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, INVALID_CONTENT and what `merge` raises."""

        def apply(connection: Connection) -> Answer:
            revision = self._present(connection, "ledger", name, etag, decision)
            changed = merge(self._store.content(revision, ledger_pb2.Ledger))
            self._require_entity(connection, changed.entity, decision)
            _require_sound(changed)
            return self._append(connection, changed, (changed.entity,), revision, decision)

        return self._decide(ledger_pb2.Ledger(), decision, apply)

    def create_entity(self, entity: system_pb2.Entity, decision: Decision) -> system_pb2.Entity:
        """Register an entity. Raises RECORD_EXISTS, RECORD_NOT_FOUND (its parent)."""

        def apply(connection: Connection) -> Answer:
            if entity.parent:
                self._require_entity(connection, entity.parent, decision)
            elif decision.entities is not None:
                raise missing("entity", entity.name)
            return self._append(connection, entity, (entity.name,), None, decision)

        return self._decide(entity, decision, apply)

    def systems(self, scope: tuple[str, ...]) -> list[system_pb2.System]:
        """Return the systems of the entities in scope, by name."""
        landscape, within = self._landscape(scope)
        return [s for _, s in sorted(landscape.systems.items()) if in_scope((s.entity,), within)]

    def entities(self, scope: tuple[str, ...]) -> list[system_pb2.Entity]:
        """Return the entities in scope, by name."""
        landscape, within = self._landscape(scope)
        return [e for name, e in sorted(landscape.entities.items()) if in_scope((name,), within)]

    def ledgers(self, scope: tuple[str, ...]) -> list[ledger_pb2.Ledger]:
        """Return the ledgers of the entities in scope, by name."""
        landscape, within = self._landscape(scope)
        return [ledger for _, ledger in sorted(landscape.ledgers.items()) if in_scope((ledger.entity,), within)]

    def _present(self, connection: Connection, kind: str, name: str, etag: str, decision: Decision) -> Revision:
        self._store.lock(connection, [name])
        revision = known(self._store.read(connection, [name]).get(name), kind, name, decision.entities)
        require_etag(name, revision.revision, etag)
        return revision

    def _landscape(self, scope: tuple[str, ...]) -> tuple[Landscape, frozenset[str] | None]:
        landscape = self._transactions.read(self._registry.read)
        return landscape, landscape.within(scope)

    def _require_entity(self, connection: Connection, entity: str, decision: Decision) -> None:
        if entity not in self._registry.read(connection).entities or not in_scope((entity,), decision.entities):
            raise missing("entity", entity)

    def _append(
        self,
        connection: Connection,
        registered: Message,
        entities: Sequence[str],
        before: Revision | None,
        decision: Decision,
    ) -> Answer:
        content = type(registered)()
        content.CopyFrom(registered)
        for field in _OUTPUT_ONLY:
            content.ClearField(field)
        name: str = registered.name  # type: ignore[attr-defined] # both kinds have one
        draft = RevisionDraft(
            record=name,
            record_type=registered.DESCRIPTOR.name.lower(),
            operation=audit_pb2.OPERATION_UPDATE if before else audit_pb2.OPERATION_CREATE,
            content=content,
            head=self._store.lock(connection, [name])[name] if before else None,
            previous=self._store.content(before, type(registered)) if before else None,
            entities=tuple(entities),
        )
        self._store.append(connection, [draft], decision.origin)
        return Answer(name, draft.revision)

    def _decide(self, kind: Registered, decision: Decision, apply: Callable[[Connection], Answer]) -> Registered:
        def present(connection: Connection, answer: Answer) -> Registered:
            pair = (answer.record, answer.revision)
            revision: Revision = self._store.read_revisions(connection, [pair])[pair]
            registered = present_registered(self._store, revision, type(kind))
            # The part of an entity that was registered just now is in no scope yet; its whole is.
            above: str = getattr(registered, "parent", "")
            if not in_scope([*revision.entities, above], decision.entities):
                raise missing(revision.record_type, answer.record)
            return registered

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def _require_sound(ledger: ledger_pb2.Ledger) -> None:
    violations = [FieldViolation(f"ledger.{v.field}", v.description) for v in structure_violations(ledger)]
    if violations:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the ledger's structure contradicts itself",
            metadata={"type": ledger.DESCRIPTOR.full_name},
            violations=violations,
        )


def _require_known_attributes(system: system_pb2.System) -> None:
    unknown = []
    for attribute in system.authored_attributes:
        kind, _, field = attribute.partition(".")
        record_type = record_types.by_name(kind)
        if record_type is None or (field and field not in record_type.descriptor.fields_by_name):
            unknown.append(FieldViolation("system.authored_attributes", f"there is no {attribute}"))
    if unknown:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_FIELD, "names attributes that no record type has", violations=unknown
        )
