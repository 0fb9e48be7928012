"""Both overlays, rendered once, and the mesh's edges."""

import pytest

from tools.manifests.edges import Edges, read_edges
from tools.manifests.manifests import Manifests
from tools.manifests.rendering import OVERLAYS, parse, render


@pytest.fixture(scope="package")
def overlays() -> dict[str, Manifests]:
    return {overlay: parse(overlay, render(overlay)) for overlay in OVERLAYS}


@pytest.fixture(scope="package")
def edges() -> Edges:
    return read_edges()
