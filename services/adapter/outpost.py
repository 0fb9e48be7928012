"""An outpost: one system with everything that its synchronisation works with."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypeAlias

from google.protobuf.message import Message

from concord.mdm.v1.ingest_pb2 import SourceRecord
from services.adapter.domain.delivered import canonical
from services.adapter.hub.client import Hub
from services.adapter.storage.agenda import Agenda
from services.adapter.storage.ledger import Ledger
from services.adapter.systems.connector import Connector, Document, Expression, Translation, UntranslatableError, Value
from services.adapter.systems.systems_file import ServedSystem
from services.adapter.systems.tally import Tally
from services.mesh.postgres.database import Database
from services.mesh.records.leaf import Origin
from services.mesh.records.sealing import Sealer

Clock: TypeAlias = Callable[[], datetime]
"""Tells the time, with a time zone (UTC)."""

_VALUES = "delivered values"
_CONTENTS = "submitted contents"
_ORIGINALS = "replaced originals"


@dataclass(frozen=True)
class Outpost:
    """What reads, takes in and delivers for one system."""

    service: str
    system: ServedSystem
    connector: Connector
    hub: Hub
    database: Database
    ledger: Ledger
    agenda: Agenda
    sealer: Sealer
    clock: Clock
    traceparent: Callable[[], str]
    """Tells the W3C trace context that is active now; empty = none."""
    tally: Tally = field(default_factory=Tally.off)

    @property
    def name(self) -> str:
        """The system's name, `systems/{system}`."""
        return self.system.name

    def translate(self, document: Document) -> Translation:
        """Translate a document. Raises UntranslatableError, whatever the connector stumbles over."""
        try:
            return self.connector.translate(document)
        except UntranslatableError:
            raise
        except Exception as error:  # noqa: BLE001 - one odd document must not stop all others; its text may quote it
            raise UntranslatableError("document", f"the connector failed with {type(error).__name__}") from None

    def express(self, record_type: str, content: Message) -> Expression:
        """Say a record in the system's words, as of today. Raises UntranslatableError, as `translate`."""
        try:
            return self.connector.express(record_type, content, self.today())
        except Exception as error:  # noqa: BLE001 - as above
            raise UntranslatableError("record", f"the connector failed with {type(error).__name__}") from None

    def today(self) -> date:
        """Return the day that effective dates are looked at from."""
        return self.clock().date()

    def origin(self, activity: str) -> Origin:
        """Return the origin of what the adapter does by itself."""
        return Origin.system(f"concord/{self.service}/{activity}", traceparent=self.traceparent())

    def token(self, path: str, value: Value) -> str:
        """Return the token of a path's value."""
        return self.sealer.token(self._bound(path, value), _VALUES)

    def matches(self, token: str, path: str, value: Value) -> bool:
        """Tell whether the token is that of this path's value."""
        return self.sealer.matches(token, self._bound(path, value), _VALUES)

    def content_token(self, record: SourceRecord) -> str:
        """Return the token of what a submission says, whenever the document changed."""
        said = SourceRecord(
            system=record.system, key=record.key, content=record.content, deleted=record.deleted, label=record.label
        )
        said.withdrawn_paths.extend(record.withdrawn_paths)
        return self.sealer.token(said.SerializeToString(deterministic=True), _CONTENTS)

    def original_token(self, original: bytes) -> str:
        """Return the token of a document as the system gave it."""
        return self.sealer.token(original, _ORIGINALS)

    def is_original(self, token: str, original: bytes) -> bool:
        """Tell whether the token is that of this document."""
        return bool(token) and self.sealer.matches(token, original, _ORIGINALS)

    def _bound(self, path: str, value: Value) -> bytes:
        return json.dumps([self.name, path]).encode() + canonical(value)
