"""The import boundaries in `pyproject.toml` catch what is planted against them."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parents[3]

NO_SERVICE_IMPORTS_ANOTHER = "No service imports another, and the mesh imports none"
ADAPTER_RUNTIME = "Only the two adapters share the adapter runtime"
LAYERS = "Within a service: __main__ > app > transport, connectors > storage > domain"
DOMAIN = "A domain speaks to no network and no database"
SHIPPED = "What is shipped needs no tool and no test"
CLIENT = "A client knows the contracts and the runtime for callers"
NO_CLIENT = "No service knows a client"
VERIFIER = "The verifier needs only cryptography"
MESH_ROOMS = "The rooms of the mesh"
STORAGE_ROOMS = "The rooms of the hub's storage"
TRANSPORT_ROOMS = "The rooms of the hub's transport"
ADAPTER_ROOMS = "The rooms of the adapters' runtime"
MATCHING_ROOMS = "The rooms of matching"
COMMAND_LINE_ROOMS = "The rooms of the command line"

SERVICES = ("mdm", "audit", "witness", "adapter", "erp_adapter", "saas_adapter")
WITH_ROOMS = ("mdm", "adapter")
LAYER_NAMES = ("__main__", "app", "transport", "connectors", "storage", "domain")
NOT_OF_A_RUNTIME = ("__main__", "connectors")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of empty modules with the repository's boundaries, and with every room that these name."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    clients = ("clients", "clients/cli", "clients/verifier")
    for package in (
        "tools",
        *clients,
        "services",
        "services/mesh",
        "services/development",
        *(f"services/{service}" for service in SERVICES),
    ):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    for service in SERVICES:
        for layer in LAYER_NAMES:
            if service != "adapter" or layer not in NOT_OF_A_RUNTIME:
                (tmp_path / "services" / service / f"{layer}.py").touch()
    for room in _rooms():
        (tmp_path / room).mkdir(parents=True, exist_ok=True)
        for folder in (room, *list(room.parents)[:-1]):
            (tmp_path / folder / "__init__.py").touch()
            (tmp_path / folder).with_suffix(".py").unlink(missing_ok=True)
    return tmp_path


def _rooms() -> list[PurePosixPath]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return [
        PurePosixPath(f"{container}.{room}".replace(".", "/"))
        for contract in contracts
        for container in contract.get("containers", [])
        for layer in contract["layers"]
        for room in re.split(r"[ |:]+", layer)
    ]


def plant(tree: Path, module: str, imported: str) -> None:
    """Have a module, or the package that stands in its place, import something."""
    file = tree / module / "__init__.py"
    (file if file.exists() else tree / f"{module}.py").write_text(f"import {imported}\n")


def broken(tree: Path) -> list[str]:
    """Return the names of the boundaries that the tree breaks, in their order."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=tree, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert "Contracts:" in done.stdout, done.stdout + done.stderr
    return [line.removesuffix(" BROKEN") for line in done.stdout.splitlines() if line.endswith(" BROKEN")]


def test_an_empty_tree_and_one_without_most_services_break_nothing(tree: Path) -> None:
    assert broken(tree) == []
    for service in {*SERVICES}.difference(WITH_ROOMS):
        shutil.rmtree(tree / "services" / service)
    assert broken(tree) == []


@pytest.mark.parametrize(
    ("module", "imported", "boundary"),
    [
        ("clients", "services.mdm.domain", CLIENT),
        ("clients", "services.mesh.postgres", CLIENT),
        ("clients", "tools", SHIPPED),
        ("services/mdm/app", "clients", NO_CLIENT),
        ("services/audit/app", "clients.verifier", NO_CLIENT),
        ("clients/verifier", "clients.cli", VERIFIER),
        ("clients/verifier", "google.protobuf", VERIFIER),
    ],
)
def test_a_planted_import_of_or_by_a_client_is_caught(tree: Path, module: str, imported: str, boundary: str) -> None:
    plant(tree, module, imported)
    assert broken(tree) == [boundary]


def test_a_client_may_use_the_runtime_for_callers(tree: Path) -> None:
    (tree / "services" / "mesh" / "calling" / "client.py").write_text("import services.mesh.telemetry\n")
    (tree / "clients" / "shown.py").write_text("import services.mesh.calling.client\n")
    assert broken(tree) == []


def test_what_the_boundaries_allow_passes(tree: Path) -> None:
    allowed = {
        "mdm/__main__": "services.mdm.app",
        "mdm/app": "services.mdm.transport, services.mdm.storage, services.mesh",
        "mdm/transport": "services.mdm.domain, grpc",
        "mdm/storage": "services.mdm.domain, sqlalchemy",
        "erp_adapter/connectors": "services.erp_adapter.domain, services.adapter.domain, httpx",
        "saas_adapter/app": "services.adapter.app",
        "adapter/storage": "services.mesh",
        "witness/domain": "clients.verifier.merkle",
    }
    (tree / "clients" / "verifier" / "merkle.py").touch()
    for module, imported in allowed.items():
        plant(tree, f"services/{module}", imported)
    assert broken(tree) == []


@pytest.mark.parametrize(
    ("module", "imported", "boundary"),
    [
        ("mdm/app", "services.development", NO_SERVICE_IMPORTS_ANOTHER),
        ("mesh", "services.development", NO_SERVICE_IMPORTS_ANOTHER),
        ("mdm/app", "services.audit.domain", NO_SERVICE_IMPORTS_ANOTHER),
        ("erp_adapter/app", "services.saas_adapter.domain", NO_SERVICE_IMPORTS_ANOTHER),
        ("adapter/app", "services.erp_adapter.domain", NO_SERVICE_IMPORTS_ANOTHER),
        ("mesh", "services.audit.domain", NO_SERVICE_IMPORTS_ANOTHER),
        ("mdm/app", "services.adapter.domain", ADAPTER_RUNTIME),
        ("adapter/app", "services.audit.domain", ADAPTER_RUNTIME),
        ("mdm/transport", "services.mdm.app", LAYERS),
        ("mdm/storage", "services.mdm.transport", LAYERS),
        ("erp_adapter/storage", "services.erp_adapter.connectors", LAYERS),
        ("audit/domain", "services.audit.storage", LAYERS),
        ("audit/domain", "grpc", DOMAIN),
        ("saas_adapter/domain", "sqlalchemy", DOMAIN),
        ("mdm/storage", "tools", SHIPPED),
        ("mesh", "tests", SHIPPED),
    ],
)
def test_a_planted_import_is_caught(tree: Path, module: str, imported: str, boundary: str) -> None:
    plant(tree, f"services/{module}", imported)
    assert boundary in broken(tree)


@pytest.mark.parametrize(
    ("room", "sibling", "boundary"),
    [
        ("services.mesh.server", "services.mesh.records", MESH_ROOMS),
        ("services.mdm.storage.writing", "services.mdm.storage.models", STORAGE_ROOMS),
        ("services.mdm.transport.writing", "services.mdm.transport.records", TRANSPORT_ROOMS),
        ("services.adapter.systems", "services.adapter.hub", ADAPTER_ROOMS),
        ("services.mdm.domain.matching.blocking", "services.mdm.domain.matching.scoring", MATCHING_ROOMS),
        ("clients.cli.files", "clients.cli.kinds", COMMAND_LINE_ROOMS),
    ],
)
def test_rooms_of_one_floor_do_not_see_each_other(tree: Path, room: str, sibling: str, boundary: str) -> None:
    plant(tree, room.replace(".", "/"), sibling)
    assert broken(tree) == [boundary]


@pytest.mark.parametrize(
    ("container", "room", "above", "boundary"),
    [
        ("services.mesh", "postgres", "server", MESH_ROOMS),
        ("services.mdm.storage", "tables", "deciding", STORAGE_ROOMS),
        ("services.mdm.transport", "calls", "records", TRANSPORT_ROOMS),
        ("services.adapter", "incoming", "outgoing", ADAPTER_ROOMS),
        ("services.mdm.domain.matching", "comparing", "learning", MATCHING_ROOMS),
        ("clients.cli", "display", "commands", COMMAND_LINE_ROOMS),
    ],
)
def test_a_room_that_imports_from_one_above_it_and_a_module_without_a_place_are_caught(
    tree: Path, container: str, room: str, above: str, boundary: str
) -> None:
    folder = container.replace(".", "/")
    plant(tree, f"{folder}/{room}", f"{container}.{above}")
    assert broken(tree) == [boundary]
    plant(tree, f"{folder}/{room}", "json")
    assert broken(tree) == []
    (tree / folder / "placeless.py").touch()
    assert broken(tree) == [boundary]
