"""Policies as compiled from the contracts, and the clearing of what a caller may not see."""

import pytest
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import Message

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import options_pb2
from concord.mdm.v1 import ingest_pb2, party_pb2, supplier_pb2
from services.mesh.contract.governance import clear_restricted, field_policy, method_policy, restricted_paths

TAX_NUMBER = "98-7654321"


def test_a_method_policy_says_what_the_contract_says() -> None:
    policy = method_policy(audit_pb2.DESCRIPTOR.services_by_name["AuditService"].methods_by_name["GetLeaf"])
    assert policy is not None
    assert policy.full_name == "/concord.audit.v1.AuditService/GetLeaf"
    assert policy.permission == "audit.leaves.read"
    assert policy.layer == options_pb2.LAYER_PROCESS
    assert policy.latency_objective.total_seconds() == 0.05
    assert policy.restricted_permission == "audit.restricted.read"


def test_a_method_without_a_policy_has_none() -> None:
    service = _unannotated().services_by_name["Bare"]
    assert method_policy(service.methods_by_name["Do"]) is None


def test_a_field_inherits_everything_but_its_class() -> None:
    field = audit_pb2.Leaf.DESCRIPTOR.fields_by_name["source_service"]
    policy = field_policy(field)
    assert policy.classification == options_pb2.CLASSIFICATION_INTERNAL
    assert policy.retention == options_pb2.RETENTION_EVIDENCE
    assert policy.boundaries == {options_pb2.BOUNDARY_INTERNAL}


def test_the_restricted_paths_of_a_supplier_are_those_of_tax_and_bank() -> None:
    last = {path[-1] for path in restricted_paths(supplier_pb2.Supplier.DESCRIPTOR)}
    assert {"account_holder", "account_number", "routing_number"} <= last


def test_clearing_removes_restricted_values_in_repeated_fields_and_leaves_the_rest() -> None:
    supplier = _supplier()
    clear_restricted(supplier)
    assert TAX_NUMBER not in str(supplier)
    assert supplier.legal_name == "Northwind Medical"
    assert supplier.bank_accounts[0].code == "main"
    assert supplier.bank_accounts[0].account_number == ""


def test_clearing_reaches_into_packed_messages_of_a_response() -> None:
    packed = any_pb2.Any()
    packed.Pack(_supplier())
    submission = ingest_pb2.GetSourceRecordResponse()
    submission.source_record.content.CopyFrom(packed)
    clear_restricted(submission)
    assert TAX_NUMBER.encode() not in submission.SerializeToString()
    content = supplier_pb2.Supplier()
    assert submission.source_record.content.Unpack(content)
    assert content.legal_name == "Northwind Medical"


@pytest.mark.parametrize(
    "type_url", ["type.googleapis.com/acme.Unknown", "type.googleapis.com/google.protobuf.Duration"]
)
def test_a_packed_message_that_no_contract_governs_is_emptied(type_url: str) -> None:
    submission = ingest_pb2.GetSourceRecordResponse()
    submission.source_record.content.CopyFrom(any_pb2.Any(type_url=type_url, value=b"\x08\x01"))
    clear_restricted(submission)
    assert not submission.source_record.content.value


def test_unknown_fields_do_not_slip_through() -> None:
    leaf = audit_pb2.Leaf.FromString(audit_pb2.Leaf(record="suppliers/1").SerializeToString() + b"\xfa\x7f\x06secret")
    clear_restricted(leaf)
    assert b"secret" not in leaf.SerializeToString()


def test_a_field_without_a_class_is_dropped() -> None:
    half = message_factory.GetMessageClass(_unannotated().message_types_by_name["Half"])
    message: Message = half(open="shown", forgotten="hidden")
    clear_restricted(message)
    assert message == half(open="shown")


def _supplier() -> supplier_pb2.Supplier:
    return supplier_pb2.Supplier(
        legal_name="Northwind Medical",
        tax_ids=[party_pb2.TaxId(scheme="us-ein", value=TAX_NUMBER)],
        bank_accounts=[party_pb2.BankAccount(code="main", account_number=TAX_NUMBER)],
    )


def _unannotated() -> FileDescriptor:
    """Return a file whose service has no policy and one of whose fields has no class."""
    name = "tests/unannotated.proto"
    try:
        return descriptor_pool.Default().FindFileByName(name)
    except KeyError:
        file = descriptor_pb2.FileDescriptorProto(name=name, package="tests.unannotated", syntax="proto3")
    half = file.message_type.add(name="Half")
    half.options.Extensions[options_pb2.message].treatment = options_pb2.TREATMENT_SHOW
    shown = half.field.add(name="open", number=1, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1)
    shown.options.Extensions[options_pb2.field].classification = options_pb2.CLASSIFICATION_PUBLIC
    half.field.add(name="forgotten", number=2, type=descriptor_pb2.FieldDescriptorProto.TYPE_STRING, label=1)
    service = file.service.add(name="Bare")
    service.method.add(name="Do", input_type=".tests.unannotated.Half", output_type=".tests.unannotated.Half")
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
    return descriptor_pool.Default().FindFileByName(name)
