"""Golden records in the codes of one system, by its maps and by which of their codes are not canonical."""

from google.protobuf.any_pb2 import Any as PackedMessage
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import registry as record_types
from services.mdm.domain.codes.record_translation import Mark, RecordTranslation, marks, translated
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import in_scope, known
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.registration.registry import Registry
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.store import RecordStore, Revision


class RecordTranslations:
    """Translates golden records inside the caller's transaction."""

    def __init__(self, store: RecordStore, registry: Registry, reader: GoldenReader) -> None:
        self._store = store
        self._registry = registry
        self._reader = reader

    def translate(
        self, connection: Connection, system: str, packed: PackedMessage, entities: frozenset[str] | None
    ) -> RecordTranslation:
        """Return a golden record, as its caller has it, in a system's codes.

        Raises SYSTEM_UNKNOWN, UNKNOWN_RECORD_TYPE, MALFORMED_MESSAGE, RECORD_NOT_FOUND.
        """
        landscape = self._registry.read(connection)
        registered = landscape.systems.get(system)
        if registered is None or not in_scope((registered.entity,), entities):
            raise ConcordError(
                reasons.ERROR_REASON_SYSTEM_UNKNOWN, f"there is no {system}", metadata={"system": system}
            )
        record_type = _type_of(packed)
        try:
            golden = record_type.unpack(packed)
        except ValueError as error:
            message = "the content can't be decoded"
            raise ConcordError(reasons.ERROR_REASON_MALFORMED_MESSAGE, message) from error
        named = (golden.name, golden.revision)  # type: ignore[attr-defined] # every master has both
        revision = self._store.read_revisions(connection, [named]).get(named)
        revision = known(revision, record_type.name, named[0], entities)
        marked = self._marks(connection, record_type, revision)
        return translated(record_type, golden, system, landscape.code_maps.get(system, {}), marked)

    def _marks(self, connection: Connection, record_type: RecordType, revision: Revision) -> list[Mark]:
        """Return the codes that are not canonical; where no map was asked, all are."""
        if not self._reader.stated(revision).code_map_revisions:
            return []
        return marks(self._reader.explain(connection, record_type, revision))


def _type_of(packed: PackedMessage) -> RecordType:
    named = packed.type_url.rpartition("/")[2]
    found = next((each for each in record_types.RECORD_TYPES if each.descriptor.full_name == named), None)
    if found is None:
        raise ConcordError(
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
            "the content is no golden record",
            metadata={"record_type": named},
            violations=[FieldViolation("content", "is of no record type")],
        )
    return found
