"""Searching masters: exactly by an identifier, and by what resembles a record; the check before a create."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice, repeat
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.search_pb2 import MatchEvidence
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.sensitivity import clear_restricted
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.records.golden_reader import Hit
from services.mdm.transport.calls.deciding import day_of, may_see_restricted, position_at
from services.mdm.transport.calls.responses import Responses
from services.mdm.transport.records.reads import ReadParts, shown
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.store import State
from services.mesh.server import Call

_AT_ONCE = 100


class MasterSearch:
    """The search of one record type."""

    def __init__(self, record_type: RecordType, parts: ReadParts) -> None:
        self._type = record_type
        self._parts = parts
        self._response = Responses(record_type.service)

    def search(self, request: Any, call: Call) -> Message:
        """Find records by an identifier, or by what resembles them."""
        if self._asks_what_resembles(request):
            self._require_askable(request, call)
            return self._resembling(request, call)
        if not request.identifier:
            raise constraint_violated([FieldViolation("identifier", "is needed where nothing else is asked for")])
        return self._identified(request, call)

    def _asks_what_resembles(self, request: Any) -> bool:
        if "text" not in request.DESCRIPTOR.fields_by_name:
            return False
        return bool(request.text) or request.HasField(self._type.singular)

    def _require_askable(self, request: Any, call: Call) -> None:
        """Refuse what can't be answered, and what would tell callers of RESTRICTED values that they may not see."""
        if request.HasField("read_time"):
            raise constraint_violated([FieldViolation("read_time", "goes with an identifier only: scores are of now")])
        content = getattr(request, self._type.singular)
        seen = type(content)()
        seen.CopyFrom(content)
        clear_restricted(seen)
        if seen != content and not may_see_restricted(call):
            message = "RESTRICTED fields can't be searched by callers who may not see them"
            metadata = {"field": self._type.singular}
            violation = FieldViolation(self._type.singular, message)
            raise ConcordError(
                reasons.ERROR_REASON_FIELD_NOT_FILTERABLE, message, metadata=metadata, violations=[violation]
            )

    def _identified(self, request: Any, call: Call) -> Message:
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)

        def read(connection: Connection) -> Message:
            position = position_at(connection, request)
            found_behind = self._seen(connection, request, call, size + 1, position, after[0] if after else "")
            hits = list(islice(found_behind, size + 1))
            found = [self._hit(record, hit.paths) for hit, record in hits[:size]]
            token = PageToken.encode((hits[size - 1][0].record,), request) if len(hits) > size else ""
            return self._response(call, hits=found, next_page_token=token, read_position=position or 0)

        return self._parts.transactions.read(read)

    def _resembling(self, request: Any, call: Call) -> Message:
        size = page_size(request.page_size)

        def read(connection: Connection) -> Message:
            content = getattr(request, self._type.singular)
            alike = self._parts.duplicates.find(connection, self._type, content, request.text)
            exact = self._seen(connection, request, call, size) if request.identifier else iter(())
            paths = {hit.record: hit.paths for hit, _ in islice(exact, size)}
            names = dict.fromkeys([*paths, *alike.goldens])
            records = self._visible(connection, list(names), request, call, None)
            # What the caller may not know of has no say in what is told of the others.
            evidence = alike.among(records.keys()).evidence()
            found = [
                self._hit(records[name], paths.get(name, ()), evidence.get(name)) for name in names if name in records
            ]
            return self._response(call, hits=found[:size], match_model=alike.model_name)

        return self._parts.transactions.read(read)

    def _seen(  # noqa: PLR0913 - a question has many parts
        self,
        connection: Connection,
        request: Any,
        call: Call,
        wanted: int,
        position: int | None = None,
        after: str = "",
    ) -> Iterator[tuple[Hit, Message]]:
        """Yield what was found behind a record, as far as the caller may know of it, and as they may see it.

        Of `wanted` nearly always all may be known; where it is not so, what is behind them is read in larger pieces.
        """
        clear, asked = may_see_restricted(call), (connection, self._type, request.identifier)
        for at_once in chain([wanted], repeat(_AT_ONCE)):
            hits = self._parts.reader.search(*asked, clear=clear, position=position, after=after, limit=at_once)
            seen = self._visible(connection, [hit.record for hit in hits], request, call, position)
            yield from ((hit, seen[hit.record]) for hit in hits if hit.record in seen)
            if len(hits) < at_once:
                return
            after = hits[-1].record

    def _visible(
        self, connection: Connection, names: Sequence[str], request: Any, call: Call, position: int | None
    ) -> dict[str, Message]:
        """Return the records that the caller may know of, as they may see them."""
        scope, day = self._parts.deciding.entities_within(connection, call), day_of(request)
        found = {}
        for name, revision in self._parts.reader.read(connection, names, position).items():
            if in_scope(revision.entities, scope) and revision.state is not State.DELETED:
                found[name] = shown(self._type, self._parts.reader, revision, day, call)
        return {name: record for name, record in found.items() if record is not None}

    def _hit(
        self, record: Message, paths: Sequence[str], evidence: MatchEvidence | None = None
    ) -> Mapping[str, Message | Sequence[str]]:
        hit: dict[str, Message | Sequence[str]] = {self._type.singular: record, "paths": paths}
        return hit if evidence is None else {**hit, "evidence": evidence}
