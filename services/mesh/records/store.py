"""The store of revisioned records: lock heads, append revisions with their change rows, read them back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.audit.v1.audit_pb2 import Operation
from services.mesh.records.keys import WrappedKey
from services.mesh.records.leaf import Origin
from services.mesh.records.sealing import Sealer

M = TypeVar("M", bound=Message)

MOST_CHANGES_A_TRANSACTION = 1000


class TooManyChangesError(Exception):
    """A transaction was about to make more than MOST_CHANGES_A_TRANSACTION changes: split the job into chunks."""


class State(IntEnum):
    """Whether a record is there."""

    ACTIVE = 1
    DELETED = 2


@dataclass(frozen=True)
class Head:
    """A record as of its newest revision; from `lock`, it stays the newest until the transaction ends."""

    record: str
    record_type: str
    revision: int
    state: State
    entities: tuple[str, ...]
    key: WrappedKey | None


@dataclass(frozen=True)
class RevisionDraft:
    """A revision to be appended: the one after `head`, the record's first if `head` is None.

    `content` holds RESTRICTED values in the clear (the store seals them); `previous` is the content that the changed
    paths of the leaf are told against, None for none. `inputs` is opaque to the store and stored encrypted.
    """

    record: str
    record_type: str
    operation: Operation.ValueType
    content: Message
    head: Head | None = None
    previous: Message | None = None
    state: State = State.ACTIVE
    entities: tuple[str, ...] = ()
    inputs: bytes = b""
    source_time: datetime | None = None

    @property
    def revision(self) -> int:
        """The revision's number; 1 is a record's first."""
        return self.head.revision + 1 if self.head else 1


@dataclass(frozen=True)
class Revision:
    """One stored revision. `content(kind)` and `inputs()` open it."""

    record: str
    revision: int
    record_type: str
    operation: Operation.ValueType
    state: State
    entities: tuple[str, ...]
    source_time: datetime | None
    created_at: datetime
    position: int | None  # None until it is published
    body: bytes = field(repr=False)
    sealed: bytes | None = field(repr=False)
    sealed_inputs: bytes | None = field(repr=False)
    key: WrappedKey | None = field(repr=False)


class RecordStore:
    """The revisioned records of one service; every method works inside the caller's transaction."""

    def __init__(self, source_service: str, sealer: Sealer) -> None:
        self.source_service = source_service
        self.sealer = sealer

    def lock(self, connection: Connection, names: Collection[str]) -> dict[str, Head | None]:
        """Lock the records for update, in name order, until the transaction ends; None for one that does not exist."""
        raise NotImplementedError

    def append(self, connection: Connection, drafts: Sequence[RevisionDraft], origin: Origin) -> dict[str, Head]:
        """Append one revision each with its change row and leaf, in the order given; return the new heads.

        A record may come once per call; a later call of the same transaction continues from the returned head.
        Raises ConcordError RECORD_EXISTS (a first revision of a record that is there), CONCURRENT_CHANGE (a head that
        is not the newest revision any more); TooManyChangesError; ValueError (a record twice).
        """
        raise NotImplementedError

    def read(
        self, connection: Connection, names: Collection[str], *, position: int | None = None
    ) -> dict[str, Revision]:
        """Read each record's newest revision, or its newest one published at or below `position`.

        Records that do not exist (or did not by then) are left out; deleted ones are included.
        """
        raise NotImplementedError

    def read_revisions(
        self, connection: Connection, revisions: Collection[tuple[str, int]]
    ) -> dict[tuple[str, int], Revision]:
        """Read exactly these (record, revision) pairs; those that do not exist are left out."""
        raise NotImplementedError

    def history(
        self, connection: Connection, record: str, *, before: int | None = None, limit: int = 100
    ) -> list[Revision]:
        """Read a record's revisions, newest first, those below revision `before` where given."""
        raise NotImplementedError

    def content(self, revision: Revision, kind: type[M], *, clear: bool = True) -> M:
        """Return the revision's content; with `clear` its RESTRICTED values too, unless its key was destroyed.

        Raises SealBroken.
        """
        raise NotImplementedError

    def inputs(self, revision: Revision) -> bytes:
        """Return the draft's `inputs`; empty when there were none or the record's key was destroyed."""
        raise NotImplementedError
