"""Day arithmetic of effective-dated records: half-open periods of whole days."""

from datetime import date

from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType


def at(record_type: RecordType, content: Message, day: date) -> Message | None:
    """Return the content as it is true on a day, with only the slice in effect; None = nothing is.

    Contents of types without slices, and contents that have none, are returned as they are (the
    latter only within their effective period).
    """
    raise NotImplementedError
