"""What the hub's own source record must say so that a steward's decision comes true."""

from collections.abc import Sequence
from datetime import date

from concord.mdm.v1 import ingest_pb2 as pb
from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType


def writable_fields(record_type: RecordType) -> tuple[str, ...]:
    """Return the message's fields that a steward may write, in the contract's order."""
    raise NotImplementedError


def assert_fields(  # noqa: PLR0913
    record_type: RecordType,
    hub: pb.SourceRecord | None,
    golden: Message,
    desired: Message,
    paths: Sequence[str],
    day: date | None,
) -> tuple[Message, list[str]]:
    """Return the hub's next content and withdrawn paths that make `paths` of the golden record as desired."""
    raise NotImplementedError


def close(
    record_type: RecordType, hub: pb.SourceRecord | None, golden: Message, day: date
) -> tuple[Message, list[str]]:
    """Return the hub's next content and withdrawn paths that end the record on a day."""
    raise NotImplementedError
