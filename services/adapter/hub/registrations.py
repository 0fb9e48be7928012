"""Registrations: which entity each system belongs to, as the hub has it; who may see a system follows from that."""

import threading
import time
from collections.abc import Collection, Mapping

from services.adapter.hub.client import Hub
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import Caller

_FRESH_S = 30.0


class Registrations:
    """The hub's systems and entities, asked for again after a while; safe in threads."""

    def __init__(self, hub: Hub, *, fresh_s: float = _FRESH_S) -> None:
        self._hub = hub
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._asked = float("-inf")
        self._owners: Mapping[str, str] = {}
        self._parents: Mapping[str, str] = {}

    def refresh(self) -> None:
        """Ask the hub, unless it was asked just now. Raises ConcordError."""
        with self._lock:
            if time.monotonic() - self._asked < self._fresh_s:
                return
            owners = {system.name: system.entity for system in self._hub.systems()}
            self._parents = {entity.name: entity.parent for entity in self._hub.entities()}
            self._owners = owners
            # What is not registered yet is asked for until it is.
            self._asked = time.monotonic() if owners else float("-inf")

    def learn(self, caller: Caller) -> None:
        """Refresh for a caller; what was learnt before has to do while the hub does not answer.

        Raises ConcordError when nothing is known, of which a scoped caller would be shown nothing.
        """
        try:
            self.refresh()
        except ConcordError:
            if not self._owners and not caller.sees_every_entity:
                raise

    def forget(self) -> None:
        """Ask again the next time."""
        with self._lock:
            self._asked = float("-inf")

    def is_registered(self, system: str) -> bool:
        """Tell whether the hub knows the system."""
        return system in self._owners

    def entities(self, system: str) -> tuple[str, ...]:
        """Return the entities that the system's records belong to; none while that is not known."""
        owner = self._owners.get(system)
        return (owner,) if owner else ()

    def visible(self, caller: Caller, systems: Collection[str]) -> list[str]:
        """Return those of the systems that a caller may see, by name; who is scoped sees nothing unregistered."""
        if caller.sees_every_entity:
            return sorted(systems)
        return sorted(system for system in systems if self._is_under(self._owners.get(system, ""), caller.entities))

    def _is_under(self, entity: str, tops: Collection[str]) -> bool:
        seen: set[str] = set()
        while entity and entity not in seen:
            if entity in tops:
                return True
            seen.add(entity)
            entity = self._parents.get(entity, "")
        return False
