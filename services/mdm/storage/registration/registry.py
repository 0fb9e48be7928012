"""What is registered: systems, entities, ledgers, models, rules and code maps, as one picture, cheap to ask for."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from sqlalchemy import Connection

from concord.mdm.v1 import ledger_pb2, reference_data_pb2, survivorship_pb2, system_pb2
from services.mdm.domain import stewarding
from services.mdm.domain.codes.code_map import CodeMaps, by_system
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.survivorship.golden import Trust
from services.mdm.domain.survivorship.ranking import DEFAULT, Rules, rules_of
from services.mdm.storage.deciding.etag import etag_of
from services.mesh.postgres.database import driver
from services.mesh.records.store import RecordStore, Revision, State

Registered = TypeVar(
    "Registered",
    system_pb2.System,
    system_pb2.Entity,
    ledger_pb2.Ledger,
    reference_data_pb2.CodeList,
    reference_data_pb2.CodeMap,
)

Models = Callable[[Connection], Mapping[str, MatchModel]]
"""Gives the match models in force, by record type."""

HUB = stewarding.HUB
"""The stewards' system; registered as data like every other."""

CODE_MAP = "code_map"
"""What code maps are called in the feed and in the evidence."""

RULES = "survivorship_rules"
"""What survivorship rules are called in the feed and in the evidence."""

_REGISTERED = """
FROM records WHERE record_type IN ('system', 'entity', 'ledger', 'match_model', 'code_map', 'survivorship_rules')
"""
_STAMP = f"SELECT count(*), coalesce(sum(revision), 0) {_REGISTERED}"
_NAMES = f"SELECT record {_REGISTERED} AND record_type <> 'match_model'"


@dataclass(frozen=True)
class Landscape:
    """All that is registered, as of one moment."""

    systems: Mapping[str, system_pb2.System] = field(default_factory=dict)
    entities: Mapping[str, system_pb2.Entity] = field(default_factory=dict)
    ledgers: Mapping[str, ledger_pb2.Ledger] = field(default_factory=dict)
    models: Mapping[str, MatchModel] = field(default_factory=dict)
    """The match models in force, by record type; types without one are linked by identifiers alone."""
    code_maps: Mapping[str, CodeMaps] = field(default_factory=dict)
    """Code maps by system."""
    rules: Mapping[str, Rules] = field(default_factory=dict)
    """Registered survivorship rules by record type."""

    def rules_of(self, record_type: str) -> Rules:
        """Return the rules by which records of a type survive."""
        return self.rules.get(record_type, DEFAULT)

    def trust(self) -> Mapping[str, Trust]:
        """Return each system's trust rank, with the revision of the registration that says so."""
        return self._trust

    @cached_property
    def _trust(self) -> Mapping[str, Trust]:
        return {
            name: Trust(rank=system.trust_rank, revision=f"{name}@{system.revision}")
            for name, system in self.systems.items()
        }

    def within(self, scope: tuple[str, ...]) -> frozenset[str] | None:
        """Return the entities in `scope` with all their descendants; None when the scope is every entity (`*`)."""
        if "*" in scope:
            return None
        return frozenset(name for name in self.entities if any(self._is_under(name, top) for top in scope))

    def _is_under(self, entity: str, top: str) -> bool:
        seen: set[str] = set()
        while entity and entity not in seen:
            if entity == top:
                return True
            seen.add(entity)
            entity = self.entities[entity].parent if entity in self.entities else ""
        return False


class Registry:
    """Reads the landscape and keeps it until a registration changes; safe in threads."""

    def __init__(self, store: RecordStore, models: Models) -> None:
        self._store = store
        self._models = models
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._landscape = Landscape()

    @property
    def latest(self) -> Landscape:
        """The landscape that was read last, which costs nothing and may have changed since."""
        with self._lock:
            return self._landscape

    def read(self, connection: Connection) -> Landscape:
        """Return the landscape that `connection`'s transaction sees."""
        stamp = driver(connection).execute(_STAMP, prepare=True).fetchone()
        with self._lock:
            if stamp == self._stamp:
                return self._landscape
        landscape = self._load(connection)
        with self._lock:
            self._stamp, self._landscape = stamp, landscape
        return landscape

    def _load(self, connection: Connection) -> Landscape:
        names = [name for (name,) in driver(connection).execute(_NAMES)]
        systems: dict[str, system_pb2.System] = {}
        entities: dict[str, system_pb2.Entity] = {}
        ledgers: dict[str, ledger_pb2.Ledger] = {}
        rules: dict[str, Rules] = {}
        code_maps: list[reference_data_pb2.CodeMap] = []
        for name, revision in self._store.read(connection, names).items():
            if revision.state is State.DELETED:
                continue
            if revision.record_type == CODE_MAP:
                code_maps.append(present_registered(self._store, revision, reference_data_pb2.CodeMap))
            elif revision.record_type == RULES:
                kept = self._store.content(revision, survivorship_pb2.SurvivorshipRules)
                rules[name.rpartition("/")[2]] = rules_of(kept.groups, f"{name}@{revision.revision}")
            elif revision.record_type == "system":
                systems[name] = present_registered(self._store, revision, system_pb2.System)
            elif revision.record_type == "entity":
                entities[name] = present_registered(self._store, revision, system_pb2.Entity)
            else:
                ledgers[name] = present_registered(self._store, revision, ledger_pb2.Ledger)
        return Landscape(systems, entities, ledgers, self._models(connection), by_system(code_maps), rules)


def present_registered(store: RecordStore, revision: Revision, kind: type[Registered]) -> Registered:
    """Return a registration as its message, with what the hub keeps about it."""
    message = store.content(revision, kind)
    message.etag = etag_of(revision.record, revision.revision)
    message.revision = revision.revision
    message.update_time.FromDatetime(revision.created_at)
    if isinstance(message, reference_data_pb2.CodeList | reference_data_pb2.CodeMap):
        message.retired = revision.state is State.DELETED
    return message
