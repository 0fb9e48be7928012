"""The hub, as an adapter sees it: takes source records in, tells what changed.

Every method raises ConcordError when the hub refuses or does not answer.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.any_pb2 import Any

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import (
    change_pb2,
    change_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    system_pb2,
    system_pb2_grpc,
    translation_pb2,
    translation_pb2_grpc,
)
from services.adapter.hub.golden import identity, open_golden
from services.adapter.hub.masters import masters
from services.mesh.errors import ConcordError, from_rpc_error

_PAGE = 200  # a page of source records has to fit a message


@dataclass(frozen=True)
class HubSettings:
    """How patient an adapter is with the hub; times in seconds.

    `window` source records at most are on their way without an acknowledgement.
    """

    window: int = 64
    call_timeout_s: float = 10.0
    record_timeout_s: float = 2.0
    progress_interval_s: int = 5


@dataclass(frozen=True)
class Translated:
    """A golden record in a system's codes, packed, without the values that can't be said there; these by path."""

    golden: Any
    left_out: tuple[str, ...] = ()


class Hub:
    """The hub's services over one channel; safe in threads."""

    def __init__(self, channel: grpc.Channel, settings: HubSettings | None = None) -> None:
        self._settings = settings or HubSettings()
        self._ingest = ingest_pb2_grpc.IngestServiceStub(channel)
        self._changes = change_pb2_grpc.ChangeServiceStub(channel)
        self._systems = system_pb2_grpc.SystemServiceStub(channel)
        self._translations = translation_pb2_grpc.TranslationServiceStub(channel)
        self._masters = masters(channel, self._settings.call_timeout_s)

    def submit(self, records: Sequence[ingest_pb2.SourceRecord]) -> list[ingest_pb2.SubmitSourceRecordsResponse]:
        """Submit source records over one stream and return their acknowledgements, in their order.

        Either every record is acknowledged or it raises; those that were acknowledged before are with the hub then.
        """
        window = threading.Semaphore(self._settings.window)
        ended = threading.Event()
        timeout_s = self._settings.call_timeout_s + self._settings.record_timeout_s * len(records)
        acknowledged: list[ingest_pb2.SubmitSourceRecordsResponse] = []
        with _typed_errors():
            try:
                stream = self._ingest.SubmitSourceRecords(_requests(records, window, ended), timeout=timeout_s)
                for answer in stream:
                    acknowledged.append(answer)
                    window.release()
            finally:
                ended.set()
                window.release()
        if [answer.sequence for answer in acknowledged] != list(range(1, len(records) + 1)):
            message = "the hub did not acknowledge every record"
            raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, message, metadata={"dependency": "hub"})
        return acknowledged

    def watch(self, cursor: bytes, record_types: Sequence[str]) -> Iterator[change_pb2.WatchChangesResponse]:
        """Open the feed behind a cursor. Errors come as the stream's own (`grpc.RpcError`)."""
        request = change_pb2.WatchChangesRequest(
            cursor=cursor,
            record_types=record_types,
            progress_interval_seconds=self._settings.progress_interval_s,
        )
        return self._changes.WatchChanges(request)

    def feed_state(self) -> change_pb2.GetFeedStateResponse:
        """Return where the feed ends now."""
        with _typed_errors():
            request = change_pb2.GetFeedStateRequest()
            return self._changes.GetFeedState(request, timeout=self._settings.call_timeout_s)

    def systems(self) -> list[system_pb2.System]:
        """Return the registered systems that this adapter may see."""
        found: list[system_pb2.System] = []
        token = ""
        while True:
            request = system_pb2.ListSystemsRequest(page_size=_PAGE, page_token=token)
            with _typed_errors():
                page = self._systems.ListSystems(request, timeout=self._settings.call_timeout_s)
            found += page.systems
            token = page.next_page_token
            if not token:
                return found

    def entities(self) -> list[system_pb2.Entity]:
        """Return the registered entities that this adapter may see."""
        found: list[system_pb2.Entity] = []
        token = ""
        while True:
            request = system_pb2.ListEntitiesRequest(page_size=_PAGE, page_token=token)
            with _typed_errors():
                page = self._systems.ListEntities(request, timeout=self._settings.call_timeout_s)
            found += page.entities
            token = page.next_page_token
            if not token:
                return found

    def source_records(self, system: str) -> Iterator[ingest_pb2.SourceRecord]:
        """Return what the hub knows from a system, page by page."""
        token = ""
        while True:
            request = ingest_pb2.ListSourceRecordsRequest(system=system, page_size=_PAGE, page_token=token)
            with _typed_errors():
                page = self._ingest.ListSourceRecords(request, timeout=self._settings.call_timeout_s)
            yield from page.source_records
            token = page.next_page_token
            if not token:
                return

    def keys(self, system: str, golden_record: str) -> tuple[str, ...]:
        """Return a system's keys that belong to a golden record, the oldest first."""
        request = ingest_pb2.ListSourceRecordsRequest(system=system, golden_record=golden_record, page_size=_PAGE)
        with _typed_errors():
            page = self._ingest.ListSourceRecords(request, timeout=self._settings.call_timeout_s)
        return tuple(record.key for record in page.source_records if not record.deleted)

    def golden_records(self, record_type: str) -> Iterator[Any]:
        """Return the golden records of a type that are in use, as they are now, page by page."""
        token = ""
        while True:
            with _typed_errors():
                records, token = self._masters[record_type].page(token)
            yield from records
            if not token:
                return

    def translated(self, system: str, golden: Any) -> Translated | None:
        """Return a golden record in a system's codes; None when there is none (any more) that the adapter may see."""
        request = translation_pb2.TranslateRecordRequest(system=system, content=golden)
        try:
            with _typed_errors():
                answer = self._translations.TranslateRecord(request, timeout=self._settings.call_timeout_s)
        except ConcordError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:  # never there, out of sight, or erased
                return None
            raise
        return Translated(answer.content, tuple(each.path for each in answer.untranslated_values))

    def golden_record(self, record_type: str, name: str) -> Any | None:
        """Return a golden record as it is now; None when there is none (any more) that the adapter may see."""
        try:
            with _typed_errors():
                found = self._masters[record_type].one(name)
        except ConcordError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        # What was merged away is answered by the record that it goes on in, which comes by itself.
        return found if identity(open_golden(found))[0] == name else None


def _requests(
    records: Sequence[ingest_pb2.SourceRecord], window: threading.Semaphore, ended: threading.Event
) -> Iterator[ingest_pb2.SubmitSourceRecordsRequest]:
    for sequence, record in enumerate(records, 1):
        window.acquire()
        if ended.is_set():
            return
        yield ingest_pb2.SubmitSourceRecordsRequest(sequence=sequence, source_record=record)


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from error
