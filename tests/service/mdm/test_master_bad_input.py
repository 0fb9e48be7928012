"""What is wrong with a call of any master's method is answered by a typed reason, never by an internal failure."""

from datetime import date
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain.record_type import METADATA, RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mesh.errors import from_rpc_error
from tests.service.mdm.test_master_access import others, requests
from tests.service.mdm.test_master_decisions import moment
from tests.service.mdm.test_master_ingest import CASES, Spoil
from tests.support.hub.masters import Master, numbers, rid
from tests.support.hub.served import refused
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import for_stewards, misspelt, wording

STRICT = [record_type for record_type in RECORD_TYPES if record_type.strict_validators]
NAMED = ("get", "explain", "list_revisions", "delete", "undelete", "close")
NO_TIMES = (Timestamp(seconds=10**18), Timestamp(seconds=-(10**18)), Timestamp(nanos=-1), Timestamp(nanos=2 * 10**9))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"page_size": -1}, reasons.ERROR_REASON_INVALID_PAGE_SIZE),
        ({"page_token": "forged"}, reasons.ERROR_REASON_INVALID_PAGE_TOKEN),
        ({"page_token": "x" * 3000}, reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        ({"filter": "state ="}, reasons.ERROR_REASON_INVALID_FILTER),
        ({"filter": "state = NONE_SUCH"}, reasons.ERROR_REASON_INVALID_FILTER),
        ({"filter": "(" * 50}, reasons.ERROR_REASON_INVALID_FILTER),
        ({"filter": "state = 'a\0b'"}, reasons.ERROR_REASON_INVALID_FILTER),
        ({"filter": "nowhere = 1"}, reasons.ERROR_REASON_UNKNOWN_FIELD),
        ({"filter": "state.nowhere = 1"}, reasons.ERROR_REASON_UNKNOWN_FIELD),
        ({"filter": 'etag = "1"'}, reasons.ERROR_REASON_FIELD_NOT_FILTERABLE),
        ({"filter": "create_time = 1"}, reasons.ERROR_REASON_FIELD_NOT_FILTERABLE),
        ({"filter": "x" * 5000}, reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        ({"order_by": "nowhere"}, reasons.ERROR_REASON_UNKNOWN_FIELD),
        ({"order_by": "etag"}, reasons.ERROR_REASON_FIELD_NOT_FILTERABLE),
        ({"order_by": "state,state"}, reasons.ERROR_REASON_INVALID_FILTER),
        ({"order_by": "state sideways"}, reasons.ERROR_REASON_INVALID_FILTER),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, dict) else "",
)
def test_a_wrong_question_is_refused_with_its_reason(
    master: Master, fields: dict[str, Any], reason: reasons.ErrorReason.ValueType
) -> None:
    error = refused(lambda: master.call("list", **fields))
    assert (error.reason, [each.field for each in error.violations]) == (reason, list(fields))
    if "page_size" in fields or "page_token" in fields:
        assert refused(lambda: master.call("search", identifier="1", **fields)).reason == reason
        one = master.created()
        assert refused(lambda: master.call("list_revisions", name=one.name, **fields)).reason == reason


def test_a_literal_that_a_path_can_not_have_is_refused(master: Master) -> None:
    for path in master.record_type.filterable:
        if path.endswith((".start_date", ".end_date", "_date")):
            error = refused(lambda path=path: master.call("list", filter=f'{path} > "2026-02-30"'))  # type: ignore[misc]
            assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_INVALID_FILTER, path)
            assert [(each.field, "2026-07-01" in each.description) for each in error.violations] == [("filter", True)]


def test_a_state_that_there_is_not_is_told_with_those_that_there_are(master: Master) -> None:
    message = refused(lambda: master.call("list", filter="state = STATE_GONE")).message
    assert "STATE_ACTIVE" in message
    for known in ("ACTIVE", "STATE_ACTIVE"):
        master.call("list", filter=f"state = {known}")


def test_a_page_token_of_another_list_is_refused(master: Master) -> None:
    for _ in range(2):
        master.created()
    token = master.call("list", page_size=1).next_page_token
    error = refused(lambda: master.call("search", identifier="1", page_token=token))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_PAGE_TOKEN, "page_token")


@pytest.mark.parametrize(
    "name", ["", "nonsense", "1/2/3", "{collection}/", "{collection}/a/b", "{other}/1", "{collection}/a\0b"]
)
def test_a_name_that_is_none_of_the_type_is_refused_by_its_field(master: Master, name: str) -> None:
    other = RECORD_TYPES[RECORD_TYPES.index(master.record_type) - 1].collection
    spelt = name.format(collection=master.record_type.collection, other=other)
    for verb in NAMED:
        if verb in master.verbs:
            request = master.request(verb, name=spelt)
            _complete(request)
            error = refused(lambda verb=verb, request=request: master.send(verb, request))  # type: ignore[misc]
            assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED, verb
            assert [violation.field for violation in error.violations] == [_field("name", spelt)], verb
    error = refused(lambda: master.call("batch_get", names=[spelt]))
    assert [violation.field for violation in error.violations] == [_field("names[0]", spelt)]
    said = wording(master.record_type).changed(master.record_type.message(), "x")
    said.name = spelt
    error = refused(lambda: master.call("update", record=said, etag="x"))
    assert error.reason in {reasons.ERROR_REASON_RECORD_NOT_FOUND, reasons.ERROR_REASON_CONSTRAINT_VIOLATED}


def test_a_name_that_nobody_has_is_not_found(master: Master) -> None:
    name = f"{master.record_type.collection}/{rid()}"
    one = master.created()
    one.name = name
    for verb, request in requests(master, one).items():
        error = refused(lambda verb=verb, request=request: master.send(verb, request))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND, verb


@pytest.mark.parametrize("moment_", NO_TIMES, ids=str)
def test_a_time_that_is_none_is_refused_by_its_field(master: Master, moment_: Timestamp) -> None:
    one = master.created()
    for verb, request in (requests(master, one) | others(master)).items():
        for field in ("read_time", "effective_time"):
            if field in request.DESCRIPTOR.fields_by_name:
                wrong = type(request)()
                wrong.CopyFrom(request)
                getattr(wrong, field).CopyFrom(moment_)
                error = refused(lambda verb=verb, wrong=wrong: master.send(verb, wrong))  # type: ignore[misc]
                assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED, verb
                assert field in [violation.field for violation in error.violations]


def test_an_update_names_what_it_may_write_by_the_present_etag(master: Master) -> None:
    words, one = wording(master.record_type), master.created()
    said = words.changed(one, "new")

    def reason(path: str, etag: str = one.etag) -> Any:
        return refused(lambda: master.call("update", record=said, update_mask=[path], etag=etag))

    for path in ("nowhere", f"{words.top_field}.nowhere", "", "*.name"):
        error = reason(path)
        assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_UNKNOWN_FIELD, "update_mask")
    for path in sorted(METADATA):
        error = reason(path)
        assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_FIELD_NOT_WRITABLE, path)
        assert error.violations[0].field == "update_mask"
    for etag in ('"old"', "a\0b", "*"):
        assert reason(words.top_field, etag).reason in {
            reasons.ERROR_REASON_ETAG_MISMATCH,
            reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
        }
    assert reason(words.top_field, "").violations[0].field == "etag"
    assert master.record("get", name=one.name) == one


def test_a_create_may_not_set_what_the_hub_sets(master: Master) -> None:
    present = master.created()
    for field in sorted(METADATA - {"entities"}):
        desired = for_stewards(master.record_type, next(numbers))
        value = getattr(present, field)
        if field.endswith("_time"):
            getattr(desired, field).CopyFrom(value)
        else:
            setattr(desired, field, value)
        error = refused(lambda desired=desired: master.call("create", record=desired))  # type: ignore[misc]
        assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_FIELD_NOT_WRITABLE, field)
        assert error.violations[0].field == f"{master.record_type.singular}.{field}"
    nowhere = for_stewards(master.record_type, next(numbers))
    nowhere.entities[:] = ["entities/nowhere"]
    error = refused(lambda: master.call("create", record=nowhere))
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, "entities/nowhere")


@pytest.mark.parametrize("request_id", ["", "1", "a\0b", "x" * 1000])
def test_a_request_id_is_a_uuid(master: Master, request_id: str) -> None:
    error = refused(
        lambda: master.call("create", record=for_stewards(master.record_type, next(numbers)), request_id=request_id)
    )
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "request_id")


@pytest.mark.parametrize(("record_type", "spoil", "reason"), [case for case in CASES if "metadata" not in str(case.id)])
def test_a_steward_contradicts_nothing(
    master: Master,
    record_type: RecordType,
    spoil: Spoil,
    reason: reasons.ErrorReason.ValueType,
) -> None:
    desired, one = for_stewards(record_type, next(numbers)), master.created()
    field = spoil(record_type, desired).removeprefix("content.")
    for rehearsal in (True, False):
        error = refused(lambda rehearsal=rehearsal: master.call("create", record=desired, validate_only=rehearsal))  # type: ignore[misc]
        assert error.reason == reason
        named = field if reason == reasons.ERROR_REASON_INVALID_CONTENT else record_type.singular
        assert [violation for violation in error.violations if violation.field.startswith(named)]
    desired.name = one.name
    desired.ClearField("entities")
    error = refused(lambda: master.call("update", record=desired, update_mask=["*"], etag=one.etag))
    assert error.reason == reason
    assert master.record("get", name=one.name) == one


@pytest.mark.parametrize("record_type", STRICT, ids=lambda record_type: record_type.name)
def test_stewards_spell_identifiers_right_and_systems_need_not(master: Master, record_type: RecordType) -> None:
    number = next(numbers)
    wrong = list(misspelt(record_type, for_stewards(record_type, number)))
    assert wrong
    for field, content in wrong:
        error = refused(lambda content=content: master.call("create", record=content))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
        assert [violation.field for violation in error.violations] == [field]
        content.ClearField("entities")
        (answer,) = submit(master.client, statement("systems/erp", f"{field} {number}", content))
        assert answer.outcome == ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_CREATED


def test_bytes_that_are_no_request_are_refused(master: Master) -> None:
    for verb in master.verbs:
        with pytest.raises(grpc.RpcError) as raised:
            master.send_bytes(verb, b"\xff\xff\xff")
        assert from_rpc_error(raised.value).reason == reasons.ERROR_REASON_MALFORMED_MESSAGE, verb


def test_an_empty_request_is_a_question_or_a_mistake_of_the_caller(master: Master) -> None:
    for verb, request in (requests(master, master.created()) | others(master)).items():
        if verb == "list":
            continue
        error = refused(lambda verb=verb, request=request: master.send(verb, type(request)()))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED, verb
        assert all(violation.field for violation in error.violations)


def test_a_lookup_names_a_system_and_a_key_that_can_be(master: Master) -> None:
    for system, key in (("nonsense", "1"), ("systems/erp", ""), ("systems/erp", "a\0b"), ("systems/a\0b", "1")):
        error = refused(lambda system=system, key=key: master.call("lookup", system=system, key=key))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    error = refused(lambda: master.call("lookup", system="systems/nobody", key="1"))
    assert error.reason in {reasons.ERROR_REASON_SYSTEM_UNKNOWN, reasons.ERROR_REASON_RECORD_NOT_FOUND}
    assert not master.call("search", identifier="//..//").hits


def _field(field: str, value: str) -> str:
    """A NUL character is refused by the database's driver, which does not know of fields."""
    return "" if "\0" in value else field


def _complete(request: Any) -> None:
    fields = request.DESCRIPTOR.fields_by_name
    if "etag" in fields:
        request.etag = "x"
    if "effective_time" in fields:
        request.effective_time.CopyFrom(moment(date(2026, 1, 1)))
