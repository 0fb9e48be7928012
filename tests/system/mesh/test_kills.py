"""A service that is killed while the mesh synchronises and started again: the same final state."""

import pytest

from tests.support.database.mesh_databases import SOURCES, MeshDatabases, settled, synchronise
from tests.support.mesh.final_state import Fact, complete, crossings, final_state
from tests.support.systems.small_catalogue import small_catalogue
from tests.support.waiting import eventually
from tools.landscape.landscape import running_landscape

ORDER = ("erp_adapter", "mdm", "audit", "saas_adapter")


def test_killing_each_service_once_while_synchronising_ends_in_the_same_state(
    tmp_path_factory: pytest.TempPathFactory, undisturbed: set[Fact]
) -> None:
    catalogue = small_catalogue()
    with running_landscape(tmp_path_factory.mktemp("disturbed"), catalogue, lambda _: None) as landscape:
        databases = MeshDatabases(landscape)
        for number, service in enumerate(ORDER, 1):
            eventually(lambda part=number: crossings(databases) >= part * 10)  # type: ignore[misc]
            landscape.mesh.kill(service)
            landscape.mesh.restart(service)
        settled(databases, is_done=lambda: complete(databases, catalogue))
        synchronise(landscape)
        settled(databases)
        assert final_state(databases) ^ undisturbed == set()
        for source in SOURCES:
            assert databases.leaves(source) == databases.changes(source)
