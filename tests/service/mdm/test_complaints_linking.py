"""What users of other tools complain of, about links: each complaint has its test."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import grpc
import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, ingest_pb2, match_pb2, match_queue_pb2, party_pb2, supplier_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.writing.write_path import Applied, LinkOrigin
from services.mesh.errors import from_rpc_error
from tests.support.hub.masters import Master, rid
from tests.support.hub.modelling import put_in_force
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import A_DAY, statement
from tests.support.hub.submitting import submit

LEI = "529900T8BM49AURSDO55"
Kind = match_pb2.MatchDecision.Kind


class Links:
    """Suppliers and who belongs to them, as stewards work on them."""

    def __init__(self, mesh: ServedHub, client: Client) -> None:
        self.mesh = mesh
        self.client = client
        self.suppliers = Master(SUPPLIER, client, mesh)

    def say(self, system: str, key: str, days: int = 0, **fields: Any) -> ingest_pb2.SourceRecord:
        """Let a system say something about a supplier; return the source record."""
        said = statement(f"systems/{system}", key, supplier_pb2.Supplier(**fields), at=A_DAY + timedelta(days=days))
        (answer,) = submit(self.client, said)
        request = ingest_pb2.GetSourceRecordRequest(name=answer.source_record)
        return self.client.ingest.GetSourceRecord(request).source_record

    def golden(self, system: str, key: str) -> Any:
        """Return the supplier that a key belongs to."""
        return self.suppliers.record("lookup", system=f"systems/{system}", key=key)

    def merge(self, one: Any, other: Any, **asked: Any) -> Any:
        """Merge two suppliers; return the response."""
        return self.suppliers.call(
            "merge",
            name=one.name,
            etag=one.etag,
            other_name=other.name,
            other_etag=other.etag,
            **{"reason": "the same company", **asked},
        )

    def unmerge(self, source: ingest_pb2.SourceRecord, golden: Any, **asked: Any) -> Any:
        """Part a source record from the others of a supplier; return the response."""
        request = match_pb2.UnmergeSourceRecordRequest(
            name=source.name,
            etag=golden.etag,
            **{"request_id": rid(), "reason": "two companies", **asked},
        )
        return self.client.stewardship.UnmergeSourceRecord(request)

    def keys(self, golden: str) -> list[tuple[str, str]]:
        """Return the keys that belong to a supplier."""
        request = ingest_pb2.ListSourceRecordsRequest(golden_record=golden)
        return sorted((one.system, one.key) for one in self.client.ingest.ListSourceRecords(request).source_records)


@pytest.fixture
def links(mesh: ServedHub, steward: Client) -> Links:
    return Links(mesh, steward)


def test_manual_links_are_not_overwritten_by_what_systems_say_later(links: Links) -> None:
    links.say("erp", "1", legal_name="Becton Dickinson", lei=LEI)
    other = links.say("legacy", "1", legal_name="Becton", lei=LEI)
    one = links.golden("erp", "1")
    assert links.golden("legacy", "1").name == one.name
    links.unmerge(other, one)
    parted = links.golden("legacy", "1").name
    assert parted != one.name
    links.say("legacy", "1", days=1, legal_name="Becton again", lei=LEI)
    links.say("erp", "1", days=1, legal_name="Becton Dickinson", lei=LEI, website="bd.example")
    assert links.golden("legacy", "1").name == parted
    assert links.golden("erp", "1").name == one.name


def test_a_repeated_unmerge_gets_the_first_answer_whatever_was_decided_since(links: Links) -> None:
    links.say("erp", "1", legal_name="Becton Dickinson", lei=LEI)
    other = links.say("legacy", "1", legal_name="Becton", lei=LEI)
    one = links.golden("erp", "1")
    request_id = rid()
    first = links.unmerge(other, one, request_id=request_id)
    assert (first.golden_record, first.other_golden_record) == (links.golden("legacy", "1").name, one.name)
    assert [each.kind for each in first.decisions] == [match_pb2.MatchDecision.KIND_CANNOT_LINK]
    links.merge(links.golden("erp", "1"), links.golden("legacy", "1"), withdraw_decisions=True)
    assert links.unmerge(other, one, request_id=request_id) == first


def test_the_golden_record_is_rebuilt_when_a_link_changes(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    links.say("legacy", "1", legal_name="ACME Inc.", phone="+1 555 0100")
    one, other = links.golden("erp", "1"), links.golden("legacy", "1")
    merged = links.merge(one, other)
    golden = links.golden("erp", "1")
    assert (golden.name, golden.etag, golden.revision) == (merged.name, merged.etag, merged.revision)
    assert (golden.legal_name, golden.phone) == ("Acme", "+1 555 0100")
    explained = links.suppliers.call("explain", name=golden.name).explanation
    winners = {value.path: value.winner.system for value in explained.values}
    assert winners == {"legal_name": "systems/erp", "phone": "systems/legacy"}


def test_survivorship_counts_from_the_second_record_on(links: Links) -> None:
    for number, system in enumerate(("legacy", "workforce", "erp")):
        links.say(system, "1", days=number, legal_name=f"said by {system}", lei=LEI, website=system)
    golden = links.golden("legacy", "1")
    assert (golden.legal_name, golden.website) == ("said by erp", "erp")
    assert len(links.keys(golden.name)) == 3
    links.say("legacy", "1", days=9, legal_name="newest, but trusted less", lei=LEI, website="legacy")
    assert links.golden("legacy", "1").legal_name == "said by erp"


def test_a_merge_does_not_depend_on_its_direction(links: Links) -> None:
    ends = []
    for number, backwards in enumerate((False, True)):
        links.say("erp", f"{number}", legal_name="Acme", website="a.example")
        links.say("legacy", f"{number}", legal_name="ACME Inc.", phone="+1 555 0100")
        two = links.golden("erp", f"{number}"), links.golden("legacy", f"{number}")
        merged = links.merge(*(reversed(two) if backwards else two))
        older, younger = sorted(one.name for one in two)
        assert (merged.name, merged.retired_name) == (older, younger)
        golden = links.golden("erp", f"{number}")
        ends.append((golden.legal_name, golden.website, golden.phone, golden.revision))
    assert ends[0] == ends[1]


def test_no_history_is_lost_by_a_merge(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    links.say("legacy", "1", legal_name="ACME Inc.")
    links.say("legacy", "1", days=1, legal_name="ACME Incorporated")
    one, other = links.golden("erp", "1"), links.golden("legacy", "1")
    before = links.suppliers.published_time()
    links.merge(one, other)
    history = links.suppliers.records("list_revisions", name=other.name)
    assert [(each.revision, each.state) for each in history] == [
        (3, supplier_pb2.Supplier.STATE_MERGED),
        (2, supplier_pb2.Supplier.STATE_ACTIVE),
        (1, supplier_pb2.Supplier.STATE_ACTIVE),
    ]
    then = links.suppliers.record("get", name=other.name, read_time=before)
    assert (then.name, then.legal_name) == (other.name, "ACME Incorporated")
    now = links.suppliers.record("get", name=other.name)
    assert now == links.suppliers.record("get", name=one.name)


def test_unmerge_is_no_loss_for_multi_valued_fields_and_for_the_stewards_own_word(links: Links) -> None:
    site = party_pb2.SupplierSite
    links.say("erp", "1", legal_name="Acme", trading_names=["A"], sites=[site(code="HQ", display_name="Main")])
    other = links.say("legacy", "1", legal_name="ACME", trading_names=["B"], sites=[site(code="HQ"), site(code="B2")])
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    words = supplier_pb2.Supplier(name=two.name, email="kept@acme.example")
    two = links.suppliers.record("update", record=words, etag=two.etag)
    links.merge(one, two)
    merged = links.golden("erp", "1")
    assert list(merged.trading_names) == ["A", "B"]
    assert [each.code for each in merged.sites] == ["B2", "HQ"]
    assert merged.email == "kept@acme.example"
    unmerged = links.unmerge(other, merged)
    assert (unmerged.golden_record, unmerged.other_golden_record) == (two.name, one.name)
    for before in (one, two):
        after = links.suppliers.record("get", name=before.name)
        for name in ("revision", "etag", "update_time"):
            before.ClearField(name)
            after.ClearField(name)
        assert after == before


def test_references_by_name_go_on_after_a_merge_and_after_an_unmerge(links: Links) -> None:
    links.say("erp", "1", legal_name="Parent")
    other = links.say("legacy", "1", legal_name="Parent too")
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    links.say("erp", "2", legal_name="Child", parent=two.name)
    links.merge(one, two)
    child = links.golden("erp", "2")
    assert child.parent == two.name
    assert links.suppliers.record("get", name=child.parent).name == one.name
    links.unmerge(other, links.golden("erp", "1"))
    assert links.suppliers.record("get", name=child.parent).name == two.name


def test_subscribers_see_a_merge_whole_and_an_unmerge_whole(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    other = links.say("legacy", "1", legal_name="ACME Inc.")
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    links.merge(one, two)
    links.unmerge(other, links.golden("erp", "1"))
    links.suppliers.published_time()
    kinds = ["supplier", "source_record", "match_decision"]
    stream = links.client.changes.WatchChanges(change_pb2.WatchChangesRequest(record_types=kinds))
    transactions = [next(stream).transaction for _ in range(4)][2:]
    stream.cancel()
    merge, unmerge = [{(c.record, c.operation, c.merged_into) for c in each.changes} for each in transactions]
    operation = change_pb2.Change.Operation
    (decision,) = {each.record for each in transactions[0].changes if each.record_type == "match_decision"}
    assert merge == {
        (decision, operation.OPERATION_CREATE, ""),
        (other.name, operation.OPERATION_RELINK, ""),
        (one.name, operation.OPERATION_UPDATE, ""),
        (two.name, operation.OPERATION_MERGE, one.name),
    }
    assert (two.name, operation.OPERATION_UNDELETE, "") in unmerge
    assert (other.name, operation.OPERATION_RELINK, "") in unmerge
    crossed = {c.record: [e.source_record for e in c.crosswalk] for c in transactions[1].changes}
    assert crossed[two.name] == [other.name]


def test_a_retired_name_is_no_longer_decided_on_and_says_where_it_went(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    links.say("legacy", "1", legal_name="ACME Inc.")
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    links.merge(one, two)
    words = supplier_pb2.Supplier(name=two.name, legal_name="late")
    for error in (
        refused(lambda: links.suppliers.call("update", record=words, etag=two.etag)),
        refused(lambda: links.merge(links.golden("erp", "1"), two)),
    ):
        assert error.reason == reasons.ERROR_REASON_RECORD_MERGED
        assert error.metadata["merged_into"] == one.name


def test_links_made_by_people_and_by_machines_are_told_apart(links: Links) -> None:
    first = links.say("erp", "1", legal_name="Acme", lei=LEI)
    second = links.say("legacy", "1", legal_name="ACME", lei=LEI)
    third = links.say("workforce", "1", legal_name="ACME Inc.")
    links.merge(links.golden("erp", "1"), links.golden("workforce", "1"))
    origins = [
        links.client.ingest.GetSourceRecord(ingest_pb2.GetSourceRecordRequest(name=each.name)).source_record.link_origin
        for each in (first, second, third)
    ]
    assert origins == [
        LinkOrigin.LINK_ORIGIN_FOUNDED,
        LinkOrigin.LINK_ORIGIN_IDENTIFIER,
        LinkOrigin.LINK_ORIGIN_STEWARD,
    ]


def test_a_decision_stands_against_a_later_merge_until_it_is_withdrawn(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme", lei=LEI)
    other = links.say("legacy", "1", legal_name="ACME", lei=LEI)
    decided = links.unmerge(other, links.golden("erp", "1")).decisions
    assert [(one.kind, one.reason) for one in decided] == [(match_pb2.MatchDecision.KIND_CANNOT_LINK, "two companies")]
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    for rehearsal in (True, False):
        error = refused(lambda rehearsal=rehearsal: links.merge(one, two, validate_only=rehearsal))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_MATCH_DECISION_STANDS
        assert [each.subject for each in error.preconditions] == [decided[0].name]
    links.merge(one, two, withdraw_decisions=True)
    now = links.client.stewardship.GetMatchDecision(match_pb2.GetMatchDecisionRequest(name=decided[0].name))
    assert now.match_decision.kind == match_pb2.MatchDecision.KIND_MUST_LINK
    assert now.match_decision.revision == 3


def test_what_a_steward_says_after_a_merge_comes_true_whatever_stewards_said_before(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    links.say("legacy", "1", legal_name="ACME")
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    said = supplier_pb2.Supplier(name=one.name, website="one.example")
    one = links.suppliers.record("update", record=said, etag=one.etag)
    words = supplier_pb2.Supplier(name=two.name, website="two.example")
    two = links.suppliers.record("update", record=words, etag=two.etag)
    links.merge(one, two)
    merged = links.golden("erp", "1")
    assert merged.website == "two.example"
    again = links.suppliers.record("update", record=said, etag=merged.etag)
    assert again.website == "one.example"


def test_a_delivery_of_a_record_that_was_merged_away_is_linked_to_the_one_that_goes_on(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme")
    links.say("legacy", "1", legal_name="ACME")
    one, two = links.golden("erp", "1"), links.golden("legacy", "1")
    links.merge(one, two)
    said = statement("systems/workforce", "w", supplier_pb2.Supplier(legal_name="ACME"))
    said.echo.golden_record, said.echo.golden_revision = two.name, two.revision
    (answer,) = links.mesh.hub.submit(said)
    assert isinstance(answer, Applied)
    assert answer.golden == one.name


class Queue:
    """The stewards' queue, for one steward."""

    def __init__(self, client: Client) -> None:
        self.stub = client.stewardship

    def page(self, **asked: Any) -> match_queue_pb2.ListMatchCandidatesResponse:
        """Return a page of what waits."""
        return self.stub.ListMatchCandidates(match_queue_pb2.ListMatchCandidatesRequest(**asked))

    def decide(self, name: str, kind: match_pb2.MatchDecision.Kind.ValueType = Kind.KIND_MUST_LINK) -> Any:
        """Decide on a candidate."""
        request = match_queue_pb2.DecideMatchCandidateRequest(name=name, kind=kind, reason="seen", request_id=rid())
        return self.stub.DecideMatchCandidate(request)

    def claim(self, name: str) -> Any:
        """Claim a candidate."""
        request = match_queue_pb2.ClaimMatchCandidateRequest(name=name, request_id=rid())
        return self.stub.ClaimMatchCandidate(request).match_candidate

    def release(self, name: str) -> Any:
        """Release a candidate."""
        request = match_queue_pb2.ReleaseMatchCandidateRequest(name=name, request_id=rid())
        return self.stub.ReleaseMatchCandidate(request).match_candidate


@pytest.fixture
def queue(links: Links) -> Queue:
    """The queue of a hub with a match model that links nothing alone."""
    model = replace(default_model(SUPPLIER), link_millibits=None)
    put_in_force(links.mesh.hub, SUPPLIER, model)
    return Queue(links.client)


def test_a_repeated_claim_or_release_answers_as_the_first_did(links: Links, queue: Queue) -> None:
    for system in ("erp", "legacy"):
        links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
    (name,) = [each.name for each in queue.page().match_candidates]
    claim = match_queue_pb2.ClaimMatchCandidateRequest(name=name, request_id=rid())
    release = match_queue_pb2.ReleaseMatchCandidateRequest(name=name, request_id=rid())
    claimed = queue.stub.ClaimMatchCandidate(claim).match_candidate
    released = queue.stub.ReleaseMatchCandidate(release).match_candidate
    assert (claimed.claimant, released.claimant) == ("tester", "")
    assert queue.stub.ClaimMatchCandidate(claim).match_candidate == claimed
    queue.claim(name)
    assert queue.stub.ReleaseMatchCandidate(release).match_candidate == released
    assert queue.page().match_candidates[0].claimant == "tester"


ALIKE: dict[str, Any] = {"phone": "+1 555 010 1234", "website": "bd.example"}


def test_the_queue_counts_what_it_lists_and_says_why(links: Links, queue: Queue) -> None:
    for number, system in enumerate(("erp", "legacy", "workforce")):
        links.say(system, "1", legal_name=f"Becton Dickinson {'& Co' * (number % 2)}", **ALIKE)
    first = queue.page(page_size=2)
    rest = queue.page(page_size=2, page_token=first.next_page_token)
    listed = [*first.match_candidates, *rest.match_candidates]
    assert (first.total_count, rest.total_count, len(listed), rest.next_page_token) == (3, 3, 3, "")
    assert len({each.name for each in listed}) == 3
    for each in listed:
        assert each.doubt == match_queue_pb2.MatchCandidate.DOUBT_WEAK
        assert each.score_millibits == sum(reason.weight_millibits for reason in each.reasons)
        found = {reason.attribute: reason.finding for reason in each.reasons}
        assert (found["phone"], found["website"]) == ("the same", "the same")
        assert len(set(each.golden_records)) == 2
        assert each.HasField("create_time")
    assert [each.priority for each in listed] == sorted(each.priority for each in listed)


def test_two_reviews_accepted_at_once_end_in_one_golden_record(links: Links, queue: Queue) -> None:
    for system in ("erp", "legacy", "workforce"):
        links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
    names = [each.name for each in queue.page().match_candidates]
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda name: accepted(queue, name), names))
    assert outcomes.count("accepted") >= 2
    assert {"accepted", "gone"} >= set(outcomes)
    goldens = {links.golden(system, "1").name for system in ("erp", "legacy", "workforce")}
    assert len(goldens) == 1
    assert queue.page().total_count == 0
    assert len(links.suppliers.listed()) == 1


def accepted(queue: Queue, name: str) -> str:
    """Accept a candidate, which another acceptance may have settled."""
    try:
        queue.decide(name)
    except grpc.RpcError as error:
        assert from_rpc_error(error).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND  # noqa: PT017 - it may succeed
        return "gone"
    return "accepted"


def test_one_source_record_never_belongs_to_two_golden_records(links: Links, queue: Queue) -> None:
    for system in ("erp", "legacy", "workforce"):
        links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
    for each in queue.page().match_candidates[:2]:
        accepted(queue, each.name)
    for system in ("erp", "legacy", "workforce"):
        golden = links.golden(system, "1")
        assert (f"systems/{system}", "1") in links.keys(golden.name)
    pairs = links.mesh.hub.rows("SELECT count(*), count(DISTINCT source_record) FROM crosswalk")
    assert pairs == [(3, 3)]


def test_a_review_never_points_at_a_golden_record_that_is_deleted_or_merged(links: Links, queue: Queue) -> None:
    for system in ("erp", "legacy", "workforce"):
        links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
    one = links.golden("erp", "1")
    links.suppliers.call("delete", name=one.name, etag=one.etag)
    left = queue.page()
    assert (left.total_count, len(left.match_candidates)) == (1, 1)
    links.merge(links.golden("legacy", "1"), links.golden("workforce", "1"))
    assert queue.page().total_count == 0
    gone = refused(lambda: queue.decide(left.match_candidates[0].name))
    assert gone.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_rejected_pair_is_not_asked_about_again_whatever_its_systems_say(links: Links, queue: Queue) -> None:
    links.say("erp", "1", legal_name="Becton Dickinson", **ALIKE)
    links.say("legacy", "1", legal_name="Becton Dickinson", **ALIKE)
    (candidate,) = queue.page().match_candidates
    decided = queue.decide(candidate.name, Kind.KIND_CANNOT_LINK)
    assert decided.match_decision.kind == Kind.KIND_CANNOT_LINK
    assert list(decided.golden_records) == list(candidate.golden_records)
    links.say("legacy", "1", days=1, legal_name="Becton Dickinson & Co", **ALIKE)
    assert queue.page().total_count == 0
    assert links.golden("erp", "1").name != links.golden("legacy", "1").name


def test_a_rejection_answers_for_every_pair_of_the_two_golden_records_until_they_are_others(
    links: Links, queue: Queue
) -> None:
    said = {
        system: links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
        for system in ("erp", "legacy", "workforce")
    }
    links.merge(links.golden("erp", "1"), links.golden("legacy", "1"))
    (candidate,) = queue.page().match_candidates
    queue.decide(candidate.name, Kind.KIND_CANNOT_LINK)
    assert queue.page() == match_queue_pb2.ListMatchCandidatesResponse()

    (undecided,) = (source for source in (said["erp"], said["legacy"]) if source.name not in candidate.source_records)
    links.unmerge(undecided, links.golden(undecided.system.removeprefix("systems/"), "1"))
    (back,) = queue.page().match_candidates
    assert set(back.source_records) == {undecided.name, said["workforce"].name}


def test_a_rejection_does_not_answer_for_an_identifier_that_both_say_later(links: Links, queue: Queue) -> None:
    for system in ("erp", "legacy"):
        links.say(system, "1", legal_name="Becton Dickinson", **ALIKE)
    links.say("workforce", "1", legal_name="Becton Dickinson", **ALIKE)
    links.merge(links.golden("erp", "1"), links.golden("legacy", "1"))
    (candidate,) = queue.page().match_candidates
    queue.decide(candidate.name, Kind.KIND_CANNOT_LINK)
    for system in ("erp", "legacy", "workforce"):
        links.say(system, "1", days=1, legal_name="Becton Dickinson", lei=LEI, **ALIKE)
    (asked,) = queue.page().match_candidates
    assert asked.doubt == match_queue_pb2.MatchCandidate.DOUBT_DECISION
    assert set(asked.source_records) != set(candidate.source_records)


def test_no_two_stewards_work_on_one_candidate(links: Links, queue: Queue) -> None:
    links.say("erp", "1", legal_name="Becton Dickinson", **ALIKE)
    links.say("legacy", "1", legal_name="Becton Dickinson", **ALIKE)
    name = queue.page(unclaimed=True).match_candidates[0].name
    assert queue.claim(name).claimant == "tester"
    assert queue.page(unclaimed=True).total_count == 0
    assert queue.page(claimant="tester").total_count == 1
    second = Queue(links.mesh.client(subject="second"))
    for act in (second.claim, second.release, second.decide):
        error = refused(lambda act=act: act(name))  # type: ignore[misc]
        assert (error.reason, error.metadata["claimant"]) == (reasons.ERROR_REASON_MATCH_CANDIDATE_CLAIMED, "tester")
    assert queue.release(name).claimant == ""
    assert second.claim(name).claimant == "second"
    second.decide(name)
    assert links.golden("erp", "1").name == links.golden("legacy", "1").name
    north = Queue(links.mesh.client(entities=["entities/south"]))
    assert north.page().total_count == 0


def test_one_identifier_in_two_golden_records_waits_for_a_steward_also_without_a_model(links: Links) -> None:
    links.say("erp", "1", legal_name="Acme", lei=LEI)
    other = links.say("legacy", "1", legal_name="ACME", lei=LEI)
    links.unmerge(other, links.golden("erp", "1"))
    third = links.say("workforce", "1", legal_name="Acme Corp", lei=LEI)
    one, two = links.golden("erp", "1").name, links.golden("legacy", "1").name
    assert one != two
    assert third.golden_record == one
    queue = Queue(links.client)
    assert queue.page().total_count == 0  # it was decided
    links.say("workforce", "2", legal_name="Bolt")
    links.say("workforce", "2", days=1, legal_name="Bolt", lei=LEI)
    page = queue.page()
    assert {each.doubt for each in page.match_candidates} == {match_queue_pb2.MatchCandidate.DOUBT_IDENTIFIER}
    assert page.total_count == 2
