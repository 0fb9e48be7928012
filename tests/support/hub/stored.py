"""The hub's storage for tests: registered systems, short ways to submit and to decide."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from google.protobuf.message import Message

from concord.mdm.v1 import ingest_pb2, supplier_pb2, system_pb2
from services.mdm.domain import registry as record_types
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.hub_storage import HubStorage, hub_storage
from services.mdm.storage.schema import MIGRATIONS
from services.mdm.storage.writing.intake import Answer
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.identity.caller import Caller
from services.mesh.postgres.database import Database
from services.mesh.records.idempotency import RequestKey
from services.mesh.records.leaf import Origin
from services.mesh.records.sealing import Sealer
from tests.support.database.databases import Databases
from tests.support.database.record_service import RING

STEWARD = Caller("steward@example.org", "tests", entities=("*",))
ORIGIN = Origin.system("tests/hub")
GROUP = "entities/group"
EVERYTHING = tuple(record_type.name for record_type in record_types.RECORD_TYPES)
A_DAY = datetime(2026, 1, 1, tzinfo=UTC)


class TestHub:
    """One hub on a database of its own."""

    __test__ = False

    def __init__(self, database: Database, parts: HubStorage) -> None:
        self.database = database
        self.parts = parts

    def register(self) -> None:
        """Register one entity with two parts, the hub, an ERP and a workforce system."""
        for name, parent in ((GROUP, ""), ("entities/north", GROUP), ("entities/south", GROUP)):
            entity = system_pb2.Entity(name=name, display_name=name, parent=parent)
            self.parts.registrations.create_entity(entity, decision(entity))
        for name, owner, rank in (
            ("systems/hub", GROUP, 1),
            ("systems/erp", "entities/north", 10),
            ("systems/workforce", "entities/south", 20),
            ("systems/legacy", "entities/north", 20),
        ):
            system = system_pb2.System(
                name=name,
                display_name=name,
                kind="test",
                entity=owner,
                trust_rank=rank,
                authored_attributes=EVERYTHING,
            )
            self.parts.registrations.create_system(system, decision(system))

    def submit(self, *said: ingest_pb2.SourceRecord, caller: Caller = STEWARD) -> list[Answer]:
        """Submit source records as the ingest service does."""
        landscape = self.parts.transactions.read(self.parts.registry.read)
        check = SubmissionCheck(landscape, caller)
        return self.parts.intake.take([check.offer(one) for one in said], ORIGIN)

    def golden(self, name: str) -> Message:
        """Return a golden record as it stands, RESTRICTED values included."""
        record_type = record_types.by_collection(name.partition("/")[0])
        assert record_type is not None

        def read(connection: object) -> Message:
            revision = self.parts.reader.read(connection, [name], None)[name]  # type: ignore[arg-type]
            return self.parts.reader.present(record_type, revision, clear=True)

        return self.parts.transactions.read(read)

    def supplier(self, name: str) -> supplier_pb2.Supplier:
        """Return a golden supplier."""
        found = self.golden(name)
        assert isinstance(found, supplier_pb2.Supplier)
        return found

    def rows(self, statement: str) -> Sequence[tuple[object, ...]]:
        """Return what a query gives."""
        with self.database.reading() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(statement)]


def statement(  # noqa: PLR0913 - a statement has many parts
    system: str,
    key: str,
    content: Message,
    *,
    at: datetime = A_DAY,
    withdrawn: Sequence[str] = (),
    deleted: bool = False,
) -> ingest_pb2.SourceRecord:
    """Return a source record."""
    said = ingest_pb2.SourceRecord(system=system, key=key, withdrawn_paths=withdrawn, deleted=deleted)
    said.content.Pack(content)
    said.source_time.FromDatetime(at)
    return said


def decision(request: Message, request_id: str = "", *, rehearsal: bool = False) -> Decision:
    """Return a steward's decision."""
    key = RequestKey(STEWARD.subject, f"/{request.DESCRIPTOR.full_name}", request_id or str(uuid.uuid4()))
    return Decision(key, request, ORIGIN, rehearsal=rehearsal, clear=True, entities=None)


def hub_on(database: Database) -> TestHub:
    """Return a hub on a migrated database."""
    return TestHub(database, hub_storage(database, Sealer(RING), spool_limit=100_000))


def _registered(database: Database) -> None:
    hub_on(database).register()


@contextmanager
def test_hub(databases: Databases) -> Iterator[TestHub]:
    """Open a hub on a fresh database with everything registered."""
    with databases.cloned(MIGRATIONS, _registered) as migrated, migrated.opened() as database:
        yield hub_on(database)


test_hub.__test__ = False  # type: ignore[attr-defined] # it is a context manager, not a test
