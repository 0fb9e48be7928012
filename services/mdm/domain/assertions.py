"""What a source asserts, and since when: the standing assertions of a source record."""

from collections.abc import Iterable

from concord.mdm.v1 import ingest_pb2 as pb
from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType


def paths(record_type: RecordType, content: Message) -> dict[str, Message]:
    """Return what a content asserts by path; each value is a content that says nothing else.

    Paths: `legal_name` or a group's name (`packs`), `sites[HQ]`, `tax_ids[US/ein]`,
    `slices.manager`, `slices.parents[management]`. Within keys `%`, `/`, `[` and `]` are
    percent-encoded. Raises ValueError for dates that are none (`validity` reports them).
    """
    raise NotImplementedError


def unknown_paths(record_type: RecordType, listed: Iterable[str]) -> list[str]:
    """Return those of the listed paths (withdrawn or echoed) that the type does not have."""
    raise NotImplementedError


def fields_said(record_type: RecordType, submitted: pb.SourceRecord) -> tuple[str, ...]:
    """Return the message fields that a submission says something about, withdrawals included."""
    raise NotImplementedError


def restate(
    record_type: RecordType, previous: pb.SourceRecord | None, submitted: pb.SourceRecord
) -> pb.SourceRecord | None:
    """Return the next revision of a source record; None = the submission says nothing new."""
    raise NotImplementedError
