"""Evidence as FHIR R4B AuditEvent (https://hl7.org/fhir/R4B/auditevent.html): a leaf with its receipt, as JSON."""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from clients.cli.display import values
from concord.audit.v1.audit_pb2 import LeafEntry, Operation

_LIFECYCLE = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle"
_DICOM = "http://dicom.nema.org/resources/ontology/DCM"
_SOURCE_TYPE = "http://terminology.hl7.org/CodeSystem/security-source-type"

_SUCCESS, _MINOR_FAILURE = "0", "4"
_IP_ADDRESS = "2"

_Document = dict[str, Any]


class _Kind(NamedTuple):
    """What FHIR calls an operation: the event's type, and the action (create, read, update, delete, execute)."""

    system: str
    code: str
    action: str


_KINDS: Mapping[int, _Kind] = {
    Operation.OPERATION_CREATE: _Kind(_LIFECYCLE, "originate", "C"),
    Operation.OPERATION_UPDATE: _Kind(_LIFECYCLE, "amend", "U"),
    # A record is marked as deleted; it is not gone.
    Operation.OPERATION_DELETE: _Kind(_LIFECYCLE, "deprecate", "D"),
    Operation.OPERATION_UNDELETE: _Kind(_LIFECYCLE, "reactivate", "U"),
    Operation.OPERATION_RELINK: _Kind(_LIFECYCLE, "link", "U"),
    Operation.OPERATION_MERGE: _Kind(_LIFECYCLE, "merge", "U"),
    Operation.OPERATION_ERASE: _Kind(_LIFECYCLE, "destroy", "D"),
    Operation.OPERATION_DISCLOSE: _Kind(_LIFECYCLE, "disclose", "R"),
    Operation.OPERATION_DENY: _Kind(_DICOM, "110113", "E"),  # Security Alert
    Operation.OPERATION_ASK: _Kind(_DICOM, "110112", "R"),  # Query
}
# An operation of a newer contract: something was executed, which is all that is known of it.
_UNKNOWN = _Kind(_DICOM, "110100", "E")  # Application Activity


def audit_event(entry: LeafEntry) -> _Document:
    """Return a leaf as an AuditEvent; what the leaf does not say is left out."""
    leaf = entry.leaf
    kind = _KINDS.get(leaf.operation, _UNKNOWN)
    refused = leaf.HasField("denial")
    return _filled(
        resourceType="AuditEvent",
        id=f"leaf-{entry.receipt.leaf_index}",
        type={"system": kind.system, "code": kind.code},
        subtype=[{"code": leaf.method}] if leaf.method else [],
        action=kind.action,
        period=_filled(
            start=leaf.occurred_at.ToJsonString(), end=leaf.denial.last_time.ToJsonString() if refused else ""
        ),
        recorded=entry.receipt.receive_time.ToJsonString(),
        outcome=_MINOR_FAILURE if refused else _SUCCESS,
        outcomeDesc=": ".join(filter(None, (leaf.denial.reason, leaf.denial.permission))),
        purposeOfEvent=[{"text": leaf.purpose}] if leaf.purpose else [],
        agent=list(_agents(leaf)),
        source={"observer": _named(leaf.source_service), "type": [{"system": _SOURCE_TYPE, "code": "4"}]},
        entity=[*_entities(leaf), _evidence(entry)],
    )


def _agents(leaf: Any) -> Iterator[_Document]:
    network = {"address": leaf.client_address, "type": _IP_ADDRESS} if leaf.client_address else {}
    yield _filled(who=_named(leaf.actor), altId=leaf.client, requestor=True, network=network)
    for subject in leaf.on_behalf_of:
        yield {"who": _named(subject), "requestor": False}


def _entities(leaf: Any) -> Iterator[_Document]:
    """Yield what the event is about: a record, each of several, or a query."""
    if leaf.HasField("question"):
        yield {"query": base64.b64encode(leaf.question.asked.encode()).decode()}
    elif leaf.HasField("denial"):
        details = [*_details("attempts", str(leaf.denial.attempts))]
        yield _filled(what=_named(leaf.denial.resource) if leaf.denial.resource else {}, detail=details)
    elif leaf.HasField("disclosure"):
        for shown in leaf.disclosure.records:
            classes = shown.DESCRIPTOR.fields_by_name["classifications"].enum_type
            names = [values.enum_text(classes, number) for number in shown.classifications]
            details = [*_details("revision", str(shown.revision or "")), *_details("classification", *names)]
            yield {"what": _named(shown.record), "detail": details}
    else:
        paths = dict.fromkeys(field.path for field in leaf.fields)
        details = [
            *_details("record_type", leaf.record_type),
            *_details("revision", str(leaf.revision)),
            *_details("field", *paths),
        ]
        yield {"what": _named(leaf.record), "detail": details}


def _evidence(entry: LeafEntry) -> _Document:
    """Return the leaf itself, by which the event can be proven."""
    leaf = entry.leaf
    details = [
        {"type": "leaf_hash", "valueBase64Binary": base64.b64encode(entry.receipt.leaf_hash).decode()},
        *_details("request_id", leaf.request_id),
        *_details("approval", leaf.approval),
        *_details("reason", leaf.reason),
        *_details("traceparent", leaf.traceparent),
    ]
    return {"what": _named(entry.name), "detail": details}


def _details(kind: str, *texts: str) -> Iterator[_Document]:
    for text in texts:
        if text:
            yield {"type": kind, "valueString": text}


def _named(name: str) -> _Document:
    return {"identifier": {"value": name}}


def _filled(**elements: Any) -> _Document:
    """Return the elements that say something: FHIR knows no empty ones."""
    return {name: value for name, value in elements.items() if value not in ("", [], {})}
