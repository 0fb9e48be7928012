"""Registered systems and entities, as callers meet them."""

from google.protobuf import field_mask_pb2

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import system_pb2
from tests.support.hub import GROUP
from tests.support.masters import rid
from tests.support.served_hub import Client, refused


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


def test_an_update_is_about_what_its_mask_names_and_nothing_else(steward: Client) -> None:
    before = steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system

    def updated(etag: str, *paths: str, **said: object) -> system_pb2.System:
        system = system_pb2.System(**{"name": "systems/erp", **said})  # type: ignore[arg-type] # fields of a system
        mask = field_mask_pb2.FieldMask(paths=paths)
        request = system_pb2.UpdateSystemRequest(system=system, update_mask=mask, etag=etag, request_id=rid())
        return steward.systems.UpdateSystem(request).system

    masked = updated(before.etag, "trust_rank", trust_rank=7, display_name="not meant", authored_attributes=["?"])
    assert (masked.trust_rank, masked.display_name) == (7, before.display_name)
    populated = updated(masked.etag, display_name="The ERP")
    assert (populated.trust_rank, populated.display_name, populated.kind) == (7, "The ERP", before.kind)
    wrong: list[tuple[tuple[str, ...], dict[str, object], list[str]]] = [
        (("trust_rank",), {}, ["system.trust_rank"]),
        (("kind", "authored_attributes"), {"authored_attributes": ["?"]}, ["authored_attributes[0]", "kind"]),
        ((), {"name": "nonsense", "trust_rank": 1}, ["system.name"]),
        (("*",), {}, ["display_name", "entity", "kind", "trust_rank"]),
    ]
    for paths, said, fields in wrong:
        error = refused(lambda paths=paths, said=said: updated(populated.etag, *paths, **said))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
        broken = sorted(violation.field for violation in error.violations)
        assert broken == [f"system.{field.removeprefix('system.')}" for field in fields]
