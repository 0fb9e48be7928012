"""What of a record goes into the index table, for filters, orders and Search."""

from dataclasses import dataclass

from google.protobuf.message import Message

from services.mdm.domain.record_type import RecordType

SEARCH_SUFFIX = "~search"
"""Ends the index path under which an identifier lies normalised for Search."""


@dataclass(frozen=True, order=True)
class IndexEntry:
    """One value of one path, as a sortable string. RESTRICTED ones are to be stored as keyed tokens."""

    path: str
    value: str
    restricted: bool


@dataclass(frozen=True, order=True)
class IdentifierPath:
    """A field that Search looks at: its path, and the path of its normalised values in the index."""

    path: str
    index_path: str
    restricted: bool


def index_entries(record_type: RecordType, content: Message) -> tuple[IndexEntry, ...]:
    """Return the entries of a content, in order, each once. Unset values have none."""
    raise NotImplementedError


def identifier_paths(record_type: RecordType) -> tuple[IdentifierPath, ...]:
    """Return the fields that Search looks at."""
    raise NotImplementedError


def canonical(record_type: RecordType, path: str, literal: str) -> str:
    """Return a filter's literal as the index spells values of the path. Raises ValueError when it is none."""
    raise NotImplementedError


def is_restricted(record_type: RecordType, path: str) -> bool:
    """Tell whether anything along a dotted path is RESTRICTED. Raises ValueError for unknown paths."""
    raise NotImplementedError
