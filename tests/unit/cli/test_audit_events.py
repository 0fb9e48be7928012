"""Evidence as other people's tools read it: valid FHIR R4B AuditEvents, OCSF events with all that is required."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from clients.cli.display.fhir_event import audit_event
from clients.cli.display.ocsf_event import api_activity
from concord.audit.v1.audit_pb2 import Leaf, LeafEntry, Operation
from services.audit.domain.leaf import leaf_hash
from tests.support.audit.acts import ACTS, CONFIDENTIAL, RESTRICTED, act_bytes, disclosure
from tests.support.audit.leaves import BEGINNING, leaf_bytes

GET = "/concord.mdm.v1.SupplierService/GetSupplier"
SAID: dict[str, Any] = {
    "client": "console", "client_address": "192.0.2.7", "request_id": "3f0c", "purpose": "payment",
    "reason": "letter of 3 March", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "approval": "approvals/1", "method": GET,
}  # fmt: skip
CHANGES = (
    "OPERATION_CREATE",
    "OPERATION_UPDATE",
    "OPERATION_DELETE",
    "OPERATION_UNDELETE",
    "OPERATION_RELINK",
    "OPERATION_MERGE",
)


def entry(data: bytes, leaf_index: int = 0) -> LeafEntry:
    told = LeafEntry(name=f"leaves/{leaf_index}", leaf=Leaf.FromString(data), leaf_bytes=data)
    told.receipt.leaf_index = leaf_index
    told.receipt.leaf_hash = leaf_hash(data)
    told.receipt.receive_time.FromDatetime(BEGINNING)
    return told


def full_change(operation: str) -> bytes:
    fields = [{"path": path, "new": bytes(32)} for path in ("legal_name", "bank_accounts[0].iban")]
    said = SAID | {"on_behalf_of": ["carol"], "fields": fields}
    return leaf_bytes(operation=Operation.Value(operation), **said)


LEAVES: Mapping[str, bytes] = {
    **{operation: full_change(operation) for operation in CHANGES},
    **{kind: act_bytes(act, **SAID) for kind, act in ACTS.items()},
    "by the service itself": leaf_bytes(actor="concord/mdm/expiry", client="", entities=[]),
    **{f"bare {kind}": act_bytes(act) for kind, act in ACTS.items()},
    "behind a socket": leaf_bytes(client_address="unix:/run/mesh"),
    "shown at once": act_bytes(
        disclosure({"suppliers/one": [CONFIDENTIAL, RESTRICTED], "suppliers/two": [RESTRICTED]})
    ),
    "of a newer contract": leaf_bytes(operation=99),
}

# Source: github.com/ocsf/ocsf-schema, events/base_event.json, events/application/api_activity.json and the objects that
# these name; what a profile requires (cloud, osint) counts only where an event names the profile, and none does.
OCSF_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "": (
        *("activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"),
        *("actor", "api", "src_endpoint"),
    ),
    "metadata": ("product", "version"),
    "metadata.product": ("vendor_name", "name"),
    "api": ("operation",),
    "api.service": (),
    "api.request": ("uid",),
}
OCSF_AT_LEAST_ONE: Mapping[str, tuple[str, ...]] = {
    "actor": ("process", "user", "invoked_by", "session", "app_name", "app_uid"),
    "actor.user": ("account", "name", "uid"),
    "src_endpoint": ("ip", "uid", "name", "hostname", "svc_name", "instance_uid", "interface_uid", "interface_name"),
    "api.service": ("name", "uid"),
}


def at(event: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    found: Any = event
    for step in filter(None, path.split(".")):
        found = found.get(step) if found is not None else None
    return found if found is None or isinstance(found, dict) else {}


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_kind_of_leaf_is_a_valid_fhir_audit_event(leaf: str) -> None:
    AuditEvent.model_validate_json(json.dumps(audit_event(entry(LEAVES[leaf]))))


@pytest.mark.parametrize("leaf", LEAVES)
def test_every_kind_of_leaf_has_what_ocsf_requires(leaf: str) -> None:
    event = json.loads(json.dumps(api_activity(entry(LEAVES[leaf]))))
    for path, names in OCSF_REQUIRED.items():
        held = at(event, path)
        if held is not None:
            assert set(names) <= set(held), path
    for path, names in OCSF_AT_LEAST_ONE.items():
        held = at(event, path)
        if held is not None:
            assert set(names) & set(held), path
    assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
    assert (event["class_uid"], event["category_uid"]) == (6003, 6)
    assert all({"uid", "name"} & set(resource) for resource in event.get("resources", []))


def test_a_fhir_event_says_who_did_what_for_whom_and_how_to_prove_it() -> None:
    event = audit_event(entry(full_change("OPERATION_UPDATE"), 42))
    assert (event["id"], event["action"], event["outcome"]) == ("leaf-42", "U", "0")
    requestor, behalf = event["agent"]
    assert requestor["who"]["identifier"]["value"] == "steward"
    assert requestor["network"]["address"] == "192.0.2.7"
    assert behalf == {"who": {"identifier": {"value": "carol"}}, "requestor": False}
    assert event["purposeOfEvent"] == [{"text": "payment"}]
    record, evidence = event["entity"]
    assert [detail["valueString"] for detail in record["detail"] if detail["type"] == "field"] == [
        "legal_name",
        "bank_accounts[0].iban",
    ]
    assert evidence["what"]["identifier"]["value"] == "leaves/42"
    assert evidence["detail"][0]["type"] == "leaf_hash"


def test_a_fhir_event_of_a_disclosure_names_each_record_and_its_classes() -> None:
    one, two, _ = audit_event(entry(LEAVES["shown at once"]))["entity"]
    assert (one["what"]["identifier"]["value"], two["what"]["identifier"]["value"]) == (
        "suppliers/one",
        "suppliers/two",
    )
    assert [detail["valueString"] for detail in one["detail"]] == ["1", "confidential", "restricted"]


def test_a_refused_call_failed_in_both() -> None:
    refused = entry(LEAVES["denial"])
    assert (audit_event(refused)["outcome"], audit_event(refused)["outcomeDesc"]) == (
        "4",
        "PERMISSION_MISSING: mdm.suppliers.read",
    )
    event = api_activity(refused)
    assert (event["status_id"], event["activity_id"], event["activity_name"], event["count"]) == (2, 99, "deny", 1)
    assert event["api"] == {
        "operation": "GetSupplier",
        "service": {"name": "concord.mdm.v1.SupplierService"},
        "request": {"uid": "3f0c"},
    }


def test_the_first_leaf_of_the_log_has_a_sequence_of_zero() -> None:
    assert api_activity(entry(leaf_bytes()))["metadata"]["sequence"] == 0
