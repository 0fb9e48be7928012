"""What a connector is: the one thing that has to be written for a further system.

A connector reads documents from its system and writes values to it; it decides nothing. What goes to the hub, what is
the hub's own word come back, what is written, when, and what to do about failures is the runtime's part
(`services.adapter`), the same for every system. Every connector passes `tests/support/adapter/connector_suite.py`.

Two kinds of method. `translate` and `express` are pure: no I/O, no clock, callable from any thread. The others talk to
the system; the runtime never makes two of those calls at once for one connector. They raise `RemoteError` when the
system fails: TRANSIENT and AUTHENTICATION are tried again with growing intervals, CONFLICT is read again and decided
anew, PERMANENT is given up and shown to a person.

Paths name what the hub's explanations name: a field (`legal_name`), a keyed element (`sites[HQ]`, `tax_ids[US/ein]`), a
group of slices (`slices.display_name`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, TypeAlias

from google.protobuf.message import Message

Value: TypeAlias = "bool | int | str | Sequence[Value] | Mapping[str, Value] | None"
"""What one path says in a system, as plain JSON (decimals as strings); None = nothing. Compared by canonical JSON."""


class UntranslatableError(Exception):
    """A document can't be translated; it goes into quarantine. Neither `field` nor `why` may quote a value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        """Where in the document, in the system's own words, such as `party.identifiers[2].code`."""
        self.why = why


@dataclass(frozen=True)
class Document:
    """One thing as a system holds it now."""

    key: str
    """The system's own key, unique among all its documents and at most 512 bytes, such as `party/42`."""
    kind: str
    """Which of the connector's kinds of document it is, such as `party`."""
    original: bytes = field(repr=False)
    """The document as the system gave it: all that `translate` needs, and what quarantine keeps."""
    source_time: datetime
    """When it changed last, by the system's clock, with a time zone."""
    deleted: bool = False
    """Whether the system deleted it or it stopped being a master; `original` may be empty then."""


@dataclass(frozen=True)
class PulledBatch:
    """Some documents, each read after its batch began, and where the next batch begins."""

    documents: tuple[Document, ...]
    cursor: str
    """Is kept when every document of this batch and of those before is acknowledged; a restart continues there."""


@dataclass(frozen=True)
class Translation:
    """What a document says, as a typed record."""

    record_type: str
    """Such as `supplier`; one of the connector's `record_types`."""
    content: Message = field(repr=False)
    """The record's message without output-only fields; unset = not said. Empty for a deleted document."""
    withdrawn_paths: tuple[str, ...] = ()
    """What the document explicitly says is empty."""
    label: str = ""
    """What people of that system call the document, such as its number."""


@dataclass(frozen=True)
class Expression:
    """A record in the words of one system: only what the connector can write there."""

    values: Mapping[str, Value] = field(repr=False)
    """By path; a path that the record says nothing about is left out."""
    inexpressible: tuple[str, ...] = ()
    """Paths that the connector writes usually, but whose value here the system can't hold."""


@dataclass(frozen=True)
class Writing:
    """A write to one document."""

    record_type: str
    golden: Message = field(repr=False)
    """The whole golden record with its name, to search by and to take external ids from. Write only `values`."""
    values: Mapping[str, Value] = field(repr=False)
    """What is to be said, for these paths and no others; None = to be emptied or removed."""
    current: Document | None
    """The document that the decision was made on; None = a new one is to be created."""


class Connector(Protocol):
    """Speaks to one system."""

    @property
    def kind(self) -> str:
        """The connector's name, such as `tryton`."""
        ...

    @property
    def record_types(self) -> tuple[str, ...]:
        """The record types that it reads or writes."""
        ...

    def pull(self, cursor: str, *, full: bool) -> Iterator[PulledBatch]:
        """Read what changed since `cursor` (empty = everything), oldest first; with `full` everything again.

        Lazily, a batch of some hundred documents at a time. Reading a document twice is allowed, missing one is not:
        look back over the system's own window of late commits. Yields at least one batch, if only for its cursor, and
        ends when it is up to date. A full pull reports every deletion that the system can tell of or that follows from
        absence.
        """
        ...

    def translate(self, document: Document) -> Translation:
        """Say a document as a typed record. Pure. Raises UntranslatableError."""
        ...

    def express(self, record_type: str, content: Message, today: date) -> Expression:
        """Say a record (golden, or translated from a document) in the system's words, as in effect on `today`. Pure.

        What a document says must survive translation: the expressions of two documents differ exactly where what the
        system shows on writable paths differs. An element whose value is left out (masked) counts as not said.
        """
        ...

    def current(self, keys: Collection[str]) -> Mapping[str, Document | None]:
        """Read these documents as they are now, in as few calls as the system allows; None = there is none."""
        ...

    def find(self, record_type: str, golden: Message) -> str | None:
        """Search the key of the document that is this golden record's, by what a creation would have written.

        Asked before every creation, and after one whose outcome is unknown.
        """
        ...

    def write(self, writing: Writing) -> Document:
        """Write the values and return the document as it is afterwards; its key is new when it was created.

        All or nothing where the system can. Raises RemoteError, of kind CONFLICT when the document changed since
        `writing.current`.
        """
        ...

    def close(self) -> None:
        """Give up connections; nothing is called afterwards."""
        ...


ConnectorFactory: TypeAlias = Callable[[str, Mapping[str, object]], Connector]
"""Makes a connector from the system's name (`systems/erp`) and its `options` in the systems file, without any call.

Raises ValueError with every mistake in the options, one a line. Secrets are named as files (`password_file`).
"""
