"""How tests run here: files that share servers in one worker, and a busy machine is no failure.

Every run draws other examples of properties, so that a few each time come to many; `--hypothesis-profile=thorough`
draws many at once.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.sharing import SharedServers, turn

settings.register_profile("often", max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", settings.get_profile("often"), max_examples=1000)
settings.load_profile("often")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what takes longest begin first; `--no-loadscope-reorder` leaves it so."""
    items.sort(key=lambda item: turn(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SharedServers | None:
    """Replace `--dist loadfile`, and nothing else that is asked for."""
    return SharedServers(config, log) if config.getvalue("dist") == "loadfile" else None
