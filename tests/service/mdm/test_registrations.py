"""Registered systems and entities, as callers meet them."""

from google.protobuf import field_mask_pb2

from concord.mdm.v1 import system_pb2
from tests.support.hub import GROUP
from tests.support.masters import rid
from tests.support.served_hub import Client


def test_what_is_read_can_be_changed(steward: Client) -> None:
    read = steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system
    assert read in steward.systems.ListSystems(system_pb2.ListSystemsRequest()).systems
    assert read.HasField("update_time")
    read.trust_rank = 3
    request = system_pb2.UpdateSystemRequest(
        system=read, update_mask=field_mask_pb2.FieldMask(paths=["trust_rank"]), etag=read.etag, request_id=rid()
    )
    changed = steward.systems.UpdateSystem(request).system
    assert (changed.trust_rank, changed.revision) == (3, 2)
    assert steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system == changed
    entity = steward.systems.GetEntity(system_pb2.GetEntityRequest(name=GROUP)).entity
    assert (entity.revision, bool(entity.etag), entity.HasField("update_time")) == (1, True, True)
