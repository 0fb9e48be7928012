"""Trees as they are stored: nowhere but in the records themselves, read for a scope as of now or of a position."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.tree import Tree, members
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.tables.listing import Listing, Question
from services.mesh.contract.filters import Comparison, Expression, Or
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore

_ENTITY = "entity"
_ALL = 2**31 - 2


@dataclass(frozen=True)
class TreeScope:
    """Where a tree stands: the type of its records, and the entity (with all below it) or ledger that they are of."""

    record_type: RecordType
    scope: str


Contents = Mapping[str, Message]
"""Golden contents by record name, without RESTRICTED values."""


class Forest:
    """Reads the records that trees are made of, inside the caller's transaction."""

    def __init__(self, store: RecordStore, listing: Listing, registry: Registry) -> None:
        self._store = store
        self._listing = listing
        self._registry = registry

    def contents(
        self, connection: Connection, where: TreeScope, entities: frozenset[str] | None, position: int | None = None
    ) -> Contents:
        """Return the records of a tree's scope that a caller with these entities may see. Raises RECORD_NOT_FOUND."""
        assert where.record_type.identity is not None  # noqa: S101 - what hangs in trees has a key
        scope_field = where.record_type.identity[0]
        scopes = self._scopes(connection, scope_field, where.scope)
        question = Question(
            record_type=where.record_type,
            expression=_within(scope_field, scopes),
            orders=(),
            show_deleted=False,
            entities=entities,
            clear=False,
        )
        names = self._listing.page(connection, question, position, None, _ALL).records
        if not names and not self._is_registered(connection, scope_field, where.scope, entities):
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_NOT_FOUND,
                f"there is no {where.scope}",
                metadata={"name": where.scope},
                resource=(scope_field, where.scope),
            )
        revisions = self._store.read(connection, names, position=position)
        message = where.record_type.message
        found = {name: self._store.content(revisions[name], message, clear=False) for name in names}
        # The index tells no case apart, scopes do.
        return {name: content for name, content in found.items() if getattr(content, scope_field) in scopes}

    def owners(self, connection: Connection, where: TreeScope, contents: Contents) -> tuple[str, ...]:
        """Return the entities that a proposal on a tree belongs to.

        They are the tree's own, or that of its ledger, or those of the records of a ledger that nobody registered.
        """
        assert where.record_type.identity is not None  # noqa: S101 - what hangs in trees has a key
        if where.record_type.identity[0] == _ENTITY:
            return (where.scope,)
        ledger = self._registry.read(connection).ledgers.get(where.scope)
        if ledger is not None:
            return (ledger.entity,)
        revisions = self._store.read(connection, list(contents)).values()
        return tuple(sorted({entity for revision in revisions for entity in revision.entities}))

    def _scopes(self, connection: Connection, scope_field: str, scope: str) -> frozenset[str]:
        """Return the scopes that a tree covers: an entity counts with all below it."""
        below = self._registry.read(connection).within((scope,)) if scope_field == _ENTITY else None
        return below or frozenset({scope})

    def today(self, connection: Connection) -> date:
        """Return the database's day, in UTC."""
        row = driver(connection).execute("SELECT current_date").fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        today: date = row[0]
        return today

    def _is_registered(
        self, connection: Connection, scope_field: str, scope: str, entities: frozenset[str] | None
    ) -> bool:
        """Tell whether a scope is an entity's or a ledger's that a caller with these entities may know of."""
        landscape = self._registry.read(connection)
        if scope_field == _ENTITY:
            return scope in landscape.entities and in_scope((scope,), entities)
        ledger = landscape.ledgers.get(scope)
        return ledger is not None and in_scope((ledger.entity,), entities)


def _within(scope_field: str, scopes: frozenset[str]) -> Expression:
    parts = [Comparison(scope_field, "=", each) for each in sorted(scopes)]
    return Or(tuple(parts)) if len(parts) > 1 else parts[0]


def tree_scope(record_type: str, scope: str) -> TreeScope:
    """Return where a tree stands. Raises UNKNOWN_RECORD_TYPE for a type whose records hang in no trees."""
    found = record_types.by_name(record_type)
    if found is None or not found.hierarchical:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            "the hub keeps no trees of such records",
            metadata={"record_type": record_type},
            violations=[FieldViolation("record_type", "is no type whose records hang in trees")],
        )
    return TreeScope(found, scope)


def tree_of(where: TreeScope, contents: Contents, hierarchy: str, day: date) -> Tree:
    """Return a hierarchy's tree on a day."""
    return Tree(members(where.record_type, contents, hierarchy, day))
