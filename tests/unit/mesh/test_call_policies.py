"""The call policies that clients follow, held against the contracts."""

import json
from typing import Any

import pytest
from google.protobuf.descriptor import MethodDescriptor

from concord.adapter.v1 import adapter_pb2
from concord.audit.v1 import audit_pb2, bundle_pb2, completeness_pb2, log_pb2, question_pb2
from concord.evidence.v1 import evidence_pb2
from concord.mdm.v1 import (
    change_pb2,
    cost_center_pb2,
    erasure_pb2,
    hold_pb2,
    import_pb2,
    ingest_pb2,
    item_pb2,
    match_model_service_pb2,
    supplier_pb2,
    system_pb2,
)
from services.mesh.calling import client
from services.mesh.calling.client import service_config

FILES: tuple[Any, ...] = (
    adapter_pb2,
    audit_pb2,
    bundle_pb2,
    log_pb2,
    question_pb2,
    change_pb2,
    completeness_pb2,
    cost_center_pb2,
    erasure_pb2,
    evidence_pb2,
    hold_pb2,
    import_pb2,
    ingest_pb2,
    item_pb2,
    match_model_service_pb2,
    supplier_pb2,
    system_pb2,
)
METHODS: list[MethodDescriptor] = [
    method for file in FILES for service in file.DESCRIPTOR.services_by_name.values() for method in service.methods
]


def policy_of(method: MethodDescriptor) -> dict[str, Any] | None:
    """Return what the transport takes for a method: its own entry, else its service's, else the one for all."""
    service = method.containing_service
    assert service is not None
    found: dict[tuple[str, str], dict[str, Any]] = {
        (name.get("service", ""), name.get("method", "")): entry
        for entry in json.loads(service_config())["methodConfig"]
        for name in entry["name"]
    }
    places = ((service.full_name, method.name), (service.full_name, ""), ("", ""))
    return next((found[place] for place in places if place in found), None)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method.full_name))
def test_a_unary_call_has_a_deadline_and_retries_only_when_nobody_answered(method: MethodDescriptor) -> None:
    policy = policy_of(method)
    assert policy is not None
    if method.client_streaming or method.server_streaming:
        assert policy.keys() == {"name"}
        return
    assert 1 <= float(policy["timeout"].removesuffix("s")) <= 600
    # CANCELLED is what a server that goes says of calls that it has not begun, or did not end in time. A repeat is
    # harmless: no RPC is without a class of idempotency.
    assert policy["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE", "CANCELLED"]
    assert policy["retryPolicy"]["maxAttempts"] <= 4


def test_every_name_in_a_policy_is_in_a_contract() -> None:
    known = {(method.containing_service.full_name, method.name) for method in METHODS if method.containing_service}
    known |= {(service, "") for service, _ in known}
    for entry in json.loads(service_config())["methodConfig"]:
        for name in entry["name"]:
            assert not name or (name["service"], name.get("method", "")) in known


def test_a_policy_can_be_had_for_one_package_and_spreads_calls_over_replicas() -> None:
    one = json.loads(service_config("concord.audit.v1"))
    assert one["loadBalancingConfig"] == [{"round_robin": {}}]
    services = {name["service"] for entry in one["methodConfig"] for name in entry["name"]}
    assert "concord.audit.v1.AuditService" in services
    assert {service.rpartition(".")[0] for service in services} == {"concord.audit.v1"}


def test_a_package_without_a_policy_is_named() -> None:
    with pytest.raises(LookupError, match=r"acme\.v1"):
        service_config("acme.v1")


def test_a_policy_that_is_not_installed_is_missed() -> None:
    with pytest.raises(LookupError, match=r"concord\.unknown\.v1"):
        service_config("concord.unknown.v1")


def test_policies_that_were_never_generated_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_policies", dict)
    with pytest.raises(LookupError, match="generated"):
        service_config()
