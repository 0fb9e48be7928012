"""Records by their names, wherever they are kept: as they are now, and each of their revisions."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from clients.cli import contracts, kinds
from clients.cli.connection.mesh import Mesh
from clients.cli.kinds import Kind
from clients.cli.mistake import Mistake


def fetch(mesh: Mesh, name: str, **asked: Any) -> Any:
    """Return the record of a name, wherever it is kept. Raises Mistake, RefusedError."""
    kind = kinds.of_name(name)
    method = kind.method("Get")
    adapter = "" if kind.is_in_hub or not kind.pattern.startswith("^systems/") else mesh.adapter_of(_system(name))
    return getattr(mesh.ask(method, request_for(kind, method, {"name": name, **asked}), adapter), kind.field.name)


def revisions(mesh: Mesh, name: str, limit: int | None = None) -> Iterator[Any]:
    """Yield the revisions of a record, newest first."""
    method = kinds.of_name(name).method("Revisions")
    return mesh.every(method, contracts.request_of(method, name=name), limit)


def newest(mesh: Mesh, name: str) -> Any:
    """Return the newest revision of a record, also of a deleted one."""
    return next(revisions(mesh, name, 1))


def numbered(mesh: Mesh, name: str, revision: int) -> Any:
    """Return one revision of a record. Raises Mistake when there is none of this number."""
    newest = 0
    for one in revisions(mesh, name):
        newest = max(newest, one.revision)
        if one.revision == revision:
            return one
    raise Mistake(f"{name} has no revision {revision}", f"the newest is {newest}: concord history {name}")


def look_up(mesh: Mesh, type_name: str, **asked: Any) -> Any:
    """Return the record of a type that a key of a system belongs to. Raises Mistake, RefusedError."""
    kind = kinds.named(type_name, kinds.masters())
    method = kind.method("Lookup")
    return getattr(mesh.ask(method, request_for(kind, method, asked)), kind.field.name)


def request_for(kind: Kind, method: MethodDescriptor, asked: dict[str, Any]) -> Message:
    """Make a request of what was asked for. Raises Mistake for what the type does not offer."""
    for field, value in asked.items():
        if value and not contracts.has_field(method, field):
            option = f"--{field.replace('_', '-')}"
            raise Mistake(f"{option} is not offered for {kind.nouns}", "leave it out")
    return contracts.request_of(method, **asked)


def _system(name: str) -> str:
    return "/".join(name.split("/")[:2])
