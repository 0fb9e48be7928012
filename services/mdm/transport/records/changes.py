"""The change service: the feed, rendered for each subscriber."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.rendering import Rendering
from services.mdm.transport.calls.deciding import Deciding, may_see_restricted
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader, PublishedTransaction
from services.mesh.feed.slow_consumers import SlowConsumers
from services.mesh.feed.stream import FeedStream, Progress, StreamSettings
from services.mesh.records import spool
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.ChangeService"
GOLDEN = frozenset(record_type.name for record_type in RECORD_TYPES)
Response = change_pb2.WatchChangesResponse


class ChangeMethods:
    """The feed's RPCs."""

    def __init__(  # noqa: PLR0913 - the parts of the feed
        self,
        transactions: Transactions,
        reader: FeedReader,
        news: News,
        rendering: Rendering,
        deciding: Deciding,
        slow_consumers: SlowConsumers,
        settings: StreamSettings | None = None,
    ) -> None:
        self._transactions = transactions
        self._reader = reader
        self._news = news
        self._rendering = rendering
        self._deciding = deciding
        self._slow_consumers = slow_consumers
        self._settings = settings or StreamSettings()

    def service(self) -> GrpcService:
        """Return the change service."""
        return GrpcService(SERVICE, {"WatchChanges": self.watch, "GetFeedState": self.state})

    def watch(self, request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[Response]:
        """Stream what was published, a transaction a message, with bookmarks in between."""
        self._require_types(request)
        after = self._reader.cursor(request.cursor)
        rendered: dict[int, list[change_pb2.Change]] = {}

        def render(transactions: Sequence[PublishedTransaction]) -> None:
            """Render what was read together at once: a question to the database for each would be the slowest part."""
            rendered.clear()
            rendered.update(self._rendered(transactions, call))

        stream = FeedStream(
            self._reader,
            self._news,
            after,
            is_active=call.is_active,
            settings=self._patience(request),
            announce=render,
        )
        call.on_end(self._news.wake)
        call.on_stop(stream.stop)
        with self._slow_consumers.watching(stream, call.cancel, call.caller.client):
            for item in stream:
                if isinstance(item, Progress):
                    yield Response(cursor=item.cursor.encode())
                else:
                    yield _response(item, rendered.pop(item.cursor.position))

    def state(self, _request: change_pb2.GetFeedStateRequest, _call: Call) -> Message:
        """Say between which cursors the feed can be read, and how far it is behind."""
        newest = self._reader.newest()
        return change_pb2.GetFeedStateResponse(
            newest_cursor=newest.encode(),
            newest_position=newest.position,
            floor_position=self._reader.beginning().position,
            unpublished_count=self._transactions.read(spool.backlog),
        )

    def _require_types(self, request: change_pb2.WatchChangesRequest) -> None:
        """Raise UNKNOWN_RECORD_TYPE: who watches for what never comes would wait for ever."""
        unknown = [
            (place, name) for place, name in enumerate(request.record_types) if not self._rendering.renders(name)
        ]
        if unknown:
            raise ConcordError(
                reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE,
                f"the hub keeps no records of the type {unknown[0][1]}",
                metadata={"record_type": unknown[0][1]},
                violations=[FieldViolation(f"record_types[{place}]", "is no record type") for place, _ in unknown],
            )

    def _patience(self, request: change_pb2.WatchChangesRequest) -> StreamSettings:
        types = frozenset(request.record_types) or GOLDEN
        interval = float(request.progress_interval_seconds) or self._settings.progress_interval_s
        return replace(self._settings, record_types=types, progress_interval_s=interval)

    def _rendered(self, transactions: Sequence[PublishedTransaction], call: Call) -> dict[int, list[change_pb2.Change]]:
        """Return what the caller sees of transactions, by the position behind each."""
        found: dict[int, list[change_pb2.Change]] = {each.cursor.position: [] for each in transactions}
        scope = self._deciding.entities(call)
        seen = [
            (each.cursor.position, change)
            for each in transactions
            for change in each.changes
            if in_scope(change.entities, scope)
        ]
        if not seen:
            return found

        def render(connection: Connection) -> list[change_pb2.Change]:
            changes = [change for _, change in seen]
            return self._rendering.changes(connection, changes, clear=may_see_restricted(call))

        for (position, _), change in zip(seen, self._transactions.read(render), strict=True):
            found[position].append(change)
        return found


def _response(published: PublishedTransaction, changes: Sequence[change_pb2.Change]) -> Response:
    response = Response(cursor=published.cursor.encode())
    if changes:
        response.transaction.changes.extend(changes)
        response.transaction.publish_time.FromDatetime(published.published_at.astimezone(UTC))
    return response
