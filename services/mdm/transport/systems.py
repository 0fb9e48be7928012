"""The system service: registers and lists systems and entities."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import system_pb2
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.registration.registrations import Registrations
from services.mdm.transport.deciding import Deciding
from services.mesh.contract.field_masks import apply_mask, resolve_mask
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.contract.validation import constraint_violated, violations
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.SystemService"
_HUB_SETS = ("name", "etag", "revision", "update_time", "retired")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)


def system_service(registrations: Registrations, deciding: Deciding) -> GrpcService:
    """Return the system service."""
    methods = _Methods(registrations, deciding)
    return GrpcService(
        SERVICE,
        {
            "CreateSystem": methods.create_system,
            "GetSystem": methods.get_system,
            "ListSystems": methods.list_systems,
            "UpdateSystem": methods.update_system,
            "CreateEntity": methods.create_entity,
            "GetEntity": methods.get_entity,
            "ListEntities": methods.list_entities,
        },
    )


class _Methods:
    def __init__(self, registrations: Registrations, deciding: Deciding) -> None:
        self._registrations = registrations
        self._deciding = deciding

    def create_system(self, request: system_pb2.CreateSystemRequest, call: Call) -> Message:
        created = self._registrations.create_system(request.system, self._deciding.decision(request, call))
        return system_pb2.CreateSystemResponse(system=created)

    def get_system(self, request: system_pb2.GetSystemRequest, call: Call) -> Message:
        return system_pb2.GetSystemResponse(
            system=named(self._registrations.systems(call.caller.entities), "system", request.name)
        )

    def list_systems(self, request: system_pb2.ListSystemsRequest, call: Call) -> Message:
        shown, token = page(self._registrations.systems(call.caller.entities), request)
        return system_pb2.ListSystemsResponse(systems=shown, next_page_token=token)

    def update_system(self, request: system_pb2.UpdateSystemRequest, call: Call) -> Message:
        paths = writable_paths(request.update_mask, request.system)
        _require_valid(request.system, ("name", *paths))

        def merge(present: system_pb2.System) -> system_pb2.System:
            apply_mask(request.system, present, paths)
            return present

        decision = self._deciding.decision(request, call)
        updated = self._registrations.update_system(request.system.name, request.etag, merge, decision)
        return system_pb2.UpdateSystemResponse(system=updated)

    def create_entity(self, request: system_pb2.CreateEntityRequest, call: Call) -> Message:
        created = self._registrations.create_entity(request.entity, self._deciding.decision(request, call))
        return system_pb2.CreateEntityResponse(entity=created)

    def get_entity(self, request: system_pb2.GetEntityRequest, call: Call) -> Message:
        return system_pb2.GetEntityResponse(
            entity=named(self._registrations.entities(call.caller.entities), "entity", request.name)
        )

    def list_entities(self, request: system_pb2.ListEntitiesRequest, call: Call) -> Message:
        shown, token = page(self._registrations.entities(call.caller.entities), request)
        return system_pb2.ListEntitiesResponse(entities=shown, next_page_token=token)


def _require_valid(said: system_pb2.System, fields: Sequence[str]) -> None:
    """Raise CONSTRAINT_VIOLATED for fields that are not as the contract says; others are not looked at."""
    found = [broken for broken in violations(said) if re.split(r"[.\[]", broken.field)[0] in fields]
    if found:
        raise constraint_violated([replace(broken, field=f"system.{broken.field}") for broken in found])


def writable_paths(mask: FieldMask, said: Message) -> tuple[str, ...]:
    """Return the paths of a registration that an update writes. Raises UNKNOWN_FIELD, FIELD_NOT_WRITABLE."""
    for path in mask.paths:
        if path in _HUB_SETS:
            raise ConcordError(
                reasons.ERROR_REASON_FIELD_NOT_WRITABLE,
                f"{path} is not yours to set",
                metadata={"field": path},
                violations=[FieldViolation(path, "is set by the hub")],
            )
    return tuple(path for path in resolve_mask(mask, said) if path not in _HUB_SETS)


def named(registered: Sequence[N], kind: str, name: str) -> N:
    """Return the registered one of a name. Raises RECORD_NOT_FOUND."""
    for one in registered:
        if one.name == name:
            return one
    raise missing(kind, name)


def page(registered: Sequence[N], request: Any) -> tuple[Sequence[N], str]:
    """Return a page of what is registered, by name, and the next page's token."""
    size = page_size(request.page_size)
    after = PageToken.decode(request.page_token, request)
    behind = [one for one in registered if after is None or one.name > after[0]]
    token = PageToken.encode((behind[size - 1].name,), request) if len(behind) > size else ""
    return behind[:size], token
