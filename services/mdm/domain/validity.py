"""What a content must not say although each of its fields may."""

from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType
from services.mdm.domain.violation import Violation


def violations(record_type: RecordType, content: Message, *, strict: bool) -> list[Violation]:
    """Return what is wrong with a content, in order; nothing = it can be taken in.

    `strict` is for stewards: then wrong check digits count too. A source's record with one enters
    (the identifier just links nothing), since the hub is where people find and correct it.
    """
    raise NotImplementedError
