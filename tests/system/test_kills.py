"""A service that is killed while the mesh synchronises and started again: the same final state."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.mesh_databases import SOURCES, MeshDatabases, settled
from tests.support.small_catalogue import small_catalogue
from tests.support.waiting import eventually
from tools.landscape.landscape import Landscape, running_landscape

ORDER = ("erp_adapter", "mdm", "audit", "saas_adapter")

State = dict[frozenset[tuple[str, str]], tuple[Any, ...]]


@contextmanager
def synchronising(directory: Any) -> Iterator[tuple[Landscape, MeshDatabases]]:
    with running_landscape(directory, small_catalogue(), lambda _: None) as landscape:
        yield landscape, MeshDatabases(landscape)


def final_state(databases: MeshDatabases) -> State:
    """What the mesh knows in the end: by the keys of each golden record, where its values are found."""
    keys: dict[str, set[tuple[str, str]]] = {}
    for system, key, golden in databases.rows("mdm", "SELECT system, key, golden FROM crosswalk WHERE live"):
        keys.setdefault(golden, set()).add((system, _stable(key)))
    values: dict[str, list[tuple[str, str]]] = {}
    now = "SELECT record, path, value FROM record_index WHERE to_revision IS NULL AND value NOT LIKE 't1:%'"
    for record, path, value in databases.rows("mdm", now):
        values.setdefault(record, []).append((path, value))
    return {frozenset(held): tuple(sorted(values.get(golden, []))) for golden, held in keys.items()}


def _stable(key: str) -> str:
    """The workforce service draws its ids at random: compare its keys by kind only."""
    return key if key.count("/") == 1 and key.rpartition("/")[2].isdigit() else key.partition("/")[0]


def test_killing_each_service_once_while_synchronising_ends_in_the_same_state(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with synchronising(tmp_path_factory.mktemp("undisturbed")) as (_, databases):
        settled(databases, is_done=lambda: _complete(databases))
        expected = final_state(databases)
    with synchronising(tmp_path_factory.mktemp("disturbed")) as (landscape, databases):
        for number, service in enumerate(ORDER, 1):
            eventually(lambda part=number: _crossings(databases) >= part * 10, timeout_s=60)  # type: ignore[misc]
            landscape.mesh.kill(service)
            landscape.mesh.restart(service)
        settled(databases, is_done=lambda: _complete(databases))
        assert final_state(databases) == expected
        for source in SOURCES:
            assert databases.leaves(source) == databases.changes(source)


def _crossings(databases: MeshDatabases) -> int:
    return int(databases.rows("mdm", "SELECT count(*) FROM crosswalk")[0][0])


def _complete(databases: MeshDatabases) -> bool:
    catalogue = small_catalogue()
    from_erp = len(catalogue.suppliers) + len(catalogue.items) + len(catalogue.cost_centers)
    return _crossings(databases) >= from_erp + len(catalogue.workforce_cost_centers)
