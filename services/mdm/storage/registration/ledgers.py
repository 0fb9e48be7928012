"""Ledgers at work: what they require of accounts, and whether postings may be made."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.mdm.v1 import account_pb2, ledger_pb2
from services.mdm.domain import ledger as rules
from services.mdm.domain.ledger import Booked, Posting
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.types.account import ACCOUNT
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.registration.registry import Registry, present_registered
from services.mdm.storage.tables.listing import Listing, Question
from services.mesh.contract.filters import And, Comparison
from services.mesh.records.store import RecordStore


@dataclass(frozen=True)
class Asked:
    """A posting with what it names: a ledger, an account's number, a cost center's scope and code ("" = none)."""

    ledger: str
    account_number: str
    posting: Posting
    cost_center_entity: str = ""
    cost_center_code: str = ""


class Ledgers:
    """Applies ledgers, inside the caller's transaction."""

    def __init__(self, store: RecordStore, registry: Registry, listing: Listing) -> None:
        self._store = store
        self._registry = registry
        self._listing = listing

    def account_violations(self, connection: Connection, account: account_pb2.Account) -> Iterator[Violation]:
        """Give what of an account is not as its ledger says."""
        if not account.ledger:
            return
        ledger = self._registry.read(connection).ledgers.get(account.ledger)
        if ledger is None:
            yield Violation("ledger", "is not registered")
        else:
            yield from rules.account_violations(ledger, account)

    def find(
        self, connection: Connection, name: str, entities: frozenset[str] | None, position: int | None
    ) -> ledger_pb2.Ledger:
        """Return a ledger as of now or of a position. Raises RECORD_NOT_FOUND, also for one out of scope."""
        revision = self._store.read(connection, [name], position=position).get(name)
        if revision is None or not in_scope(revision.entities, entities):
            raise missing("ledger", name)
        return present_registered(self._store, revision, ledger_pb2.Ledger)

    def validate(
        self,
        connection: Connection,
        ledger: ledger_pb2.Ledger,
        asked: Asked,
        entities: frozenset[str] | None,
        position: int | None,
    ) -> list[ledger_pb2.PostingViolation]:
        """Return everything that stands in the way of a posting; what is out of the caller's scope is unknown to it."""
        account = self._booked(connection, ACCOUNT, ledger.name, asked.account_number, entities, position)
        cost_center = None
        if asked.cost_center_code:
            books = asked.cost_center_entity or ledger.entity
            cost_center = self._booked(connection, COST_CENTER, books, asked.cost_center_code, entities, position)
        return rules.posting_violations(ledger, account, cost_center, asked.posting)

    def _booked(  # noqa: PLR0913 - what is sought, for whom, and as of when
        self,
        connection: Connection,
        record_type: RecordType,
        scope: str,
        key: str,
        entities: frozenset[str] | None,
        position: int | None,
    ) -> Booked:
        assert record_type.identity is not None  # noqa: S101 - what is posted to has a key
        scope_field, key_field = record_type.identity
        named = And((Comparison(scope_field, "=", scope), Comparison(key_field, "=", key)))
        question = Question(record_type, named, (), show_deleted=False, entities=entities, clear=False)
        names = self._listing.page(connection, question, position, None, 1).records
        if not names:
            return Booked(record_type, "", None)
        revision = self._store.read(connection, names, position=position)[names[0]]
        return Booked(record_type, names[0], self._store.content(revision, record_type.message, clear=False))
