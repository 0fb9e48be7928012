"""Survivorship rules as their callers meet them: proposed, compared, promoted by a second person; and rebuilding."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, pin_pb2, rebuild_pb2, supplier_pb2, survivorship_pb2, what_if_pb2
from concord.mdm.v1.record_pb2 import ValueExplanation
from tests.support.hub.ruling import Criterion, rule, settle
from tests.support.hub.served import READER, Client, ServedHub, refused
from tests.support.hub.stored import A_DAY, statement
from tests.support.waiting import eventually

Proposal = survivorship_pb2.SurvivorshipProposal
Subject = what_if_pb2.Unaffected.Subject
BY_RECENCY = rule("legal_name", Criterion.CRITERION_RECENCY)


def rid() -> str:
    return str(uuid.uuid4())


def propose(client: Client, *groups: survivorship_pb2.GroupRule, **more: object) -> Proposal:
    proposal = Proposal(record_type="supplier", groups=groups)
    proposal.MergeFrom(Proposal(**more))  # type: ignore[arg-type]
    request = survivorship_pb2.CreateSurvivorshipProposalRequest(survivorship_proposal=proposal, request_id=rid())
    return client.survivorship.CreateSurvivorshipProposal(request).survivorship_proposal


def promote(client: Client, made: Proposal, *, rehearsal: bool = False) -> Proposal:
    request = survivorship_pb2.PromoteSurvivorshipProposalRequest(
        name=made.name, etag=made.etag, request_id=rid(), validate_only=rehearsal
    )
    return client.survivorship.PromoteSurvivorshipProposal(request).survivorship_proposal


def rules(client: Client, kind: str = "supplier") -> survivorship_pb2.SurvivorshipRules:
    request = survivorship_pb2.GetSurvivorshipRulesRequest(name=f"survivorshipRules/{kind}")
    return client.survivorship.GetSurvivorshipRules(request).survivorship_rules


def compared(client: Client, made: Proposal, **more: object) -> survivorship_pb2.CompareSurvivorshipProposalResponse:
    request = survivorship_pb2.CompareSurvivorshipProposalRequest(name=made.name, **more)  # type: ignore[arg-type]
    return client.survivorship.CompareSurvivorshipProposal(request)


def suppliers(client: Client) -> list[supplier_pb2.Supplier]:
    return list(client.suppliers.ListSuppliers(supplier_pb2.ListSuppliersRequest()).suppliers)


@pytest.fixture
def disputed(mesh: ServedHub) -> ServedHub:
    """Three suppliers: the ERP calls each Erp, the less trusted legacy system later Legacy."""
    for number in range(3):
        for days, (system, name) in enumerate((("erp", "Erp"), ("legacy", "Legacy"))):
            content = supplier_pb2.Supplier(legal_name=name, duns=f"10000000{number}")
            said = statement(f"systems/{system}", str(number), content, at=A_DAY + timedelta(days=days))
            mesh.hub.submit(said)
    settle(mesh.hub)
    return mesh


def test_without_rules_every_type_goes_by_the_default(steward: Client) -> None:
    listed = steward.survivorship.ListSurvivorshipRules(survivorship_pb2.ListSurvivorshipRulesRequest(page_size=4))
    assert [(each.revision, len(each.groups)) for each in listed.survivorship_rules] == [(0, 0)] * 4
    more = survivorship_pb2.ListSurvivorshipRulesRequest(page_size=4, page_token=listed.next_page_token)
    rest = steward.survivorship.ListSurvivorshipRules(more)
    assert len({each.name for each in (*listed.survivorship_rules, *rest.survivorship_rules)}) == 6
    assert refused(lambda: rules(steward, "nothing")).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_promoted_rules_decide_and_are_named_by_what_they_decided(disputed: ServedHub, steward: Client) -> None:
    controller = disputed.client(subject="controller")
    made = propose(steward, BY_RECENCY, rationale="the newest word counts")
    assert (made.state, made.author, made.base_revision) == (Proposal.STATE_PROPOSED, "tester", 0)
    told = compared(steward, made)
    assert (told.examined_count, told.total_count, told.next_page_token) == (3, 3, "")
    differences = [(each.path, each.before.value, each.after.value, each.rule) for each in told.differences]
    assert differences == [("legal_name", '"Erp"', '"Legacy"', ValueExplanation.RULE_RECENCY)] * 3
    by_author = refused(lambda: promote(steward, made))
    assert by_author.reason == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    assert promote(controller, made, rehearsal=True).state == Proposal.STATE_PROMOTED
    assert rules(steward).revision == 0
    promoted = promote(controller, made)
    assert (promoted.state, promoted.decider) == (Proposal.STATE_PROMOTED, "controller")
    now = rules(steward)
    assert (now.revision, now.author, now.decider, now.proposal) == (1, "tester", "controller", made.name)
    assert (now.reevaluation.finished, now.reevaluation.examined_count) == (False, 0)
    settle(disputed.hub)
    followed = rules(steward).reevaluation
    assert (followed.finished, followed.examined_count, followed.changed_count) == (True, 3, 3)
    assert {each.legal_name for each in suppliers(steward)} == {"Legacy"}
    asking = supplier_pb2.ExplainSupplierRequest(name=suppliers(steward)[0].name)
    explanation = steward.suppliers.ExplainSupplier(asking).explanation
    assert "survivorshipRules/supplier@1" in explanation.rule_revisions
    assert next(value.rule for value in explanation.values if value.path == "legal_name") == (
        ValueExplanation.RULE_RECENCY
    )


def test_a_comparison_comes_in_chunks_and_writes_nothing(disputed: ServedHub, steward: Client) -> None:
    made = propose(steward, BY_RECENCY)
    before = disputed.hub.rows("SELECT count(*) FROM changes")
    first = compared(steward, made, page_size=2)
    rest = compared(steward, made, page_size=2, page_token=first.next_page_token)
    assert (first.examined_count, rest.examined_count, rest.next_page_token) == (2, 1, "")
    assert len({each.golden_record for each in (*first.differences, *rest.differences)}) == 3
    assert disputed.hub.rows("SELECT count(*) FROM changes") == before


def test_rules_that_changed_meanwhile_and_settled_proposals_are_refused(disputed: ServedHub, steward: Client) -> None:
    controller = disputed.client(subject="controller")
    first, second = propose(steward, BY_RECENCY), propose(steward)
    promote(controller, first)
    assert refused(lambda: promote(controller, second)).reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    assert refused(lambda: promote(controller, first)).reason == reasons.ERROR_REASON_PROPOSAL_SETTLED
    assert refused(lambda: compared(steward, first)).reason == reasons.ERROR_REASON_PROPOSAL_SETTLED
    withdrawing = survivorship_pb2.WithdrawSurvivorshipProposalRequest(
        name=second.name, etag='"stale"', request_id=rid()
    )
    error = refused(lambda: steward.survivorship.WithdrawSurvivorshipProposal(withdrawing))
    assert error.reason == reasons.ERROR_REASON_ETAG_MISMATCH
    withdrawing.etag, withdrawing.request_id = second.etag, rid()
    withdrawn = steward.survivorship.WithdrawSurvivorshipProposal(withdrawing).survivorship_proposal
    assert withdrawn.state == Proposal.STATE_WITHDRAWN
    listing = survivorship_pb2.ListSurvivorshipProposalsRequest(page_size=1)
    listed = steward.survivorship.ListSurvivorshipProposals(listing)
    assert ([each.name for each in listed.survivorship_proposals], listed.total_count) == ([second.name], 2)
    promoted = survivorship_pb2.ListSurvivorshipProposalsRequest(state=Proposal.STATE_PROMOTED)
    found = steward.survivorship.ListSurvivorshipProposals(promoted).survivorship_proposals
    assert [each.name for each in found] == [first.name]


def test_rules_retire_by_a_proposal_without_groups_and_values_follow(disputed: ServedHub, steward: Client) -> None:
    controller = disputed.client(subject="controller")
    nothing = refused(lambda: promote(controller, propose(steward)))
    assert (nothing.reason, nothing.preconditions[0].kind) == (reasons.ERROR_REASON_PROPOSAL_INVALID, "RULES")
    promote(controller, propose(steward, BY_RECENCY))
    settle(disputed.hub)
    retiring = propose(steward)
    assert {each.after.value for each in compared(steward, retiring).differences} == {'"Erp"'}
    promote(controller, retiring)
    settle(disputed.hub)
    assert {each.legal_name for each in suppliers(steward)} == {"Erp"}
    assert (rules(steward).retired, rules(steward).revision, len(rules(steward).groups)) == (True, 2, 0)
    operations = disputed.hub.rows(
        "SELECT leaf FROM changes WHERE record_type = 'survivorship_rules' ORDER BY revision"
    )
    leaves = [audit_pb2.Leaf.FromString(bytes(leaf)) for (leaf,) in operations]  # type: ignore[call-overload] # it is
    assert [leaf.operation for leaf in leaves] == [audit_pb2.OPERATION_CREATE, audit_pb2.OPERATION_DELETE]
    promote(controller, propose(steward, BY_RECENCY))
    assert (rules(steward).retired, rules(steward).revision) == (False, 3)


def test_a_comparison_tells_the_pins_that_would_end_and_the_values_behind_them(
    disputed: ServedHub, steward: Client
) -> None:
    name = min(each.name for each in suppliers(steward))
    etag = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=name)).supplier.etag
    pinning = pin_pb2.PinValueRequest(request_id=rid(), etag=etag, golden_record=name, path="legal_name", reason="x")
    pinning.content.Pack(supplier_pb2.Supplier(legal_name="Pinned"))
    pinning.expire_time.FromDatetime(datetime(2099, 1, 1, tzinfo=UTC))
    pin = steward.pins.PinValue(pinning).pin
    made = propose(steward, BY_RECENCY)
    told = compared(steward, made)
    assert [(each.pin, each.golden_record, each.path) for each in told.ending_pins] == [(pin.name, name, "legal_name")]
    changed = {each.golden_record: (each.before.value, each.after.value) for each in told.differences}
    assert (len(changed), changed[name]) == (3, ('"Pinned"', '"Legacy"'))
    assert told.review_count == 0
    assert {each.subject for each in told.unaffected} == {Subject.SUBJECT_LINKS, Subject.SUBJECT_MATCH_DECISIONS}
    promote(disputed.client(subject="controller"), made)
    settle(disputed.hub)
    assert {each.legal_name for each in suppliers(steward)} == {"Legacy"}


def test_rules_that_do_not_fit_the_type_are_refused_with_the_field(steward: Client) -> None:
    groups = (rule("sites[HQ]", Criterion.CRITERION_TRUST), BY_RECENCY, BY_RECENCY)
    error = refused(lambda: propose(steward, *groups))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
    assert [each.field for each in error.violations] == [
        "survivorship_proposal.groups[0].group",
        "survivorship_proposal.groups[2].group",
    ]
    unknown = refused(lambda: propose(steward, record_type="nothing"))
    assert unknown.reason == reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE
    twice = rule("sites", Criterion.CRITERION_TRUST, Criterion.CRITERION_TRUST)
    assert refused(lambda: propose(steward, twice)).reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED


def test_who_is_scoped_to_some_entities_changes_no_rules_and_rebuilds_nothing(
    disputed: ServedHub, steward: Client
) -> None:
    north, made = disputed.client(entities=("entities/north",), subject="controller"), propose(steward, BY_RECENCY)
    request = rebuild_pb2.RebuildGoldenRecordsRequest(record_type="supplier")
    for call in (
        lambda: propose(north, BY_RECENCY),
        lambda: promote(north, made),
        lambda: compared(north, made),
        lambda: north.rebuilds.RebuildGoldenRecords(request),
    ):
        assert refused(call).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert rules(north).revision == 0
    reader = disputed.client(permissions=READER)
    denied = refused(lambda: reader.rebuilds.RebuildGoldenRecords(request))
    assert denied.reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_rules_and_pins_come_with_the_feed(disputed: ServedHub, steward: Client) -> None:
    made = propose(steward, BY_RECENCY)
    promote(disputed.client(subject="controller"), made)
    request = change_pb2.WatchChangesRequest(record_types=["survivorship_rules", "survivorship_proposal"])
    stream = steward.changes.WatchChanges(request)
    seen: list[str] = []
    for response in stream:
        seen += [change.record for change in response.transaction.changes]
        if "survivorshipRules/supplier" in seen:
            break
    stream.cancel()
    assert set(seen) == {made.name, "survivorshipRules/supplier"}


def test_golden_records_are_rebuilt_in_chunks_and_nothing_differs(disputed: ServedHub, steward: Client) -> None:
    before = eventually(lambda: disputed.hub.rows("SELECT count(*) FROM changes"))
    request = rebuild_pb2.RebuildGoldenRecordsRequest(record_type="supplier", page_size=2, write=True)
    first = steward.rebuilds.RebuildGoldenRecords(request)
    request.page_token = first.next_page_token
    rest = steward.rebuilds.RebuildGoldenRecords(request)
    assert (first.examined_count, rest.examined_count, first.total_count) == (2, 1, 3)
    assert not first.differences
    assert not rest.differences
    assert disputed.hub.rows("SELECT count(*) FROM changes") == before
    unknown = rebuild_pb2.RebuildGoldenRecordsRequest(record_type="nothing")
    error = refused(lambda: steward.rebuilds.RebuildGoldenRecords(unknown))
    assert error.reason == reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE
