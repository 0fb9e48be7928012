"""Evidence as OCSF events of the class API Activity (https://schema.ocsf.io/1.3.0/classes/api_activity), as JSON.

One class for all: what leaves tell of are calls of an API, whether they changed, showed or asked for something, or
were refused.
"""

import ipaddress
from collections.abc import Mapping
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from clients.cli.display import values
from concord.audit.v1.audit_pb2 import LeafEntry, Operation

SCHEMA_VERSION = "1.3.0"

_CATEGORY, _CLASS = 6, 6003  # Application Activity, API Activity
_CREATE, _READ, _UPDATE, _DELETE, _OTHER = 1, 2, 3, 4, 99
_INFORMATIONAL, _MEDIUM = 1, 3
_SUCCESS, _FAILURE = 1, 2
_TRACE_ID = slice(3, 35)  # within a traceparent

_Document = dict[str, Any]

_ACTIVITIES: Mapping[int, int] = {
    Operation.OPERATION_CREATE: _CREATE,
    Operation.OPERATION_UPDATE: _UPDATE,
    Operation.OPERATION_DELETE: _DELETE,
    Operation.OPERATION_UNDELETE: _UPDATE,
    Operation.OPERATION_RELINK: _UPDATE,
    Operation.OPERATION_MERGE: _UPDATE,
    Operation.OPERATION_ERASE: _DELETE,
    Operation.OPERATION_DISCLOSE: _READ,
    Operation.OPERATION_ASK: _READ,
}


def api_activity(entry: LeafEntry) -> _Document:
    """Return a leaf as an API Activity; what the leaf does not say is left out."""
    leaf = entry.leaf
    refused = leaf.HasField("denial")
    activity = _ACTIVITIES.get(leaf.operation, _OTHER)
    operation = values.enum_text(Operation.DESCRIPTOR, leaf.operation)
    return _filled(
        category_uid=_CATEGORY,
        class_uid=_CLASS,
        type_uid=_CLASS * 100 + activity,
        activity_id=activity,
        activity_name=operation,
        severity_id=_MEDIUM if refused else _INFORMATIONAL,
        status_id=_FAILURE if refused else _SUCCESS,
        status_detail=leaf.denial.reason,
        count=leaf.denial.attempts or None,
        time=_milliseconds(leaf.occurred_at),
        end_time=_milliseconds(leaf.denial.last_time) if refused else None,
        message=f"{leaf.actor} {operation} {leaf.record}",
        actor=_filled(user={"uid": leaf.actor, "name": leaf.actor}, app_uid=leaf.client),
        api=_api(leaf, operation),
        src_endpoint=_source(leaf),
        resources=_resources(leaf),
        metadata=_metadata(entry),
        unmapped=_unmapped(entry),
    )


def _api(leaf: Any, operation: str) -> _Document:
    """Return the call; what a service does by itself is an operation of that service."""
    service, _, method = leaf.method.lstrip("/").rpartition("/")
    request = {"uid": leaf.request_id} if leaf.request_id else {}
    return _filled(operation=method or operation, service={"name": service or leaf.source_service}, request=request)


def _source(leaf: Any) -> _Document:
    """Return where the call came from; what a service does by itself comes from that service."""
    try:
        ipaddress.ip_address(leaf.client_address)
    except ValueError:
        return {"name": leaf.client_address} if leaf.client_address else {"svc_name": leaf.source_service}
    return {"ip": leaf.client_address}


def _resources(leaf: Any) -> list[_Document]:
    if leaf.HasField("disclosure"):
        return [
            _filled(uid=shown.record, version=str(shown.revision or ""), data={"classes": _classes(shown)})
            for shown in leaf.disclosure.records
        ]
    if leaf.HasField("denial"):
        return [{"uid": leaf.denial.resource}] if leaf.denial.resource else []
    if leaf.HasField("question"):
        return []
    return [{"uid": leaf.record, "type": leaf.record_type, "version": str(leaf.revision)}]


def _classes(shown: Any) -> list[str]:
    kinds = shown.DESCRIPTOR.fields_by_name["classifications"].enum_type
    return [values.enum_text(kinds, number) for number in shown.classifications]


def _metadata(entry: LeafEntry) -> _Document:
    """Return which event this is: the leaf's name is its id, its place in the log its sequence."""
    return _filled(
        version=SCHEMA_VERSION,
        product={"name": "Concord", "vendor_name": "Concord"},
        uid=entry.name,
        sequence=entry.receipt.leaf_index,
        log_name=entry.leaf.source_service,
        logged_time=_milliseconds(entry.receipt.receive_time),
        correlation_uid=entry.leaf.traceparent[_TRACE_ID],
    )


def _unmapped(entry: LeafEntry) -> _Document:
    """Return what OCSF has no attribute for."""
    leaf = entry.leaf
    return _filled(
        on_behalf_of=list(leaf.on_behalf_of),
        approval=leaf.approval,
        purpose=leaf.purpose,
        reason=leaf.reason,
        fields=list(dict.fromkeys(field.path for field in leaf.fields)),
        permission=leaf.denial.permission,
        asked=leaf.question.asked,
        leaf_hash=entry.receipt.leaf_hash.hex(),
    )


def _milliseconds(moment: Timestamp) -> int:
    return moment.ToMilliseconds()


def _filled(**attributes: Any) -> _Document:
    """Return the attributes that say something."""
    return {name: value for name, value in attributes.items() if value not in (None, "", [], {})}
