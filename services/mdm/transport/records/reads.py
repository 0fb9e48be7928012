"""Reading masters: one implementation of the standard reads over every record type."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import effective
from services.mdm.domain.indexing import index_entries
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.models.duplicate_search import DuplicateSearch
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.stewardship.golden_decisions import not_found
from services.mdm.storage.tables.conditions import own_entries
from services.mdm.storage.tables.listing import Listing, Question
from services.mdm.transport.calls.deciding import Deciding, day_of, may_see_restricted, position_at
from services.mdm.transport.calls.responses import Responses
from services.mesh.contract.filters import parse_filter, parse_order
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import ConcordError
from services.mesh.records.store import RecordStore, Revision
from services.mesh.server import Call


@dataclass(frozen=True)
class ReadParts:
    """What reads stand on."""

    transactions: Transactions
    store: RecordStore
    reader: GoldenReader
    listing: Listing
    duplicates: DuplicateSearch
    deciding: Deciding


class MasterReads:
    """The standard reads of one record type; every method is the handler of an RPC."""

    def __init__(self, record_type: RecordType, parts: ReadParts) -> None:
        self._type = record_type
        self._parts = parts
        self._response = Responses(record_type.service)

    def get(self, request: Any, call: Call) -> Message:
        """Return one record."""

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            (found,) = self._read(connection, [request.name], position, day_of(request), call)
            return self._response(call, **{self._type.singular: found, "read_position": position or 0})

        return self._reading(read)

    def batch_get(self, request: Any, call: Call) -> Message:
        """Return several records in the order asked for, all or none."""

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            found = self._read(connection, request.names, position, day_of(request), call)
            return self._response(call, **{self._type.plural: found, "read_position": position or 0})

        return self._reading(read)

    def lookup(self, request: Any, call: Call) -> Message:
        """Return the record that a key of a system belongs to."""

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            golden = self._parts.reader.golden_of(connection, request.system, request.key, position)
            if golden is None or not self._type.owns(golden):
                raise not_found(self._type, f"{request.system} {request.key}")
            (found,) = self._read(connection, [golden], position, day_of(request), call)
            return self._response(call, **{self._type.singular: found, "read_position": position or 0})

        return self._reading(read)

    def list_page(self, request: Any, call: Call) -> Message:
        """List the records in the caller's entities, a page at a time."""
        size, day = page_size(request.page_size), day_of(request)
        question, also = self._question(request, call)
        after = PageToken.decode(request.page_token, request, keys=len(question.orders) + 1)

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            page = self._parts.listing.page(connection, question, position, after, size)
            revisions = self._parts.reader.read(connection, page.records, position)
            shown = (self._shown(revisions[name], day, call) for name in page.records)
            found = [record for record in shown if record is not None and also(record)]
            token = PageToken.encode(page.last, request) if page.last else ""
            return self._response(
                call, **{self._type.plural: found, "next_page_token": token, "read_position": position or 0}
            )

        return self._reading(read)

    def explain(self, request: Any, call: Call) -> Message:
        """Say why a record is what it is."""

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            revision = self._revision(connection, request.name, position, call)
            explanation = self._parts.reader.explain(connection, self._type, revision)
            return self._response(call, explanation=explanation, read_position=position or 0)

        return self._reading(read)

    def list_revisions(self, request: Any, call: Call) -> Message:
        """List a record's revisions, newest first."""
        size = page_size(request.page_size)
        before = PageToken.decode_number(request.page_token, request)

        def read(connection: Connection) -> Message:
            self._of_its_own(connection, request.name, call)
            revisions = self._parts.store.history(connection, request.name, before=before, limit=size + 1)
            clear = may_see_restricted(call)
            reader = self._parts.reader
            shown = [
                reader.remains(self._type, revision)
                if revision.erased
                else reader.present(self._type, revision, clear=clear)
                for revision in revisions[:size]
            ]
            token = PageToken.encode((str(revisions[size - 1].revision),), request) if len(revisions) > size else ""
            return self._response(call, **{self._type.plural: shown, "next_page_token": token})

        return self._reading(read)

    def _reading(self, read: Callable[[Connection], Message]) -> Message:
        return self._parts.transactions.read(read)

    def _of_its_own(self, connection: Connection, name: str, call: Call) -> None:
        """Raise RECORD_NOT_FOUND unless the caller may know of the name, wherever its record goes on."""
        revision = self._parts.reader.read(connection, [name], None).get(name) if self._type.owns(name) else None
        if revision is None or not in_scope(revision.entities, self._parts.deciding.entities_within(connection, call)):
            raise not_found(self._type, name)

    def _revision(self, connection: Connection, name: str, position: int | None, call: Call) -> Revision:
        read = self._parts.reader.surviving
        revision = read(connection, [name], position).get(name) if self._type.owns(name) else None
        if revision is None or not in_scope(revision.entities, self._parts.deciding.entities_within(connection, call)):
            raise not_found(self._type, name)
        return revision

    def _read(
        self, connection: Connection, names: Sequence[str], position: int | None, day: date | None, call: Call
    ) -> list[Message]:
        """Return the records in the order asked for. Raises RECORD_NOT_FOUND, NOT_IN_EFFECT for any of them."""
        scope = self._parts.deciding.entities_within(connection, call)
        asked = [name for name in names if self._type.owns(name)]
        revisions = self._parts.reader.surviving(connection, asked, position)
        found = []
        for name in names:
            revision = revisions.get(name)
            if revision is None or not in_scope(revision.entities, scope):
                raise not_found(self._type, name)
            shown = self._shown(revision, day, call)
            if shown is None:
                raise ConcordError(
                    reasons.ERROR_REASON_NOT_IN_EFFECT,
                    f"{name} is not in effect on {day}",
                    metadata={"name": name, "effective_date": str(day)},
                )
            found.append(shown)
        return found

    def _shown(self, revision: Revision, day: date | None, call: Call) -> Message | None:
        return shown(self._type, self._parts.reader, revision, day, call)

    def _question(self, request: Any, call: Call) -> tuple[Question, Callable[[Message], bool]]:
        """Return what is asked of the index, and what is still to be asked of each record.

        The index knows all slices of a record, not the one in effect on a day: then the filter is applied afterwards.
        """
        expression = parse_filter(request.filter)
        question = Question(
            record_type=self._type,
            expression=expression,
            orders=parse_order(request.order_by),
            show_deleted=request.show_deleted,
            entities=self._parts.deciding.entities(call),
            clear=may_see_restricted(call),
        )
        if expression is None or day_of(request) is None or self._type.slice_field is None:
            return question, lambda _record: True
        conditions = self._parts.listing.conditions(question)
        conditions.require(expression)
        return replace(question, expression=None), lambda record: conditions.holds(
            expression, (*index_entries(self._type, record), *own_entries(record))
        )


def shown(
    record_type: RecordType, reader: GoldenReader, revision: Revision, day: date | None, call: Call
) -> Message | None:
    """Return the record as the caller may see it, as it is true on `day`; None = it is not in effect then."""
    record = reader.present(record_type, revision, clear=may_see_restricted(call))
    return record if day is None else effective.at(record_type, record, day)
