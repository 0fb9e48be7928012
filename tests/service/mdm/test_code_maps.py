"""Code lists and code maps, as callers meet them."""

import uuid

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, item_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from tests.support.hub import statement
from tests.support.served_hub import Client, ServedHub, refused

UNITS = {"EA": "each", "BX": "box", "CS": "case"}


def rid() -> str:
    return str(uuid.uuid4())


def code_list(steward: Client, name: str = "units", **codes: str) -> pb.CodeList:
    said = pb.CodeList(name=f"codeLists/{name}", display_name=name)
    said.values.extend(pb.CodeValue(code=code, display_name=text) for code, text in (codes or UNITS).items())
    return steward.reference_data.CreateCodeList(pb.CreateCodeListRequest(code_list=said, request_id=rid())).code_list


def saying(system: str, entries: dict[str, str], name: str = "units") -> pb.CodeMap:
    said = pb.CodeMap(system=system, code_list=f"codeLists/{name}")
    said.entries.extend(pb.CodeMapEntry(source_code=one, canonical_code=other) for one, other in entries.items())
    return said


def create_map(
    steward: Client, system: str, entries: dict[str, str], name: str = "units", *, dry: bool = False
) -> pb.CreateCodeMapResponse:
    request = pb.CreateCodeMapRequest(code_map=saying(system, entries, name), request_id=rid(), validate_only=dry)
    return steward.reference_data.CreateCodeMap(request)


def update_map(
    steward: Client, code_map: pb.CodeMap, entries: dict[str, str], *, dry: bool = False
) -> pb.UpdateCodeMapResponse:
    said = saying(code_map.system, entries)
    said.name = code_map.name
    request = pb.UpdateCodeMapRequest(
        code_map=said,
        update_mask=FieldMask(paths=["entries"]),
        etag=code_map.etag,
        request_id=rid(),
        validate_only=dry,
    )
    return steward.reference_data.UpdateCodeMap(request)


def work_off(mesh: ServedHub) -> None:
    while mesh.hub.parts.recoding.step():
        pass


def item(mesh: ServedHub, system: str, key: str, unit: str) -> str:
    """Let a system say an item in a unit; return the golden record's name."""
    content = item_pb2.Item(display_name=key, base_unit=unit)
    (applied,) = mesh.hub.submit(statement(system, key, content))
    return applied.golden


def golden(steward: Client, name: str) -> item_pb2.Item:
    return steward.items.GetItem(item_pb2.GetItemRequest(name=name)).item


def test_a_map_of_a_system_enters_what_it_says_from_then_on(mesh: ServedHub, steward: Client) -> None:
    code_list(steward)
    before = item(mesh, "systems/erp", "1", "CA")
    other = item(mesh, "systems/legacy", "1", "CA")
    create_map(steward, "systems/erp", {"CA": "CS"})
    after = item(mesh, "systems/erp", "2", "CA")
    assert golden(steward, after).base_unit == "CS"
    assert golden(steward, before).base_unit == "CA"
    work_off(mesh)
    assert golden(steward, before).base_unit == "CS"
    assert golden(steward, other).base_unit == "CA"
