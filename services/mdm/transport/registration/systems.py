"""The system service: registers and lists systems and entities."""

from google.protobuf.message import Message

from concord.mdm.v1 import system_pb2
from services.mdm.storage.registration.registrations import Registrations
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.registration.registered import merging, named, page
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.SystemService"


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
        merge = merging("system", request.system, request.update_mask)
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
