"""One mesh with its real neighbours, which has taken in everything that its systems say."""

from collections.abc import Iterator

import pytest

from tests.support.database.mesh_databases import MeshDatabases, settled, synchronise
from tests.support.mesh.final_state import Fact, complete, final_state
from tests.support.systems.small_catalogue import small_catalogue
from tools.landscape.callers import STEWARD, Hub
from tools.landscape.landscape import Landscape, running_landscape


@pytest.fixture(scope="package")
def landscape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Landscape]:
    """A mesh that has taken in everything its systems say."""
    with running_landscape(tmp_path_factory.mktemp("landscape"), small_catalogue(), lambda _: None) as running:
        yield running


@pytest.fixture(scope="package")
def databases(landscape: Landscape) -> MeshDatabases:
    """The databases of the landscape's services, when everything has been taken in and delivered."""
    asked = MeshDatabases(landscape)
    settled(asked, is_done=lambda: complete(asked, landscape.catalogue))
    synchronise(landscape)
    settled(asked)
    return asked


@pytest.fixture(scope="package")
def undisturbed(databases: MeshDatabases) -> set[Fact]:
    """What the mesh knows before anybody changed anything."""
    return final_state(databases)


@pytest.fixture(scope="package", autouse=True)
def _state_is_kept_first(undisturbed: set[Fact]) -> None:
    """Keep the state before the first test changes something."""


@pytest.fixture(scope="package")
def hub(landscape: Landscape) -> Hub:
    """The hub, as a steward calls it."""
    return landscape.callers.hub(STEWARD)
