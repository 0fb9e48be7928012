"""Refused calls on their way to the audit: alike ones counted together, bounded, sent again until they are taken.

What is kept is bounded twice: by how many different refusals are told one by one within a pause, and by what waits
while the audit does not answer. What goes beyond is counted, and the count is evidence of its own, so that a flood
costs details and never the fact. Refusals are kept in memory until the audit has them: a process that is killed takes
those of its last pause with it, which its access log still has (docs/adr/0020).
"""

import logging
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import uuid_utils
from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1.act_pb2 import Denial
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import LONGEST_PEER_IDENTITY, LONGEST_STATED, REQUEST_ID, Call
from services.mesh.contract.purpose import PURPOSE_KEY, REASON_KEY
from services.mesh.errors import ConcordError
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.leaf import Origin

UNLISTED = "UNLISTED"
"""The reason that stands for all calls beyond the bound."""

MOST_LISTED = 100
"""Different refusals that are told one by one within a pause."""

_PAUSE_S = 1.0
_LONGEST_BACKOFF_S = 30.0
_LONGEST_NAME = 255
_LONGEST_RESOURCE = 1024

Append = Callable[[Sequence[bytes]], object]
"""Appends leaves durably, all or none; raises ConcordError. Repeating it with the same leaves changes nothing."""

_log = logging.getLogger(__name__)


class _Alike(NamedTuple):
    """What refused calls share that are told together; nothing that a caller could make up anew for each call."""

    actor: str
    client: str
    on_behalf_of: tuple[str, ...]
    method: str
    reason: str
    permission: str
    resource: str


@dataclass
class _Refused:
    """Calls that were refused alike: the first one, and how many came until when."""

    denial: Denial
    origin: Origin
    entities: tuple[str, ...]
    first_at: datetime
    last_at: datetime
    attempts: int = 1

    def leaf(self, place: Place) -> bytes:
        """Return the leaf that tells of them."""
        denial = Denial(attempts=self.attempts, last_time=_timestamp(self.last_at))
        denial.MergeFrom(self.denial)
        return act_leaf(place, denial, self.origin, self.entities, self.first_at)


class DenialLog:
    """One thread that takes the refused calls of a service to the audit; `note` is safe in threads and never waits."""

    def __init__(self, service: str, append: Append, *, pause_s: float = _PAUSE_S, most: int = MOST_LISTED) -> None:
        self._service = service
        self._append = append
        self._pause_s = pause_s
        self._most = most
        self._series = str(uuid_utils.uuid7())
        self._number = 0
        self._door = threading.Lock()
        self._refused: dict[_Alike, _Refused] = {}
        self._unlisted: _Refused | None = None
        self._waiting: list[bytes] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="denials", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float = 2.0) -> None:
        """Send what is there, once, and end the thread; what the audit did not take is told in the log."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        lost = len(self._waiting) + len(self._refused) + bool(self._unlisted)
        if lost:
            _log.error("%d leaves of refused calls never reached the audit", lost)

    def note(self, call: Call, error: ConcordError) -> None:
        """Take note of a call that was refused with `error`."""
        now = datetime.now(UTC)
        alike = _alike(call, error)
        with self._door:
            known = self._refused.get(alike)
            if known is None and len(self._refused) >= self._most:
                known = self._unlisted
                if known is None:
                    self._unlisted = self._beyond(now)
            elif known is None:
                self._refused[alike] = _first(call, alike, now)
            if known is not None:
                known.attempts, known.last_at = known.attempts + 1, now

    def _beyond(self, now: datetime) -> _Refused:
        return _Refused(Denial(reason=UNLISTED), Origin.system(f"concord/{self._service}/denials"), (), now, now)

    def _run(self) -> None:
        backoff = self._pause_s
        while True:
            last_time = self._stopping.wait(backoff)
            try:
                self._send()
                backoff = self._pause_s
            except Exception as error:  # noqa: BLE001 - the thread must outlive every failure; nothing is given up by one
                reason = error.reason_name if isinstance(error, ConcordError) else type(error).__name__
                _log.warning("the audit has not taken %d leaves of refused calls: %s", len(self._waiting), reason)
                backoff = min(backoff * 2, _LONGEST_BACKOFF_S) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load
            if last_time:
                return

    def _send(self) -> None:
        """Send what a failure left; only then what came meanwhile gets its numbers: the series has no hole."""
        self._deliver()
        self._waiting = [self._numbered(each) for each in self._take()]
        self._deliver()

    def _deliver(self) -> None:
        if self._waiting:
            self._append(self._waiting)
            self._waiting = []

    def _take(self) -> list[_Refused]:
        with self._door:
            taken = [*self._refused.values(), *([self._unlisted] if self._unlisted else [])]
            self._refused, self._unlisted = {}, None
        return taken

    def _numbered(self, refused: _Refused) -> bytes:
        self._number += 1
        return refused.leaf(Place(self._service, self._series, self._number))


def _alike(call: Call, error: ConcordError) -> _Alike:
    governed = error.reason != reasons.ERROR_REASON_METHOD_NOT_GOVERNED
    return _Alike(
        actor=_cut(call.caller.subject),
        client=_cut(call.caller.client),
        on_behalf_of=call.caller.on_behalf_of,
        # The name of a method that is not served is whatever the caller makes up.
        method=call.policy.full_name if governed else "",
        reason=error.reason_name,
        permission=error.metadata.get("permission", ""),
        resource=_cut(error.resource[1], _LONGEST_RESOURCE) if error.resource is not None else "",
    )


def _first(call: Call, alike: _Alike, now: datetime) -> _Refused:
    origin = replace(
        Origin.of(call, _cut(call.request_id_header, LONGEST_STATED[REQUEST_ID])),
        actor=alike.actor,
        client=alike.client,
        peer_identity=_cut(call.peer_identity, LONGEST_PEER_IDENTITY),
        method=alike.method,
        purpose=_cut(call.purpose, LONGEST_STATED[PURPOSE_KEY]),
        reason=_cut(call.reason, LONGEST_STATED[REASON_KEY]),
    )
    denial = Denial(reason=alike.reason, permission=alike.permission, resource=alike.resource)
    entities = () if call.caller.sees_every_entity else call.caller.entities
    return _Refused(denial, origin, entities, now, now)


def _timestamp(moment: datetime) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _cut(text: str, longest: int = _LONGEST_NAME) -> str:
    """Keep the contract's bounds: what a caller sent without being permitted anything was checked by nobody."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
