"""Looking into the databases of a running mesh, as the superuser of their server."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, LiteralString

import psycopg

from concord.adapter.v1.adapter_pb2 import SyncSystemRequest
from concord.audit.v1.audit_pb2 import Leaf
from tests.support.waiting import eventually
from tools.landscape.callers import OPERATOR
from tools.landscape.landscape import Landscape
from tools.landscape.registrations import ERP, WORKFORCE
from tools.landscape.settling import is_at_rest

SOURCES = ("mdm", "erp_adapter", "saas_adapter")
"""The services whose changes leave evidence."""

_SETTLED_S = 180.0


class MeshDatabases:
    """Asks the databases of a landscape's services."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape
        self._postgres = landscape.postgres

    def rows(self, database: str, statement: LiteralString, *arguments: str) -> list[tuple[Any, ...]]:
        """Return what a query gives; `arguments` fill its placeholders."""
        with psycopg.connect(self._postgres.url(database)) as connection:
            return connection.execute(statement, arguments or None).fetchall()

    def changes(self, source: str) -> dict[tuple[str, int], bytes]:
        """Return the leaf of every change row of a service."""
        return {
            (row[0], row[1]): bytes(row[2]) for row in self.rows(source, "SELECT record, revision, leaf FROM changes")
        }

    def leaves(self, source: str) -> dict[tuple[str, int], bytes]:
        """Return every leaf that the audit holds of a service."""
        found = {}
        for (leaf_bytes,) in self.rows("audit", "SELECT leaf FROM leaves"):
            leaf = Leaf.FromString(bytes(leaf_bytes))
            if leaf.source_service == source:
                found[leaf.record, leaf.revision] = bytes(leaf_bytes)
        return found

    def links(self) -> set[frozenset[tuple[str, str]]]:
        """Return the partition of all keys into golden records."""
        by_golden: dict[str, set[tuple[str, str]]] = {}
        for system, key, golden in self.rows("mdm", "SELECT system, key, golden FROM crosswalk"):
            by_golden.setdefault(golden, set()).add((system, key))
        return {frozenset(keys) for keys in by_golden.values()}

    def heads(self, source: str = "mdm") -> dict[str, int]:
        """Return the newest revision of every record of a service."""
        return dict(self.rows(source, "SELECT record, revision FROM records"))

    def at_rest(self) -> bool:
        """Tell whether every change has its receipt and every golden change is delivered."""
        return is_at_rest(self._landscape)


def settled(databases: MeshDatabases, *, is_done: Callable[[], bool] = lambda: True) -> None:
    """Wait until everything is published and delivered, and all records stay as they are for a while."""
    last: list[list[dict[str, int]]] = []

    def quiet() -> bool:
        heads = [databases.heads(source) for source in SOURCES]
        last.append(heads)
        return is_done() and len(last) > 20 and last[-20] == heads and databases.at_rest()

    eventually(quiet, timeout_s=_SETTLED_S)


def synchronise(landscape: Landscape, times: int = 1) -> None:
    """Synchronise both systems so many times, as an operator does: the two at once."""
    adapters = {
        system: landscape.callers.adapter(service, OPERATOR)
        for service, system in (("erp_adapter", ERP), ("saas_adapter", WORKFORCE))
    }

    def again(system: str) -> None:
        for _ in range(times):
            adapters[system].SyncSystem(SyncSystemRequest(system=system))

    with ThreadPoolExecutor() as threads:
        list(threads.map(again, adapters))
