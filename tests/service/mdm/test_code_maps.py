"""Code lists and code maps, as callers meet them."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, item_pb2, merge_pb2, pack_pb2, record_pb2, system_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from concord.mdm.v1.code_map_proposal_pb2 import CreateCodeMapProposalRequest
from services.mdm.storage.reference_data.recoding import ACTOR
from tests.support.hub.codes import (
    create_list,
    listed,
    propose_map,
    proposed,
    put_map,
    rid,
    say_item,
    unit_of,
    work_off,
)
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import statement
from tests.support.waiting import eventually

ERP, LEGACY, WORKFORCE = "systems/erp", "systems/legacy", "systems/workforce"


@pytest.fixture(autouse=True)
def units(steward: Client) -> pb.CodeList:
    return create_list(steward, listed())


@pytest.fixture
def controller(mesh: ServedHub) -> Client:
    """The second person."""
    return mesh.client(subject="controller")


def runs(steward: Client, *, unfinished: bool = False) -> list[pb.CodeMapRun]:
    request = pb.ListCodeMapRunsRequest(unfinished_only=unfinished)
    return list(steward.reference_data.ListCodeMapRuns(request).code_map_runs)


def unmapped(steward: Client, **asked: Any) -> pb.ListUnmappedCodesResponse:
    return steward.reference_data.ListUnmappedCodes(pb.ListUnmappedCodesRequest(**asked))


def explained(steward: Client, name: str, path: str) -> record_pb2.ValueExplanation:
    answer = steward.items.ExplainItem(item_pb2.ExplainItemRequest(name=name)).explanation
    (value,) = (each for each in answer.values if each.path == path)
    return value


def changes(mesh: ServedHub, steward: Client) -> list[change_pb2.Change]:
    """Everything that was published, in the order of the feed."""
    eventually(lambda: not mesh.hub.rows("SELECT 1 FROM spool"))
    ((last,),) = mesh.hub.rows("SELECT max(position) FROM positions")
    watched = steward.changes.WatchChanges(change_pb2.WatchChangesRequest(record_types=["item", "code_map"]))
    found: list[change_pb2.Change] = []
    for answer in watched:
        found.extend(answer.transaction.changes)
        if found[-1].position == last:
            break
    watched.cancel()
    return found


def test_complaint_a_code_map_change_emits_an_event_for_every_touched_record(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    touched = {say_item(mesh.hub, ERP, str(number), "CA") for number in range(3)}
    say_item(mesh.hub, ERP, "other", "EA")
    say_item(mesh.hub, LEGACY, "1", "CA")
    kept = put_map(steward, controller, ERP, {"EA": "EA", "CA": "BX"})
    work_off(mesh.hub)
    put_map(steward, controller, ERP, {"EA": "EA", "CA": "CS"})
    work_off(mesh.hub)
    published = changes(mesh, steward)
    items = [(each.record, each.revision) for each in published if each.record_type == "item"]
    assert [each for each in items if each[0] in touched] == [
        (name, revision) for revision in (1, 2, 3) for name in sorted(touched)
    ]
    assert len({name for name, _ in items} - touched) == len(items) - 3 * len(touched) == 2
    last = {each.record: each for each in published}
    for name in touched:
        content = item_pb2.Item()
        last[name].content.Unpack(content)
        assert content.base_unit == "CS"
    assert [each.revision for each in published if each.record == kept.name] == [1, 2]


def test_each_new_golden_revision_is_evidence_that_names_the_maps_revision(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    name = say_item(mesh.hub, ERP, "1", "CA")
    put_map(steward, controller, ERP, {"CA": "CS"})
    work_off(mesh.hub)
    leaves = {
        (record, revision): leaf
        for record, revision, leaf in mesh.hub.rows("SELECT record, revision, leaf FROM changes")
    }
    leaf = audit_pb2.Leaf.FromString(bytes(leaves[name, 2]))  # type: ignore[call-overload] # it is what it is
    assert (leaf.actor, leaf.reason) == (ACTOR, "codeMaps/erp:units@1")
    assert [field.path for field in leaf.fields] == ["base_unit"]


def test_the_same_code_of_two_systems_leads_where_each_ones_map_says(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    put_map(steward, controller, LEGACY, {"CA": "BX"})
    names = [say_item(mesh.hub, system, "1", "CA") for system in (ERP, LEGACY, WORKFORCE)]
    assert [unit_of(mesh.hub, name) for name in names] == ["CS", "BX", "CA"]


def test_trade_items_that_two_systems_code_differently_are_one(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    gtin = "00380740000011"
    for system, unit in ((ERP, "CA"), (WORKFORCE, "CS")):
        trade_item = pack_pb2.TradeItem(unit=unit, gtin=gtin)
        mesh.hub.submit(statement(system, "1", item_pb2.Item(display_name="x", trade_items=[trade_item])))
    (found,) = steward.items.ListItems(item_pb2.ListItemsRequest()).items
    assert [(each.unit, each.gtin) for each in found.trade_items] == [("CS", gtin)]
    assert len(explained(steward, found.name, "trade_items[CS]").losers) == 1


def test_a_source_keeps_its_code_and_the_explanation_shows_both(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    kept = put_map(steward, controller, ERP, {"CA": "CS"})
    name = say_item(mesh.hub, ERP, "1", "CA")
    winner = explained(steward, name, "packs").winner
    assert winner.value == '{"base_unit": "CS"}'
    (code,) = winner.codes
    assert (code.field, code.source_code, code.canonical_code) == ("base_unit", "CA", "CS")
    assert (code.unmapped, code.code_map_revision) == (False, f"{kept.name}@1")
    answer = steward.items.ExplainItem(item_pb2.ExplainItemRequest(name=name)).explanation
    assert list(answer.code_map_revisions) == [f"{kept.name}@1"]
    source = mesh.hub.parts.sources
    with mesh.hub.database.reading() as connection:
        said = item_pb2.Item()
        source.present(source.find(connection, winner.source_record, None, None), clear=True).content.Unpack(said)
    assert said.base_unit == "CA"


def test_an_old_revision_is_explained_by_the_map_of_its_time(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "BX"})
    name = say_item(mesh.hub, ERP, "1", "CA")
    eventually(lambda: not mesh.hub.rows("SELECT 1 FROM spool"))
    then = item_pb2.ExplainItemRequest(name=name)
    then.read_time.FromDatetime(mesh.hub.rows("SELECT max(published_at) FROM positions")[0][0])  # type: ignore[arg-type]
    put_map(steward, controller, ERP, {"CA": "CS"})
    work_off(mesh.hub)
    eventually(lambda: not mesh.hub.rows("SELECT 1 FROM spool"))
    (value,) = (each for each in steward.items.ExplainItem(then).explanation.values if each.path == "packs")
    assert (value.winner.value, value.winner.codes[0].canonical_code) == ('{"base_unit": "BX"}', "BX")
    assert explained(steward, name, "packs").winner.value == '{"base_unit": "CS"}'


def test_an_unmapped_code_is_kept_marked_and_listed_until_it_is_mapped(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    names = [say_item(mesh.hub, ERP, str(number), "KT") for number in range(3)]
    say_item(mesh.hub, ERP, "rare", "ZZ")
    assert unit_of(mesh.hub, names[0]) == "KT"
    (code,) = explained(steward, names[0], "packs").winner.codes
    assert (code.source_code, code.canonical_code, code.unmapped) == ("KT", "", True)
    waiting = unmapped(steward)
    assert [(each.source_code, each.source_records) for each in waiting.unmapped_codes] == [("KT", 3), ("ZZ", 1)]
    first = waiting.unmapped_codes[0]
    assert (first.system, first.code_list, first.example) == (ERP, "codeLists/units", min(names))
    assert first.HasField("since")
    assert waiting.total_count == 2
    put_map(steward, controller, ERP, {"CA": "CS", "KT": "BX"})
    work_off(mesh.hub)
    assert [each.source_code for each in unmapped(steward).unmapped_codes] == ["ZZ"]
    assert unit_of(mesh.hub, names[0]) == "BX"


def test_unmapped_codes_come_in_pages_and_go_with_their_sources(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {})
    put_map(steward, controller, LEGACY, {})
    for code, times in (("A", 2), ("B", 2), ("C", 1)):
        for number in range(times):
            say_item(mesh.hub, ERP, f"{code}{number}", code)
    say_item(mesh.hub, LEGACY, "1", "A")
    first = unmapped(steward, page_size=2)
    second = unmapped(steward, page_size=2, page_token=first.next_page_token)
    found = [(each.system, each.source_code) for page in (first, second) for each in page.unmapped_codes]
    assert found == [(ERP, "A"), (ERP, "B"), (ERP, "C"), (LEGACY, "A")]
    assert (first.total_count, second.next_page_token) == (4, "")
    assert unmapped(steward, system=LEGACY, code_list="codeLists/units").total_count == 1
    mesh.hub.submit(statement(ERP, "C0", item_pb2.Item(display_name="x", base_unit="C"), deleted=True))
    assert unmapped(steward).total_count == 3


def test_a_rehearsed_map_tells_what_it_touches_and_touches_nothing(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    for number, unit in enumerate(["CA", "CA", "KT", "EA"]):
        say_item(mesh.hub, ERP, str(number), unit)
    say_item(mesh.hub, LEGACY, "1", "CA")
    effect = propose_map(steward, ERP, {"CA": "CS", "EA": "EA"}, dry=True).effect
    told = [(each.source_code, each.canonical_after, each.records) for each in effect.codes]
    assert told == [("CA", "CS", 2), ("KT", "", 1)]
    assert (effect.records_changed, effect.records_unmapped, effect.is_complete) == (3, 1, True)
    assert runs(steward) == []
    put_map(steward, controller, ERP, {"CA": "CS", "EA": "EA"})
    before = propose_map(steward, ERP, {"CA": "BX", "KT": "CS"}, dry=True).effect
    work_off(mesh.hub)
    (run,) = runs(steward)
    assert run.records_changed == effect.records_changed
    effect = propose_map(steward, ERP, {"CA": "BX", "KT": "CS"}, dry=True).effect
    assert effect == before
    moves = [(each.source_code, each.canonical_before, each.canonical_after, each.records) for each in effect.codes]
    assert moves == [("CA", "CS", "BX", 2), ("EA", "EA", "", 1), ("KT", "", "CS", 1)]
    assert (effect.records_changed, effect.records_unmapped) == (4, 1)
    put_map(steward, controller, ERP, {"CA": "BX", "KT": "CS"})
    work_off(mesh.hub)
    (run,) = runs(steward)
    assert (run.records_changed, run.target_revision) == (4, 2)


def test_a_run_tells_how_far_it_is(mesh: ServedHub, steward: Client, controller: Client) -> None:
    for number in range(3):
        say_item(mesh.hub, ERP, str(number), "CA")
    kept = put_map(steward, controller, ERP, {"CA": "CS"})
    (run,) = runs(steward, unfinished=True)
    assert (run.code_map, run.state, run.records_total) == (kept.name, pb.CodeMapRun.STATE_WAITING, 0)
    eventually(mesh.hub.parts.recoding.step)  # a run begins once transactions under way, such as the relay's, are over
    (run,) = runs(steward)
    assert (run.state, run.records_total, run.records_visited) == (pb.CodeMapRun.STATE_RUNNING, 3, 0)
    work_off(mesh.hub)
    (run,) = runs(steward)
    assert (run.state, run.records_visited, run.records_changed) == (pb.CodeMapRun.STATE_FINISHED, 3, 3)
    assert runs(steward, unfinished=True) == []


def test_a_map_and_a_list_are_read_listed_and_have_their_revisions(
    steward: Client, controller: Client, units: pb.CodeList
) -> None:
    data = steward.reference_data
    kept = put_map(steward, controller, ERP, {"b": "CS", "a": "EA"})
    assert (kept.name, [each.source_code for each in kept.entries]) == ("codeMaps/erp:units", ["a", "b"])
    assert data.GetCodeMap(pb.GetCodeMapRequest(name=kept.name)).code_map == kept
    assert data.GetCodeList(pb.GetCodeListRequest(name=units.name)).code_list == units
    assert list(data.ListCodeLists(pb.ListCodeListsRequest()).code_lists) == [units]
    changed = put_map(steward, controller, ERP, {"c": "CS"})
    maps = data.ListCodeMaps(pb.ListCodeMapsRequest(system=ERP))
    assert (list(maps.code_maps), maps.total_count) == ([changed], 1)
    assert not data.ListCodeMaps(pb.ListCodeMapsRequest(code_list="codeLists/none")).code_maps
    first = data.ListCodeMapRevisions(pb.ListCodeMapRevisionsRequest(name=kept.name, page_size=1))
    rest = pb.ListCodeMapRevisionsRequest(name=kept.name, page_size=1, page_token=first.next_page_token)
    assert [*first.code_maps, *data.ListCodeMapRevisions(rest).code_maps] == [changed, kept]
    renamed = pb.CodeList(name=units.name, display_name="Units of measure")
    request = pb.UpdateCodeListRequest(code_list=renamed, etag=units.etag, request_id=rid())
    newer = data.UpdateCodeList(request).code_list
    assert (newer.revision, newer.display_name, list(newer.values)) == (2, "Units of measure", list(units.values))
    revisions = data.ListCodeListRevisions(pb.ListCodeListRevisionsRequest(name=units.name)).code_lists
    assert list(revisions) == [newer, units]


@pytest.mark.parametrize(
    ("entries", "system", "field"),
    [
        ([("CA", "NO")], ERP, "entries[CA].canonical_code"),
        ([("CA", "CS"), ("CA", "BX")], ERP, "entries[CA]"),
        ([(" ", "CS")], ERP, "entries[0]"),
        ([("CA", "CS")], "systems/hub", "system"),
    ],
)
def test_a_map_that_makes_no_sense_is_refused(
    steward: Client, entries: list[tuple[str, str]], system: str, field: str
) -> None:
    said = proposed(system, {})
    for code, to in entries:
        said.entries.add(source_code=code, canonical_code=to)
    request = CreateCodeMapProposalRequest(code_map_proposal=said, request_id=rid())
    error = refused(lambda: steward.code_maps.CreateCodeMapProposal(request))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    assert error.violations[0].field == f"code_map_proposal.{field}"


def test_a_map_needs_its_system_and_its_list(steward: Client) -> None:
    missing = refused(lambda: propose_map(steward, ERP, {}, "none"))
    assert (missing.reason, missing.metadata["name"]) == (reasons.ERROR_REASON_RECORD_NOT_FOUND, "codeLists/none")
    assert refused(lambda: propose_map(steward, "systems/none", {})).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_code_that_maps_lead_to_stays_in_its_list(steward: Client, controller: Client, units: pb.CodeList) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    shorter = pb.CodeList(name=units.name, values=[pb.CodeValue(code="EA")])
    request = pb.UpdateCodeListRequest(code_list=shorter, etag=units.etag, request_id=rid())
    error = refused(lambda: steward.reference_data.UpdateCodeList(request))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, "code_list.values[CS]")
    assert "codeMaps/erp:units" in error.violations[0].description


def test_a_list_has_only_codes_that_the_coded_fields_take(steward: Client) -> None:
    for name, codes, field in (
        ("currencies", ("USD", "euro"), "code_list.values[euro]"),
        ("unspsc", ("42142500", "4214"), "code_list.values[4214]"),
        ("countries", ("US", "USA"), "code_list.values[USA]"),
        ("shift_differentials", ("night", "night"), "code_list.values[night]"),
    ):
        error = refused(lambda n=name, c=codes: create_list(steward, listed(n, c)))  # type: ignore[misc]
        assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, field)


def test_maps_are_their_systems_entitys_and_lists_everybodys(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    kept = put_map(steward, controller, ERP, {})
    say_item(mesh.hub, ERP, "1", "KT")
    south = mesh.client(entities=["entities/south"])
    found = pb.GetCodeMapRequest(name=kept.name)
    assert refused(lambda: south.reference_data.GetCodeMap(found)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    revisions = pb.ListCodeMapRevisionsRequest(name=kept.name)
    hidden = refused(lambda: south.reference_data.ListCodeMapRevisions(revisions))
    assert hidden.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: propose_map(south, LEGACY, {})).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert (list(runs(south)), unmapped(south).total_count) == ([], 0)
    assert not south.reference_data.ListCodeMaps(pb.ListCodeMapsRequest()).code_maps
    assert len(south.reference_data.ListCodeLists(pb.ListCodeListsRequest()).code_lists) == 1
    error = refused(lambda: create_list(south, listed("mine")))
    assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
    assert error.metadata == {"permission": "mdm.codes.write", "entities": "*"}
    assert error.message == "the token carries mdm.codes.write for some entities only: it is needed for every entity"
    assert (unmapped(mesh.client(entities=["entities/north"])).total_count) == 1


def test_a_system_that_changes_its_registration_keeps_its_maps(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    name = say_item(mesh.hub, ERP, "1", "CA")
    erp = steward.systems.GetSystem(system_pb2.GetSystemRequest(name=ERP)).system
    erp.trust_rank = 2
    request = system_pb2.UpdateSystemRequest(
        system=erp, update_mask=FieldMask(paths=["trust_rank"]), etag=erp.etag, request_id=rid()
    )
    steward.systems.UpdateSystem(request)
    say_item(mesh.hub, ERP, "1", "KT")
    assert unit_of(mesh.hub, name) == "KT"
    assert unmapped(steward).total_count == 1


def test_codes_follow_their_sources_when_records_are_merged(
    mesh: ServedHub, steward: Client, controller: Client
) -> None:
    put_map(steward, controller, ERP, {"CA": "CS"})
    names = [say_item(mesh.hub, ERP, key, "KT") for key in "12"]
    one, other = (steward.items.GetItem(item_pb2.GetItemRequest(name=name)).item for name in names)
    steward.items.MergeItems(
        merge_pb2.MergeItemsRequest(
            name=one.name,
            etag=one.etag,
            other_name=other.name,
            other_etag=other.etag,
            reason="one thing",
            request_id=rid(),
        )
    )
    (waiting,) = unmapped(steward).unmapped_codes
    assert (waiting.source_records, waiting.example) == (2, one.name)
    effect = propose_map(steward, ERP, {"CA": "CS", "KT": "BX"}, dry=True).effect
    assert effect.records_changed == 1
    put_map(steward, controller, ERP, {"CA": "CS", "KT": "BX"})
    work_off(mesh.hub)
    assert (unit_of(mesh.hub, one.name), unmapped(steward).total_count) == ("BX", 0)
    assert mesh.hub.rows("SELECT DISTINCT golden FROM coded_values") == [(one.name,)]
