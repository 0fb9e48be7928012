"""What a submission must be before it may be taken in: every check that needs no record to be read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import cast

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.assertions import fields_said, unknown_paths
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.validity import control_character, nameless, violations
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.registration.registry import HUB, Landscape
from services.mdm.storage.writing.intake import Offer, Refusal
from services.mdm.storage.writing.write_path import Submission
from services.mesh.contract import validation
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.identity.caller import Caller

_OUTPUT_ONLY = (
    "name",
    "golden_record",
    "link_origin",
    "founded_record",
    "link_model",
    "revision",
    "update_time",
    "standing_assertions",
    "standing_content",
)


class SubmissionCheck:
    """Checks submissions of one caller against the registered systems."""

    def __init__(self, landscape: Landscape, caller: Caller) -> None:
        self._landscape = landscape
        self._caller = caller
        self._scope = landscape.within(caller.entities)

    def offer(self, said: ingest_pb2.SourceRecord, of_system: str = "") -> Offer:
        """Return a submission that may be taken in, or a refusal with its exact bytes and the reason.

        With `of_system` nothing is taken that another system says.
        """
        original = said.SerializeToString()
        try:
            if of_system and said.system != of_system:
                raise _not_owned(said.system, f"only what {of_system} says is expected here")
            return self._submission(said)
        except ConcordError as error:
            return Refusal(said, original, error)

    def _submission(self, said: ingest_pb2.SourceRecord) -> Submission:
        self.require_system(said.system)
        validation.require_valid(said)
        record_type = record_types.by_type_url(said.content.type_url)
        if record_type is None:
            raise ConcordError(
                reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
                "the hub has no master of the content's type",
                metadata={"type_url": said.content.type_url[:200]},
                violations=[FieldViolation("content", "is of an unknown type")],
            )
        content = _unpack(record_type, said)
        _require_constraints(content)
        self._require_author(record_type, said)
        _refuse_invalid(record_type, said, content, self._without_name(record_type, said, content))
        said = _without_output(said)
        said.content.CopyFrom(record_type.pack(content))
        return Submission(record_type, said, content, scope=self._scope)

    def require_system(self, name: str) -> None:
        """Raise ConcordError SYSTEM_UNKNOWN or SYSTEM_NOT_OWNED where the caller may not speak for a system."""
        system = self._landscape.systems.get(name)
        if system is None or not in_scope((system.entity,), self._scope):
            raise ConcordError(
                reasons.ERROR_REASON_SYSTEM_UNKNOWN,
                "there is no such system",
                metadata={"system": name[:255]},
                violations=[FieldViolation("system", "is not registered")],
            )
        if name == HUB:
            raise _not_owned(name, "stewards speak for the hub, by deciding on golden records")
        if system.submitters and self._caller.subject not in system.submitters:
            raise _not_owned(name, f"{name} is not yours to speak for")

    def _without_name(
        self, record_type: RecordType, said: ingest_pb2.SourceRecord, content: Message
    ) -> list[Violation]:
        """Return what is wrong with a record that nobody would know, of a system that may say what it is called.

        What a system deletes, and what the hub made there itself, needs no name.
        """
        authored = self._landscape.systems[said.system].authored_attributes
        names = {f"{record_type.name}.{path.partition('.')[0]}" for path in record_type.known_by}
        may_name = record_type.name in authored or not names.isdisjoint(authored)
        needless = said.deleted or said.HasField("echo") or not may_name
        return [] if needless else nameless(record_type, content)

    def _require_author(self, record_type: RecordType, said: ingest_pb2.SourceRecord) -> None:
        authored = set(self._landscape.systems[said.system].authored_attributes)
        if record_type.name in authored:
            return
        for field in fields_said(record_type, said):
            if f"{record_type.name}.{field}" not in authored:
                raise ConcordError(
                    reasons.ERROR_REASON_ATTRIBUTE_NOT_AUTHORED,
                    f"{said.system} is not registered as an author of {record_type.name}.{field}",
                    metadata={"system": said.system, "field": field},
                    violations=[FieldViolation(f"content.{field}", "is not authored by the system")],
                )


def _not_owned(system: str, message: str) -> ConcordError:
    return ConcordError(reasons.ERROR_REASON_SYSTEM_NOT_OWNED, message, metadata={"system": system[:255]})


def _unpack(record_type: RecordType, said: ingest_pb2.SourceRecord) -> Message:
    try:
        return record_type.unpack(said.content)
    except ValueError as error:
        raise ConcordError(
            reasons.ERROR_REASON_MALFORMED_MESSAGE,
            "the content's bytes are not a message of its type",
            metadata={"type": record_type.descriptor.full_name},
            violations=[FieldViolation("content", "can't be decoded")],
        ) from error


def _require_constraints(content: Message) -> None:
    found = validation.violations(content)
    if found:
        raise validation.constraint_violated([replace(v, field=f"content.{v.field}") for v in found])


def _refuse_invalid(
    record_type: RecordType, said: ingest_pb2.SourceRecord, content: Message, further: Sequence[Violation]
) -> None:
    found = [
        FieldViolation(f"content.{v.field}", v.description)
        for v in violations(record_type, content, strict=False, said_before=said.deleted)
    ]
    found += _said_by_hub_only(content)
    found += [
        FieldViolation("withdrawn_paths", f"there is no {path}")
        for path in unknown_paths(record_type, said.withdrawn_paths)
    ]
    found += [
        FieldViolation("echo.paths", f"there is no {path}") for path in unknown_paths(record_type, said.echo.paths)
    ]
    # Nobody means them, and nobody sees them: two keys look alike, a line of a table is torn. What has one since before
    # they were refused can still be deleted.
    found += [
        FieldViolation(field, f"contains the control character {character}")
        for field, text in (("key", said.key), ("label", said.label), ("echo.golden_record", said.echo.golden_record))
        if (character := control_character(text, said_before=said.deleted))
    ]
    if not _is_time(said.source_time):
        found.append(FieldViolation("source_time", "is no time between the years 1 and 9999"))
    found += [FieldViolation(f"content.{v.field}", v.description) for v in further]
    if found:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the record contradicts itself or its type",
            metadata={"type": record_type.descriptor.full_name},
            violations=found,
        )


def _is_time(moment: Timestamp) -> bool:
    try:
        moment.ToDatetime()
    except ValueError:
        return False
    return True


def _said_by_hub_only(content: Message) -> Iterator[FieldViolation]:
    for field, _ in content.ListFields():
        if field.name in METADATA:
            yield FieldViolation(f"content.{field.name}", "is set by the hub")


def _without_output(said: ingest_pb2.SourceRecord) -> ingest_pb2.SourceRecord:
    cleaned = ingest_pb2.SourceRecord()
    cleaned.CopyFrom(said)
    for field, _ in said.ListFields():
        if field.name in _OUTPUT_ONLY:
            cast("Message", cleaned).ClearField(field.name)
    return cleaned
