"""Code maps are proposed by one person and promoted by another; maps and lists retire as recorded changes."""

from datetime import UTC, datetime

import pytest

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, item_pb2, pin_pb2, what_if_pb2
from concord.mdm.v1 import code_map_proposal_pb2 as proposal_pb
from concord.mdm.v1 import reference_data_pb2 as pb
from tests.support.hub.codes import (
    create_list,
    listed,
    promote_map,
    propose_map,
    put_map,
    rid,
    say_item,
    unit_of,
    work_off,
)
from tests.support.hub.served import WRITER, Client, ServedHub, refused

ERP, LEGACY = "systems/erp", "systems/legacy"
Proposal = proposal_pb.CodeMapProposal


@pytest.fixture(autouse=True)
def units(steward: Client) -> pb.CodeList:
    return create_list(steward, listed())


@pytest.fixture
def controller(mesh: ServedHub) -> Client:
    """The second person."""
    return mesh.client(subject="controller")


def delete_list(client: Client, code_list: pb.CodeList) -> pb.CodeList:
    request = pb.DeleteCodeListRequest(name=code_list.name, etag=code_list.etag, request_id=rid())
    return client.reference_data.DeleteCodeList(request).code_list


def pin_unit(client: Client, golden: str, unit: str) -> pin_pb2.Pin:
    item = client.items.GetItem(item_pb2.GetItemRequest(name=golden)).item
    request = pin_pb2.PinValueRequest(request_id=rid(), etag=item.etag, golden_record=golden, path="packs", reason="x")
    request.content.Pack(item_pb2.Item(base_unit=unit))
    request.expire_time.FromDatetime(datetime(2099, 1, 1, tzinfo=UTC))
    return client.pins.PinValue(request).pin


def compared(client: Client, made: Proposal) -> pb.CodeMapEffect:
    request = proposal_pb.CompareCodeMapProposalRequest(name=made.name)
    return client.code_maps.CompareCodeMapProposal(request).effect


def test_a_map_takes_a_second_person_and_says_who_both_were(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    name = say_item(mesh.hub, ERP, "1", "CA")
    made = propose_map(steward, ERP, {"CA": "CS"}).code_map_proposal
    assert (made.state, made.author, made.code_map, made.base_revision) == (
        Proposal.STATE_PROPOSED,
        "tester",
        "codeMaps/erp:units",
        0,
    )
    work_off(mesh.hub)
    assert unit_of(mesh.hub, name) == "CA"
    assert refused(lambda: promote_map(steward, made)).reason == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    unable = mesh.client(subject="clerk", permissions=[each for each in WRITER if each != "mdm.codes.promote"])
    assert refused(lambda: promote_map(unable, made)).reason == reasons.ERROR_REASON_PERMISSION_MISSING
    promoted = promote_map(controller, made)
    assert (promoted.state, promoted.decider, promoted.revision) == (Proposal.STATE_PROMOTED, "controller", 2)
    kept = steward.reference_data.GetCodeMap(pb.GetCodeMapRequest(name=made.code_map)).code_map
    assert (kept.proposal, kept.author, kept.decider) == (made.name, "tester", "controller")
    work_off(mesh.hub)
    assert unit_of(mesh.hub, name) == "CS"


def test_a_proposal_is_compared_as_often_as_one_likes_and_settled_once(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    say_item(mesh.hub, ERP, "1", "CA")
    first = propose_map(steward, ERP, {"CA": "CS"}).code_map_proposal
    other = propose_map(steward, ERP, {"CA": "BX"}).code_map_proposal
    assert [(each.source_code, each.canonical_after) for each in compared(controller, first).codes] == [("CA", "CS")]
    assert compared(steward, other).records_changed == 1
    promote_map(controller, first)
    overtaken = refused(lambda: promote_map(controller, other))
    assert overtaken.reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    assert overtaken.preconditions[0].subject == "codeMaps/erp:units"
    assert refused(lambda: compared(steward, first)).reason == reasons.ERROR_REASON_PROPOSAL_SETTLED
    withdrawing = proposal_pb.WithdrawCodeMapProposalRequest(name=other.name, etag=other.etag, request_id=rid())
    withdrawn = steward.code_maps.WithdrawCodeMapProposal(withdrawing).code_map_proposal
    assert (withdrawn.state, withdrawn.decider) == (Proposal.STATE_WITHDRAWN, "tester")
    asked = proposal_pb.ListCodeMapProposalsRequest(page_size=1)
    page = steward.code_maps.ListCodeMapProposals(asked)
    assert ([each.name for each in page.code_map_proposals], page.total_count) == ([other.name], 2)
    waiting = proposal_pb.ListCodeMapProposalsRequest(state=Proposal.STATE_PROPOSED)
    assert steward.code_maps.ListCodeMapProposals(waiting).total_count == 0


def test_a_list_that_changed_since_stands_in_the_way_of_a_promotion(
    steward: Client, controller: Client, units: pb.CodeList
) -> None:
    made = propose_map(steward, ERP, {"CA": "CS"}).code_map_proposal
    shorter = pb.CodeList(name=units.name, values=[pb.CodeValue(code="EA")])
    request = pb.UpdateCodeListRequest(code_list=shorter, etag=units.etag, request_id=rid())
    changed = steward.reference_data.UpdateCodeList(request).code_list
    error = refused(lambda: promote_map(controller, made))
    assert error.reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    assert [each.subject for each in error.preconditions] == ["entries[CA].canonical_code"]
    delete_list(steward, changed)
    gone = refused(lambda: promote_map(controller, made))
    assert (gone.reason, gone.preconditions[0].subject) == (reasons.ERROR_REASON_PROPOSAL_INVALID, units.name)


def test_a_map_retires_by_a_proposal_and_its_records_follow(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    name = say_item(mesh.hub, ERP, "1", "CA")
    other = say_item(mesh.hub, ERP, "2", "KT")
    put_map(steward, controller, ERP, {"CA": "CS"})
    work_off(mesh.hub)
    told = propose_map(steward, ERP, {}, retires=True, dry=True).effect
    assert [(each.source_code, each.canonical_before, each.canonical_after) for each in told.codes] == [
        ("CA", "CS", ""),
        ("KT", "", ""),
    ]
    assert (told.records_changed, told.records_unmapped) == (2, 0)
    retired = put_map(steward, controller, ERP, {}, retires=True)
    assert (retired.retired, retired.revision, list(retired.entries)) == (True, 2, [])
    work_off(mesh.hub)
    assert (unit_of(mesh.hub, name), unit_of(mesh.hub, other)) == ("CA", "KT")
    data = steward.reference_data
    assert not data.ListCodeMaps(pb.ListCodeMapsRequest()).code_maps
    assert not data.ListUnmappedCodes(pb.ListUnmappedCodesRequest()).unmapped_codes
    (run,) = data.ListCodeMapRuns(pb.ListCodeMapRunsRequest()).code_map_runs
    assert (run.state, run.records_changed) == (pb.CodeMapRun.STATE_FINISHED, told.records_changed)
    history = data.ListCodeMapRevisions(pb.ListCodeMapRevisionsRequest(name=retired.name)).code_maps
    assert [(each.revision, each.retired) for each in history] == [(2, True), (1, False)]
    (leaf,) = [
        audit_pb2.Leaf.FromString(bytes(leaf))  # type: ignore[call-overload] # it is what it is
        for (leaf,) in mesh.hub.rows("SELECT leaf FROM changes WHERE record_type = 'code_map' AND revision = 2")
    ]
    assert leaf.operation == audit_pb2.OPERATION_DELETE


def test_only_a_map_that_is_there_retires_and_without_entries(steward: Client, controller: Client) -> None:
    absent = refused(lambda: propose_map(steward, ERP, {}, retires=True))
    assert absent.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    put_map(steward, controller, ERP, {"CA": "CS"})
    error = refused(lambda: propose_map(steward, ERP, {"CA": "CS"}, retires=True))
    assert (error.reason, error.violations[0].field) == (
        reasons.ERROR_REASON_INVALID_CONTENT,
        "code_map_proposal.entries",
    )


def test_one_code_at_most_is_preferred_for_a_canonical_one(steward: Client) -> None:
    error = refused(lambda: propose_map(steward, ERP, {"CA": "CS", "KT": "CS"}, preferred=["CA", "KT"]))
    assert (error.reason, error.violations[0].field) == (
        reasons.ERROR_REASON_INVALID_CONTENT,
        "code_map_proposal.entries[KT].preferred",
    )


def test_a_list_retires_only_when_no_map_leads_to_it_and_may_come_back(
    steward: Client, controller: Client, units: pb.CodeList
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    used = refused(lambda: delete_list(steward, units))
    assert (used.reason, used.metadata["references"]) == (reasons.ERROR_REASON_RECORD_STILL_REFERENCED, "1")
    put_map(steward, controller, ERP, {}, retires=True)
    retired = delete_list(steward, units)
    assert (retired.retired, retired.revision) == (True, 2)
    assert refused(lambda: delete_list(steward, retired)).reason == reasons.ERROR_REASON_RECORD_DELETED
    assert not steward.reference_data.ListCodeLists(pb.ListCodeListsRequest()).code_lists
    assert refused(lambda: propose_map(steward, ERP, {})).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    again = create_list(steward, listed())
    assert (again.retired, again.revision) == (False, 3)
    assert refused(lambda: create_list(steward, listed())).reason == reasons.ERROR_REASON_RECORD_EXISTS


def test_proposals_are_their_systems_entitys(mesh: ServedHub, steward: Client) -> None:
    made = propose_map(steward, ERP, {}).code_map_proposal
    south = mesh.client(entities=["entities/south"], subject="south")
    north = mesh.client(entities=["entities/north"], subject="north")
    asked = proposal_pb.GetCodeMapProposalRequest(name=made.name)
    assert refused(lambda: south.code_maps.GetCodeMapProposal(asked)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: promote_map(south, made)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert not south.code_maps.ListCodeMapProposals(proposal_pb.ListCodeMapProposalsRequest()).code_map_proposals
    assert north.code_maps.GetCodeMapProposal(asked).code_map_proposal == made
    assert promote_map(north, made).decider == "north"


def test_a_comparison_names_the_pins_that_would_end_and_what_stays(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    names = [say_item(mesh.hub, ERP, key, unit) for key, unit in (("1", "CA"), ("2", "CA"), ("3", "EA"))]
    pins = [pin_unit(steward, name, "BX") for name in (names[0], names[2])]
    first = propose_map(steward, ERP, {"CA": "CS", "EA": "EA"}).code_map_proposal
    told = compared(steward, first)
    assert [(each.pin, each.golden_record, each.path) for each in told.ending_pins] == [
        (pins[0].name, names[0], "packs")
    ]
    assert (told.ending_pin_count, told.review_count) == (1, 0)
    subjects = what_if_pb2.Unaffected.Subject
    assert {each.subject for each in told.unaffected} == {
        subjects.SUBJECT_LINKS,
        subjects.SUBJECT_MATCH_DECISIONS,
        subjects.SUBJECT_STEWARDS_VALUES,
    }
    promote_map(controller, first)
    work_off(mesh.hub)
    ended = pin_pb2.ListPinsRequest(state=pin_pb2.Pin.STATE_OVERTAKEN)
    assert [each.name for each in steward.pins.ListPins(ended).pins] == [pins[0].name]
    # Once codes in use are known, it is told from them.
    known = propose_map(steward, ERP, {"CA": "CS", "EA": "BX"}, dry=True).effect
    assert [each.pin for each in known.ending_pins] == [pins[1].name]


def test_proposals_come_with_the_feed(steward: Client, controller: Client) -> None:
    made = propose_map(steward, ERP, {}).code_map_proposal
    promote_map(controller, made)
    stream = steward.changes.WatchChanges(
        change_pb2.WatchChangesRequest(record_types=["code_map_proposal", "code_map"])
    )
    seen: list[tuple[str, int]] = []
    for response in stream:
        seen += [(change.record, change.revision) for change in response.transaction.changes]
        if len(seen) > 2:
            break
    stream.cancel()
    assert sorted(seen) == sorted([(made.name, 1), (made.code_map, 1), (made.name, 2)])
