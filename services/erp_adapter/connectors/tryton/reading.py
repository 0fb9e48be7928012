"""A round of reading: everything that changed since the last one, page by page, model by model."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from services.adapter.systems.connector import Document, PulledBatch
from services.erp_adapter.connectors.tryton import document
from services.erp_adapter.connectors.tryton.cursor import Cursor
from services.erp_adapter.connectors.tryton.noun import Noun, Site
from services.erp_adapter.domain.tryton.held import Row

PAGE = 250

OVERLAP = timedelta(seconds=120)
"""How far a round looks back: rows carry the time at which their transaction began, and Tryton ends one after 60 s."""


def read(site: Site, nouns: Sequence[Noun], cursor: Cursor, *, full: bool) -> Iterator[PulledBatch]:
    """Give the batches from the cursor on. The last one is empty and carries where the next round begins."""
    if full or cursor.began is None:
        # A cursor from before a model was read at all knows nothing of its rows.
        since = cursor.since if not full and all(noun.model in cursor.known for noun in nouns) else None
        cursor = replace(cursor, since=since, began=site.company.looked_up, full=full, model="", after=0)
    began = cursor.began or site.company.looked_up
    models = [noun.model for noun in nouns]
    for noun in nouns[models.index(cursor.model) if cursor.model in models else 0 :]:
        if cursor.model != noun.model:
            cursor = replace(_knowing(cursor, noun), model=noun.model, after=0)
            if cursor.full:
                gone = _gone(site, noun, cursor)
                cursor = _knowing(cursor, noun, without=gone)
                if gone:
                    yield PulledBatch(tuple(_deleted(noun, each, began) for each in gone), cursor.encode())
        while rows := site.client.search_read(
            noun.model, _domain(site, noun, cursor), noun.fields, limit=PAGE, context=site.company.context
        ):
            documents, cursor = _page(noun, rows, cursor)
            yield PulledBatch(documents, cursor.encode())
            if len(rows) < PAGE:
                break
    yield PulledBatch((), Cursor(since=began, known=cursor.known).encode())


def _page(noun: Noun, rows: Sequence[Row], cursor: Cursor) -> tuple[tuple[Document, ...], Cursor]:
    """Return the documents of rows and the place behind them; what is gone is told of what was known, and once."""
    ended = [row["id"] for row in rows if noun.is_gone(row)]
    untold = frozenset(ended) - cursor.known.get(noun.model, frozenset())
    documents = tuple(document.of(noun, row) for row in rows if row["id"] not in untold)
    known = _knowing(cursor, noun, [row["id"] for row in rows], without=ended)
    return documents, replace(known, after=rows[-1]["id"])


def _domain(site: Site, noun: Noun, cursor: Cursor) -> list[object]:
    changed = [noun.changed_since(cursor.since - OVERLAP)] if cursor.since else []
    return [*noun.masters(site.conventions), ("id", ">", cursor.after), *changed]


def _gone(site: Site, noun: Noun, cursor: Cursor) -> list[int]:
    """Return the ids that were read once and are no masters any more."""
    there = {row["id"] for row in site.search(noun.model, noun.masters(site.conventions))}
    return sorted(cursor.known.get(noun.model, frozenset()) - there)


def _knowing(cursor: Cursor, noun: Noun, more: Sequence[int] = (), *, without: Sequence[int] = ()) -> Cursor:
    known = (cursor.known.get(noun.model, frozenset()) | frozenset(more)) - frozenset(without)
    return replace(cursor, known={**cursor.known, noun.model: known})


def _deleted(noun: Noun, row_id: int, when: datetime) -> Document:
    return Document(noun.key(row_id), noun.model, b"", when, deleted=True)
