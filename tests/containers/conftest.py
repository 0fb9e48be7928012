import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from tests.containers import podman
from tests.containers.mesh import ContainerMesh, running
from tests.containers.steward import Steward
from tests.support.hub.served import Client
from tools.image import building, debian
from tools.image.engine import Engine, ImageError

NAMING = building.Naming("localhost", "containers-test")

_reasons: list[str] = []


@pytest.fixture(scope="session")
def base() -> str:
    """A base image that podman runs here; CONCORD_TEST_BASE names another one than our own."""
    engine, name = Engine("podman"), os.environ.get("CONCORD_TEST_BASE", debian.NAME)
    try:
        if podman.is_installed() and name == debian.NAME and engine.size(name) is None:
            debian.build(engine)
    except ImageError as error:
        _does_not_run(f"{name}: {error}")
    if reason := podman.why_not(name):
        _does_not_run(reason)
    return name


@pytest.fixture(scope="session")
def mesh(base: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ContainerMesh]:
    building.build(Engine("podman"), base, NAMING, building.Origin.here())
    directory: Path = tmp_path_factory.mktemp("containers") / "mesh"
    with running(directory, NAMING.image("concord"), NAMING.image("concord-postgres")) as started:
        yield started


@pytest.fixture(scope="session")
def steward(mesh: ContainerMesh) -> Iterator[Steward]:
    with mesh.channel("mdm") as hub, mesh.channel("audit") as audit:
        steward = Steward(Client(hub), AuditServiceStub(audit), audit)
        steward.registers_systems()
        yield steward


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say loudly what was not tested."""
    for reason in _reasons:
        terminalreporter.section("NO CONTAINER RAN: THE IMAGES AND THE OVERLAY ARE UNTESTED HERE", sep="!")
        terminalreporter.write_line(reason)


def _does_not_run(reason: str) -> None:
    if reason not in _reasons:
        _reasons.append(reason)
    pytest.skip(reason)
