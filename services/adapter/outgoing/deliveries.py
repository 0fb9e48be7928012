"""Deliveries: the ledger of every write on the hub's word, begun before it and concluded after.

What is BEGUN and not concluded may or may not be in the system: it is looked up there before anything else happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.adapter.v1.adapter_pb2 import Delivery
from concord.governance.v1 import error_reason_pb2 as reasons
from services.adapter.domain.delivered import Delivered
from services.adapter.outpost import Outpost
from services.adapter.storage import documents
from services.adapter.storage.agenda import AgendaEntry
from services.adapter.storage.documents import KnownDocument
from services.adapter.storage.ledger import Entry, new_name
from services.adapter.systems.connector import Document, UntranslatableError, Value
from services.mesh.errors import ConcordError, to_status

_ACTIVITY = "delivery"


@dataclass(frozen=True)
class OpenDelivery:
    """A delivery that is begun; `golden` is the packed record that a document is created for, else empty."""

    content: Delivery
    golden: Any


class Deliveries:
    """The deliveries to one system; every method works inside the caller's transaction."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost

    def open(self, connection: Connection) -> list[OpenDelivery]:
        """Return what is begun, oldest first."""
        ledger = self._outpost.ledger
        names = ledger.open_names(connection, self._outpost.name, Delivery)
        found = ledger.read(connection, names) if names else {}
        return [
            OpenDelivery(cast("Delivery", found[name]), Any.FromString(ledger.inputs(connection, name)[0]))
            for name in names
        ]

    def begin(
        self, connection: Connection, entry: AgendaEntry, record: Message, key: str, values: Mapping[str, Value]
    ) -> OpenDelivery:
        """Note that these values of a golden record are about to be written; `key` is empty for a creation.

        A delivery of the same golden record that is open already goes on.
        """
        ledger = self._outpost.ledger
        names = ledger.open_of_golden(connection, self._outpost.name, Delivery, entry.golden_record)
        earlier = cast("Delivery", ledger.read(connection, names[:1])[names[0]]) if names else None
        content = Delivery(
            name=earlier.name if earlier else new_name(self._outpost.name, Delivery),
            golden_record=entry.golden_record,
            golden_revision=entry.revision,
            key=key,
            paths=sorted(values),
            state=Delivery.STATE_BEGUN,
            create_time=earlier.create_time if earlier else None,
            value_tokens={path: self._outpost.token(path, value) for path, value in values.items()},
            created=not key,
        )
        golden = Any()
        if not key:
            golden.Pack(record)
        self._put(connection, content, golden)
        return OpenDelivery(content, golden)

    def succeed(self, connection: Connection, delivery: OpenDelivery, document: Document) -> None:
        """Note that the system has it, and what it shows of it: echoes are known by that."""
        content = Delivery()
        content.CopyFrom(delivery.content)
        content.key = document.key
        content.state = Delivery.STATE_DELIVERED
        self._put(connection, content, Any())
        self._remember(connection, content, document, content.value_tokens)

    def fail(self, connection: Connection, delivery: OpenDelivery, error: ConcordError) -> None:
        """Note that the system will not have it."""
        content = Delivery()
        content.CopyFrom(delivery.content)
        content.state = Delivery.STATE_FAILED
        content.error.CopyFrom(to_status(error))
        self._put(connection, content, Any())

    def conclude(self, connection: Connection, golden_record: str, document: Document | None = None) -> None:
        """Conclude what is open about a golden record that needs no write (any more): in the system, or never."""
        names = self._outpost.ledger.open_of_golden(connection, self._outpost.name, Delivery, golden_record)
        for content in self._outpost.ledger.read(connection, names).values() if names else ():
            delivery = OpenDelivery(cast("Delivery", content), Any())
            if document is None or not self.resolve(connection, delivery, document):
                message = "not in the system, and not to be delivered any more"
                self.fail(connection, delivery, ConcordError(reasons.ERROR_REASON_EXTERNAL_REFUSED, message))

    def resolve(self, connection: Connection, delivery: OpenDelivery, document: Document) -> bool:
        """Look whether a document shows what a begun delivery was to write; conclude it if it does, wholly or in part.

        Returns whether it is wholly there.
        """
        shown = self._shown(document) or {}
        tokens = delivery.content.value_tokens
        there = {path: tokens[path] for path in tokens if self._outpost.matches(tokens[path], path, shown.get(path))}
        if len(there) == len(tokens):
            self.succeed(connection, delivery, document)
            return True
        if there:
            self._remember(connection, delivery.content, document, there)
        return False

    def _put(self, connection: Connection, content: Delivery, golden: Any) -> None:
        entry = Entry(
            self._outpost.name,
            content,
            content.key,
            content.golden_record,
            open=content.state == Delivery.STATE_BEGUN,
            inputs=golden.SerializeToString(),
        )
        self._outpost.ledger.put(connection, [entry], self._outpost.origin(_ACTIVITY))

    def _remember(
        self, connection: Connection, delivery: Delivery, document: Document, wanted: Mapping[str, str]
    ) -> None:
        system, golden, revision = self._outpost.name, delivery.golden_record, delivery.golden_revision
        known = documents.read(connection, system, [document.key])[document.key]
        if not known.content:
            known = KnownDocument(document.key, golden_record=golden, golden_revision=revision)
        shown = self._shown(document)
        added = {
            path: Delivered(
                token, token if shown is None else self._outpost.token(path, shown.get(path)), golden, revision
            )
            for path, token in wanted.items()
        }
        documents.put(connection, system, [replace(known, delivered={**known.delivered, **added})])

    def _shown(self, document: Document) -> Mapping[str, Value] | None:
        try:
            translation = self._outpost.translate(document)
            return self._outpost.express(translation.record_type, translation.content).values
        except UntranslatableError:
            return None  # nothing of it is submitted before somebody corrects it
