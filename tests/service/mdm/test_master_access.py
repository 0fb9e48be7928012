"""Who may do what with every master: entities in scope, permissions, RESTRICTED fields."""

from typing import Any

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.sensitivity import clear_restricted, holds_restricted
from services.mdm.transport.calls.deciding import RESTRICTED
from services.mdm.transport.records.decisions import restricted_fields
from tests.service.mdm.test_master_decisions import decisions, moment
from tests.service.mdm.test_master_feed import cursor
from tests.support.hub.masters import Master, numbers
from tests.support.hub.served import EVERYTHING, READER, WRITER, Client, ServedHub, refused
from tests.support.samples.contents import BEGINNING, for_stewards, said, sample, values, wording

GUARDED = [record_type for record_type in RECORD_TYPES if holds_restricted(record_type.descriptor)]
guarded = pytest.mark.parametrize("record_type", GUARDED, ids=lambda record_type: record_type.name)


def requests(master: Master, one: Any) -> dict[str, Any]:
    """A valid request about a record for each method that names it."""
    other = master.created()
    two = {"name": one.name, "etag": one.etag, "other_name": other.name, "other_etag": other.etag}
    found = {verb: request(one) for verb, request in decisions(master).items()} | {
        "get": master.request("get", name=one.name),
        "batch_get": master.request("batch_get", names=[one.name]),
        "lookup": master.request("lookup", system="systems/hub", key=one.name),
        "explain": master.request("explain", name=one.name),
        "list_revisions": master.request("list_revisions", name=one.name),
        "undelete": master.request("undelete", name=one.name, etag=one.etag),
        "merge": master.request("merge", **two, reason="the same thing"),
    }
    if "effective_time" in found["get"].DESCRIPTOR.fields_by_name:
        found["get"].effective_time.CopyFrom(moment(BEGINNING))
    return found


def others(master: Master) -> dict[str, Any]:
    """A valid request for each remaining method."""
    return {
        "list": master.request("list"),
        "search": master.request("search", identifier="1"),
        "create": master.request("create", record=for_stewards(master.record_type, next(numbers))),
    }


def test_every_method_has_a_request_here(master: Master) -> None:
    assert {*requests(master, master.created()), *others(master)} == set(master.verbs)


def test_what_is_out_of_scope_is_not_there_for_any_method(master: Master, shared_mesh: ServedHub) -> None:
    one = master.created()
    south = master.as_caller(shared_mesh.client(entities=["entities/south"]))
    for verb, request in requests(master, one).items():
        error = refused(lambda verb=verb, request=request: south.send(verb, request))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND, verb
    assert one.name not in south.listed(show_deleted=True)
    identifier = values(master.record_type, one, master.record_type.searchable[0])[0]
    assert not south.call("search", identifier=identifier).hits
    error = refused(lambda: south.send("create", others(master)["create"]))
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, "entities/north")
    assert master.record("get", name=one.name) == one
    clash = for_stewards(master.record_type, next(numbers))
    clash.CopyFrom(one)
    for field in ("name", "etag", "revision", "state", "create_time", "update_time"):
        clash.ClearField(field)
    clash.entities[:] = ["entities/south"]
    error = refused(lambda: south.call("create", record=clash))
    assert error.reason == reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN
    assert "name" not in error.metadata


def test_the_name_of_another_types_record_is_not_there_for_any_method(master: Master, shared_mesh: ServedHub) -> None:
    one = master.created()
    kinds = [kind for kind in RECORD_TYPES if kind is not master.record_type]
    foreign = [Master(kind, master.client, shared_mesh).created() for kind in kinds]
    for verb, request in requests(master, one).items():
        for name, etag in [(each.name, each.etag) for each in foreign] + [("systems/erp", one.etag), ("", one.etag)]:
            asked = getattr(request, master.record_type.singular) if verb == "update" else request
            if "name" not in asked.DESCRIPTOR.fields_by_name:
                continue
            asked.name = name
            if "etag" in request.DESCRIPTOR.fields_by_name:
                request.etag = etag
            error = refused(lambda verb=verb, request=request: master.send(verb, request))  # type: ignore[misc]
            # Most contracts demand the pattern of the type's names.
            told = {reasons.ERROR_REASON_RECORD_NOT_FOUND, reasons.ERROR_REASON_CONSTRAINT_VIOLATED}
            assert error.reason in told, (verb, name, error)


def test_who_may_not_call_a_method_learns_nothing_from_it(master: Master, shared_mesh: ServedHub) -> None:
    one = master.created()
    plural = master.record_type.plural
    every = [permission for permission in EVERYTHING if not permission.startswith(f"mdm.{plural}.")]
    stranger = master.as_caller(shared_mesh.client(every))
    reader = master.as_caller(shared_mesh.client([*every, f"mdm.{plural}.read"]))
    for verb, request in (requests(master, one) | others(master)).items():
        empty = type(request)()
        writes = "request_id" in empty.DESCRIPTOR.fields_by_name
        for asked in (request, empty):
            error = refused(lambda verb=verb, asked=asked: stranger.send(verb, asked))  # type: ignore[misc]
            assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING, verb
            assert error.metadata["permission"] == f"mdm.{plural}.{'write' if writes else 'read'}"
        if writes:
            error = refused(lambda verb=verb, empty=empty: reader.send(verb, empty))  # type: ignore[misc]
            assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING, verb
    assert reader.record("get", name=one.name).name == one.name


@guarded
def test_restricted_fields_are_not_shown_without_clearance(
    master: Master, record_type: RecordType, shared_mesh: ServedHub
) -> None:
    one = master.submitted()
    hidden = type(one)()
    hidden.CopyFrom(one)
    clear_restricted(hidden)
    assert hidden != one
    reader = master.as_caller(shared_mesh.client(READER))
    for verb in ("get", "list_revisions"):
        response = reader.call(verb, name=one.name)
        shown = getattr(response, record_type.singular if verb == "get" else record_type.plural)
        assert (shown if verb == "get" else shown[0]) == hidden
    assert _delivered(master.client, master, one.name) == one
    assert _delivered(reader.client, master, one.name) == hidden


def test_the_feed_leaves_out_what_is_out_of_scope(master: Master, shared_mesh: ServedHub) -> None:
    start = cursor(master)
    master.created()
    south = shared_mesh.client(entities=["entities/south"])
    stream = south.changes.WatchChanges(change_pb2.WatchChangesRequest(cursor=start, progress_interval_seconds=1))
    first = next(iter(stream))
    assert (list(first.transaction.changes), bool(first.cursor)) == ([], True)
    stream.cancel()


def _delivered(client: Client, master: Master, name: str) -> Any:
    master.published_time()
    watch = change_pb2.WatchChangesRequest(record_types=[master.record_type.name])
    stream = client.changes.WatchChanges(watch)
    found = next(
        change.content for message in stream for change in message.transaction.changes if change.record == name
    )
    stream.cancel()
    return master.record_type.unpack(found)


@guarded
def test_restricted_fields_are_neither_filtered_by_nor_searched_without_clearance(
    master: Master, record_type: RecordType, shared_mesh: ServedHub
) -> None:
    one = master.submitted()
    reader = master.as_caller(shared_mesh.client(READER))
    hidden = type(one)()
    hidden.CopyFrom(one)
    clear_restricted(hidden)

    def secret(path: str) -> bool:
        return not any(values(record_type, hidden, path)) and any(values(record_type, one, path))

    for path in filter(secret, record_type.filterable):
        (value,) = values(record_type, one, path)
        for question in ({"filter": f'{path} = "{value}"'}, {"order_by": path}):
            error = refused(lambda question=question: reader.call("list", **question))  # type: ignore[misc]
            assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_FIELD_NOT_FILTERABLE, path)
    for path in filter(secret, record_type.searchable):
        assert not reader.call("search", identifier=values(record_type, one, path)[0]).hits


@guarded
def test_restricted_fields_are_not_overwritten_blindly(
    master: Master, record_type: RecordType, shared_mesh: ServedHub
) -> None:
    words, one = wording(record_type), master.created()
    writer = master.as_caller(shared_mesh.client(WRITER))
    for field in sorted(restricted_fields(record_type)):
        seen = writer.record("get", name=one.name)
        error = refused(
            lambda field=field, seen=seen: writer.call("update", record=seen, update_mask=[field], etag=seen.etag)  # type: ignore[misc]
        )
        assert (error.reason, error.metadata) == (
            reasons.ERROR_REASON_PERMISSION_MISSING,
            {"permission": RESTRICTED, "field": field},
        )
    seen = words.changed(writer.record("get", name=one.name), "changed")
    writer.call("update", record=seen, update_mask=["*"], etag=one.etag)
    assert said(record_type, master.record("get", name=one.name)) == said(record_type, words.changed(one, "changed"))


def test_who_sees_everything_sees_what_was_said(master: Master) -> None:
    number = next(numbers)
    assert said(master.record_type, master.submitted(number)) == sample(master.record_type, number)
