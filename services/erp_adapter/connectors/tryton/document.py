"""Rows of Tryton's as documents."""

from collections.abc import Iterator
from datetime import datetime

from services.adapter.systems.connector import Document, UntranslatableError
from services.erp_adapter.connectors.tryton import values
from services.erp_adapter.connectors.tryton.noun import Noun
from services.erp_adapter.domain.tryton.held import Row


def of(noun: Noun, row: Row) -> Document:
    """Return a row as a document, changed when it or one of its children was."""
    return Document(noun.key(row["id"]), noun.model, values.encode(row), max(_times(row)), deleted=noun.is_gone(row))


def row_of(document: Document) -> Row:
    """Return the row that a document holds. Raises UntranslatableError when there is none in it."""
    try:
        row = values.decode(document.original)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise UntranslatableError("document", "is not a row as Tryton gives it")
    return row


def _times(value: object) -> Iterator[datetime]:
    if isinstance(value, dict):
        time = value.get("last_modified_at")
        if isinstance(time, datetime):
            yield time
        for each in value.values():
            yield from _times(each)
    elif isinstance(value, list):
        for each in value:
            yield from _times(each)
