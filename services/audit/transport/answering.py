"""Answers to questions for pages of leaves, whichever service was asked."""

from collections.abc import Sequence
from typing import NamedTuple

from concord.audit.v1.audit_pb2 import LeafEntry
from services.audit.domain.question import LeafFilter
from services.audit.storage.leaf_reader import LeafReader
from services.audit.transport.asking import LeafPlace, Listing, scope_of, token_of
from services.audit.transport.question_log import QuestionLog
from services.audit.transport.rendering import entry_message
from services.mesh.server import Call


class Answer(NamedTuple):
    """A page of leaves, and the token of the next one, empty behind the last."""

    leaves: Sequence[LeafEntry]
    next_page_token: str


class Answering:
    """Keeps each question, then answers it."""

    def __init__(self, reader: LeafReader, questions: QuestionLog) -> None:
        self._reader = reader
        self._questions = questions

    def page(self, request: Listing, call: Call, wanted: LeafFilter) -> Answer:
        """Answer with a page of the leaves before the question's first page, within the caller's entities.

        Raises ConcordError INVALID_PAGE_SIZE, INVALID_PAGE_TOKEN, and as the database does.
        """
        place = LeafPlace.of(request)
        within = place.within(self._questions.keep(request, call))
        page = self._reader.leaves(wanted, scope_of(call), within, limit=place.limit)
        return Answer([entry_message(held) for held in page.leaves], token_of(page, within, request))
