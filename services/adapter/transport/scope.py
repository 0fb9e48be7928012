"""The scope of a caller: of the served systems, those of its entities; the others do not exist for it."""

from collections.abc import Mapping

from concord.governance.v1 import error_reason_pb2 as reasons
from services.adapter.hub.registrations import Registrations
from services.adapter.synchronising.worker import Worker
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import Caller


class Scope:
    """The systems that this adapter serves, as a caller may see them."""

    def __init__(self, workers: Mapping[str, Worker], registrations: Registrations) -> None:
        self._workers = workers
        self._registrations = registrations

    def workers(self, caller: Caller) -> dict[str, Worker]:
        """Return the workers of the systems that the caller may see, by name of the system.

        A replica that is not elected has nobody else who asks the hub whose they are. Raises ConcordError when none of
        it is known.
        """
        self._registrations.learn(caller)
        return {name: self._workers[name] for name in self._registrations.visible(caller, self._workers)}

    def worker(self, caller: Caller, system: str) -> Worker:
        """Return one system's worker. Raises ConcordError SYSTEM_UNKNOWN."""
        worker = self.workers(caller).get(system)
        if worker is None:
            message = "this adapter serves no such system"
            raise ConcordError(reasons.ERROR_REASON_SYSTEM_UNKNOWN, message, resource=("system", system))
        return worker

    def systems(self, caller: Caller, system: str) -> list[str]:
        """Return the systems that a list is about: the one named, or all. Raises ConcordError SYSTEM_UNKNOWN."""
        return [self.worker(caller, system).outpost.name] if system else list(self.workers(caller))

    def owner(self, caller: Caller, record: str) -> Worker:
        """Return the worker that a record belongs to. Raises ConcordError RECORD_NOT_FOUND."""
        worker = self.workers(caller).get("/".join(record.split("/")[:2]))
        if worker is None:
            raise not_found(record)
        return worker


def not_found(record: str) -> ConcordError:
    """Return the error for a record that is not there, or not for this caller."""
    message = "there is no such quarantined document"
    return ConcordError(reasons.ERROR_REASON_RECORD_NOT_FOUND, message, resource=("quarantined_document", record))
