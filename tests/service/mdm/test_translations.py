"""Golden records in one system's codes, as who writes to the system gets them."""

import pytest
from google.protobuf.any_pb2 import Any as Packed

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import item_pb2, system_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from concord.mdm.v1 import translation_pb2 as translation_pb
from tests.support.hub.codes import create_list, listed, put_map, say_item, work_off
from tests.support.hub.served import Client, ServedHub, refused

ERP, LEGACY = "systems/erp", "systems/legacy"
Untranslated = translation_pb.UntranslatedValue


@pytest.fixture(autouse=True)
def units(steward: Client) -> pb.CodeList:
    return create_list(steward, listed())


@pytest.fixture
def controller(mesh: ServedHub) -> Client:
    """The second person."""
    return mesh.client(subject="controller")


def golden(client: Client, name: str) -> item_pb2.Item:
    return client.items.GetItem(item_pb2.GetItemRequest(name=name)).item


def asked(system: str, content: item_pb2.Item) -> translation_pb.TranslateRecordRequest:
    request = translation_pb.TranslateRecordRequest(system=system)
    request.content.Pack(content)
    return request


def translate(client: Client, system: str, name: str) -> tuple[item_pb2.Item, list[translation_pb.UntranslatedValue]]:
    answer = client.translations.TranslateRecord(asked(system, golden(client, name)))
    said = item_pb2.Item()
    answer.content.Unpack(said)
    return said, list(answer.untranslated_values)


def test_a_golden_record_is_said_in_the_codes_of_each_system_by_its_map_of_now(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, LEGACY, {"CA": "CS"})
    name = say_item(mesh.hub, LEGACY, "1", "CA")
    present = golden(steward, name)
    assert present.base_unit == "CS"
    assert translate(steward, ERP, name) == (present, [])
    put_map(steward, controller, ERP, {"KT": "CS"})
    said, left_out = translate(steward, ERP, name)
    assert (said.base_unit, said.name, said.revision, left_out) == ("KT", name, present.revision, [])
    assert translate(steward, LEGACY, name)[0].base_unit == "CA"
    put_map(steward, controller, ERP, {"KT": "CS", "PK": "CS"})
    said, (value,) = translate(steward, ERP, name)
    assert said.base_unit == ""
    assert (value.path, value.field, value.code) == ("packs", "base_unit", "CS")
    assert (value.code_list, value.cause) == ("codeLists/units", Untranslated.CAUSE_AMBIGUOUS)
    put_map(steward, controller, ERP, {"KT": "CS", "PK": "CS"}, preferred=["PK"])
    assert translate(steward, ERP, name)[0].base_unit == "PK"
    put_map(steward, controller, ERP, {"KT": "EA"})
    assert translate(steward, ERP, name)[1][0].cause == Untranslated.CAUSE_MISSING


def test_a_code_that_is_not_canonical_goes_back_to_its_own_system_alone(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"KT": "CS"})
    put_map(steward, controller, LEGACY, {"KT": "CS"})
    name = say_item(mesh.hub, LEGACY, "1", "CS")
    work_off(mesh.hub)
    assert golden(steward, name).base_unit == "CS"
    said, (value,) = translate(steward, ERP, name)
    assert (said.base_unit, value.cause) == ("", Untranslated.CAUSE_UNMAPPED)
    assert translate(steward, LEGACY, name)[0].base_unit == "CS"


def test_what_cannot_be_translated_at_all_is_refused_with_its_reason(mesh: ServedHub, steward: Client) -> None:
    name = say_item(mesh.hub, ERP, "1", "CA")
    present = golden(steward, name)
    south = mesh.client(entities=["entities/south"])
    elsewhere, later, broken = asked(ERP, present), asked(ERP, present), asked(ERP, present)
    elsewhere.content.Pack(system_pb2.System(name=ERP))
    later.content.Pack(item_pb2.Item(name=name, revision=present.revision + 1))
    broken.content.CopyFrom(Packed(type_url=broken.content.type_url, value=b"\xff"))
    for client, request, reason in (
        (steward, asked("systems/none", present), reasons.ERROR_REASON_SYSTEM_UNKNOWN),
        (south, asked(ERP, present), reasons.ERROR_REASON_SYSTEM_UNKNOWN),
        (south, asked("systems/workforce", present), reasons.ERROR_REASON_RECORD_NOT_FOUND),
        (steward, elsewhere, reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE),
        (steward, later, reasons.ERROR_REASON_RECORD_NOT_FOUND),
        (steward, broken, reasons.ERROR_REASON_MALFORMED_MESSAGE),
    ):
        assert refused(lambda c=client, r=request: c.translations.TranslateRecord(r)).reason == reason  # type: ignore[misc]
