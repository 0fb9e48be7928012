from dataclasses import replace

import pytest
from google.protobuf.any_pb2 import Any as PackedMessage

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain import registry
from services.mdm.domain.record_type import METADATA, Group, RecordType, keyed, single
from services.mdm.domain.sensitivity import is_restricted
from services.mdm.domain.types.supplier import SUPPLIER


def test_every_field_of_every_master_is_metadata_or_in_one_group() -> None:
    for record_type in registry.RECORD_TYPES:
        grouped = [field for group in record_type.groups for field in group.fields]
        outside = METADATA | {record_type.slice_field}
        assert sorted(grouped) == sorted(set(record_type.descriptor.fields_by_name) - outside)


@pytest.mark.parametrize(
    "groups",
    [
        SUPPLIER.groups[1:],
        (*SUPPLIER.groups, Group("again", ("legal_name",))),
        (*SUPPLIER.groups, *single("no_such_field")),
        (*SUPPLIER.groups, *single("etag")),
        tuple(keyed("sites", "no_such_key") if group.name == "sites" else group for group in SUPPLIER.groups),
        tuple(keyed("sites") if group.name == "sites" else group for group in SUPPLIER.groups),
    ],
)
def test_a_declaration_that_does_not_fit_its_message_is_refused(groups: tuple[Group, ...]) -> None:
    with pytest.raises(ValueError, match=r"concord\.mdm\.v1\.Supplier"):
        replace(SUPPLIER, groups=groups)


def test_an_index_path_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no field"):
        replace(SUPPLIER, filterable=("sites.colour",))


@pytest.mark.parametrize("record_type", registry.RECORD_TYPES)
def test_no_element_key_is_restricted_so_that_no_path_tells_a_secret(record_type: RecordType) -> None:
    for descriptor, groups in (
        (record_type.descriptor, record_type.groups),
        *(((record_type.slice_descriptor, record_type.slice_groups),) if record_type.slice_field else ()),
    ):
        for group in groups:
            element = descriptor.fields_by_name[group.name].message_type if group.keyed else None
            if element is not None:
                assert not any(is_restricted(element.fields_by_name[key]) for key in group.element_key)


def test_a_type_is_found_by_name_collection_and_type_url() -> None:
    for record_type in registry.RECORD_TYPES:
        assert registry.by_name(record_type.name) is record_type
        assert registry.by_collection(record_type.collection) is record_type
        assert registry.by_type_url(record_type.type_url) is record_type
        assert registry.by_type_url(record_type.descriptor.full_name) is record_type
    assert registry.by_name("") is registry.by_collection("nothing") is registry.by_type_url("x/y") is None


@pytest.mark.parametrize(
    ("name", "owned"),
    [("suppliers/1", True), ("items/1", False), ("suppliers/", False), ("suppliers", False), ("suppliers/1/x", False)],
)
def test_a_type_owns_the_names_of_its_collection(name: str, owned: bool) -> None:  # noqa: FBT001
    assert SUPPLIER.owns(name) is owned


def test_names_follow_the_pattern() -> None:
    assert SUPPLIER.name_of("1") == "suppliers/1"
    assert SUPPLIER.pattern == "suppliers/{supplier}"


@pytest.mark.parametrize(
    "packed",
    [
        PackedMessage(),
        PackedMessage(type_url="type.googleapis.com/concord.mdm.v1.Item"),
        PackedMessage(type_url=SUPPLIER.type_url, value=b"\xff\xff\xff"),
    ],
)
def test_another_types_or_broken_bytes_are_refused(packed: PackedMessage) -> None:
    with pytest.raises(ValueError, match=r"concord\.mdm\.v1\.Supplier"):
        SUPPLIER.unpack(packed)


def test_what_was_packed_comes_out() -> None:
    content = supplier_pb2.Supplier(legal_name="Acme")
    assert SUPPLIER.unpack(SUPPLIER.pack(content)) == content
