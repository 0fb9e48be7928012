"""Trees, roll-ups and proposals, as callers of the tree service meet them."""

import uuid
from datetime import UTC, date, datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, cost_center_pb2, employee_pb2, ledger_pb2, tree_pb2, workforce_pb2
from tests.support.hub.served import WRITER, Client, ServedHub, refused
from tests.support.hub.stored import GROUP, TestHub, statement
from tests.support.samples.periods import period_message
from tests.support.waiting import eventually

NORTH = "entities/north"
MANAGEMENT = {"record_type": "cost_center", "hierarchy": "management", "scope": NORTH}
REORGANISATION = Date(year=2026, month=7, day=1)
Problem = tree_pb2.TreeProblem


def rid() -> str:
    return str(uuid.uuid4())


def time(day: date) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
    return moment


def center(code: str, parent: str = "", *, end: date | None = None) -> cost_center_pb2.CostCenter:
    content = cost_center_pb2.CostCenter(
        entity=NORTH, code=code, effective_period=period_message(date(2020, 1, 1), end)
    )
    piece = content.slices.add(display_name=f"Ward {code}")
    for hierarchy in ("management", "legal") if parent else ():
        piece.parents.add(hierarchy=hierarchy, parent_code=parent)
    return content


def plant(hub: TestHub, *edges: tuple[str, str]) -> None:
    """Have the ERP say what hangs where."""
    hub.submit(*(statement("systems/erp", code, center(code, parent)) for code, parent in edges))


@pytest.fixture
def hospital(mesh: ServedHub) -> ServedHub:
    """A small tree: ALL over NURSE (ICU, ED) and LAB, and a cost center outside of it."""
    plant(mesh.hub, ("ALL", ""), ("NURSE", "ALL"), ("ICU", "NURSE"), ("ED", "NURSE"), ("LAB", "ALL"), ("ALONE", ""))
    return mesh


def drawn(client: Client, **more: object) -> list[str]:
    answer = client.trees.GetTree(tree_pb2.GetTreeRequest(**{**MANAGEMENT, **more}))  # type: ignore[arg-type]
    return ["  " * node.depth + node.key for node in answer.nodes]


def proposal(*changes: tree_pb2.TreeChange, **more: object) -> tree_pb2.TreeProposal:
    fields = {**MANAGEMENT, "effective_date": REORGANISATION, "changes": changes, **more}
    return tree_pb2.TreeProposal(**fields)


def propose(client: Client, *changes: tree_pb2.TreeChange, **more: object) -> tree_pb2.TreeProposal:
    request = tree_pb2.CreateTreeProposalRequest(tree_proposal=proposal(*changes, **more), request_id=rid())
    return client.trees.CreateTreeProposal(request).tree_proposal


def promote(client: Client, made: tree_pb2.TreeProposal, **more: object) -> tree_pb2.TreeProposal:
    request = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag=made.etag, request_id=rid(), **more)  # type: ignore[arg-type]
    return client.trees.PromoteTreeProposal(request).tree_proposal


def compared(client: Client, made: tree_pb2.TreeProposal) -> tree_pb2.CompareTreeProposalResponse:
    return client.trees.CompareTreeProposal(tree_pb2.CompareTreeProposalRequest(name=made.name))


def move(key: str, parent: str) -> tree_pb2.TreeChange:
    return tree_pb2.TreeChange(key=key, parent_key=parent)


def end(key: str) -> tree_pb2.TreeChange:
    return tree_pb2.TreeChange(key=key, close=True)


@pytest.mark.usefixtures("hospital")
def test_a_tree_is_drawn_parents_first_and_each_hierarchy_is_its_own(steward: Client) -> None:
    assert drawn(steward) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]
    assert drawn(steward, root_key="nurse") == ["  NURSE", "    ED", "    ICU"]
    assert drawn(steward, hierarchy="payables") == []
    asked = tree_pb2.ListHierarchiesRequest(record_type="cost_center", scope=NORTH, page_size=1)
    first = steward.trees.ListHierarchies(asked)
    asked.page_token = first.next_page_token
    rest = steward.trees.ListHierarchies(asked)
    assert [*first.hierarchies, *rest.hierarchies] == ["legal", "management"]
    assert not rest.next_page_token


def test_a_promoted_proposal_moves_from_its_day_on_and_leaves_the_past(hospital: ServedHub, steward: Client) -> None:
    controller = hospital.client(subject="controller")
    made = propose(steward, move("ICU", "LAB"), tree_pb2.TreeChange(key="LAB", detach=True), rationale="Board, 12 May")
    assert (made.state, made.author, made.revision) == (tree_pb2.TreeProposal.STATE_PROPOSED, "tester", 1)
    assert drawn(steward, effective_time=time(date(2026, 8, 1))) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]
    told = compared(steward, made)
    kinds = tree_pb2.TreeDifference
    assert [(each.key, each.kind, each.parent_before, each.parent_after) for each in told.differences] == [
        ("ICU", kinds.KIND_MOVED, "NURSE", "LAB"),
        ("LAB", kinds.KIND_MOVED, "ALL", ""),
    ]
    assert not told.problems
    assert drawn(steward, proposal=made.name) == ["ALL", "  NURSE", "    ED", "LAB", "  ICU"]
    done = promote(controller, made)
    assert (done.state, done.decider) == (tree_pb2.TreeProposal.STATE_PROMOTED, "controller")
    assert drawn(steward, effective_time=time(date(2026, 7, 1))) == ["ALL", "  NURSE", "    ED", "LAB", "  ICU"]
    assert drawn(steward, effective_time=time(date(2026, 6, 30))) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]
    legal = drawn(steward, hierarchy="legal", effective_time=time(date(2026, 8, 1)))
    assert legal == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]


def test_a_proposal_is_promoted_once_by_a_second_person_on_its_newest_revision(
    hospital: ServedHub, steward: Client
) -> None:
    made = propose(steward, move("ED", "LAB"))
    own = refused(lambda: promote(steward, made))
    assert (own.reason, own.metadata["author"]) == (reasons.ERROR_REASON_SECOND_PERSON_REQUIRED, "tester")
    controller = hospital.client(subject="controller")
    stale = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag='"old"', request_id=rid())
    assert refused(lambda: controller.trees.PromoteTreeProposal(stale)).reason == reasons.ERROR_REASON_ETAG_MISMATCH
    assert promote(controller, made, validate_only=True).state == tree_pb2.TreeProposal.STATE_PROMOTED
    assert drawn(steward, effective_time=time(date(2026, 8, 1)))[-1] == "    ICU"
    request = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag=made.etag, request_id=rid())
    first = controller.trees.PromoteTreeProposal(request)
    assert controller.trees.PromoteTreeProposal(request) == first
    again = refused(lambda: promote(controller, first.tree_proposal))
    assert (again.reason, again.metadata["state"]) == (reasons.ERROR_REASON_PROPOSAL_SETTLED, "PROMOTED")
    assert refused(lambda: compared(steward, made)).reason == reasons.ERROR_REASON_PROPOSAL_SETTLED


@pytest.mark.usefixtures("hospital")
def test_a_withdrawn_proposal_is_settled_and_listed_by_state(steward: Client) -> None:
    made, kept = propose(steward, move("ED", "LAB")), propose(steward, move("ED", "ALL"))
    request = tree_pb2.WithdrawTreeProposalRequest(name=made.name, etag=made.etag, request_id=rid())
    gone = steward.trees.WithdrawTreeProposal(request).tree_proposal
    assert (gone.state, gone.decider) == (tree_pb2.TreeProposal.STATE_WITHDRAWN, "tester")
    waiting = tree_pb2.ListTreeProposalsRequest(state=tree_pb2.TreeProposal.STATE_PROPOSED)
    assert list(steward.trees.ListTreeProposals(waiting).tree_proposals) == [kept]
    paged = tree_pb2.ListTreeProposalsRequest(page_size=1)
    first = steward.trees.ListTreeProposals(paged)
    paged.page_token = first.next_page_token
    assert [*first.tree_proposals, *steward.trees.ListTreeProposals(paged).tree_proposals] == [kept, gone]
    got = steward.trees.GetTreeProposal(tree_pb2.GetTreeProposalRequest(name=made.name)).tree_proposal
    assert got == gone


@pytest.mark.parametrize(
    ("changes", "kind", "key"),
    [
        ([move("ALL", "ICU")], Problem.KIND_CYCLE, "ALL"),
        ([move("ICU", "ICU")], Problem.KIND_CYCLE, "ICU"),
        ([move("NURSE", "ED"), move("ED", "ICU")], Problem.KIND_CYCLE, "ED"),
        ([move("ICU", "NOWHERE")], Problem.KIND_ORPHAN, "ICU"),
        ([end("LAB"), move("ICU", "LAB")], Problem.KIND_ORPHAN, "ICU"),
        ([end("NURSE")], Problem.KIND_STILL_REFERENCED, "NURSE"),
        ([end("ED")], Problem.KIND_STILL_REFERENCED, "ED"),
        ([move("NOBODY", "ALL")], Problem.KIND_UNKNOWN_KEY, "NOBODY"),
    ],
)
def test_what_stands_in_the_way_is_told_and_refuses_the_promotion(
    hospital: ServedHub, steward: Client, changes: list[tree_pb2.TreeChange], kind: int, key: str
) -> None:
    worker = employee_pb2.Employee(entity=NORTH, employee_number="E1")
    worker.slices.add(assignments=[workforce_pb2.Assignment(entity=NORTH, cost_center_code="ED")])
    hospital.hub.submit(statement("systems/workforce", "1", worker))
    made = propose(steward, *changes)
    assert (kind, key) in [(each.kind, each.key) for each in compared(steward, made).problems]
    denied = refused(lambda: promote(hospital.client(subject="controller"), made))
    assert denied.reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    assert Problem.Kind.Name(kind).removeprefix("KIND_") in [each.kind for each in denied.preconditions]  # type: ignore[arg-type]
    assert drawn(steward, effective_time=time(date(2027, 1, 1))) == ["ALL", "  LAB", "  NURSE", "    ED", "    ICU"]


@pytest.mark.usefixtures("hospital")
def test_a_node_ends_when_everything_below_it_moves_with_the_same_proposal(steward: Client) -> None:
    made = propose(steward, end("NURSE"), move("ICU", "LAB"), move("ED", "LAB"))
    promoted = compared(steward, made)
    assert [(each.key, each.kind) for each in promoted.differences if each.key == "NURSE"] == [
        ("NURSE", tree_pb2.TreeDifference.KIND_REMOVED)
    ]
    legal = [each for each in promoted.problems if each.kind == Problem.KIND_STILL_REFERENCED]
    assert [each.key for each in legal] == ["NURSE"], "its children hang below it in the legal hierarchy, too"
    assert len(legal[0].records) == 2


@pytest.mark.usefixtures("hospital")
def test_amounts_roll_up_exactly_and_nothing_is_lost(steward: Client) -> None:
    def booked(key: str, units: int, nanos: int = 0, currency: str = "USD") -> tree_pb2.TreeAmount:
        return tree_pb2.TreeAmount(key=key, amount=Money(currency_code=currency, units=units, nanos=nanos))

    amounts = [booked("ICU", 1, 100_000_000), booked("icu", 0, 200_000_000), booked("ED", -5), booked("LOST", 7)]
    request = tree_pb2.RollUpTreeRequest(**MANAGEMENT, amounts=amounts)  # type: ignore[arg-type]
    answer = steward.trees.RollUpTree(request)
    totals = {each.node.key: [(m.currency_code, m.units, m.nanos) for m in each.total] for each in answer.totals}
    assert totals == {
        "ALL": [("USD", -3, -700_000_000)],
        "NURSE": [("USD", -3, -700_000_000)],
        "ED": [("USD", -5, 0)],
        "ICU": [("USD", 1, 300_000_000)],
    }
    assert [(each.key, each.amount.units) for each in answer.unplaced] == [("LOST", 7)]
    request.amounts[0].amount.nanos = -1
    assert refused(lambda: steward.trees.RollUpTree(request)).violations[0].field == "amounts[0].amount"


def test_a_quarter_rolled_up_before_a_reorganisation_gives_the_same_numbers_after_it(
    hospital: ServedHub, steward: Client
) -> None:
    eventually(lambda: not hospital.hub.rows("SELECT 1 FROM spool"))
    then = Timestamp()
    then.FromDatetime(hospital.hub.rows("SELECT max(published_at) FROM positions")[0][0])  # type: ignore[arg-type]
    amounts = [
        tree_pb2.TreeAmount(key=key, amount=Money(currency_code="USD", units=units))
        for key, units in (("ICU", 100), ("ED", 20), ("LAB", 3))
    ]
    quarter = time(date(2026, 6, 30))
    request = tree_pb2.RollUpTreeRequest(
        **MANAGEMENT,
        amounts=amounts,
        effective_time=quarter,
        read_time=then,
    )
    before = steward.trees.RollUpTree(request)
    backdated = propose(steward, move("ICU", "LAB"), effective_date=Date(year=2026, month=4, day=1))
    promote(hospital.client(subject="controller"), backdated)
    eventually(lambda: not hospital.hub.rows("SELECT 1 FROM spool"))
    assert steward.trees.RollUpTree(request) == before
    request.ClearField("read_time")
    known_now = {each.node.key: each.total[0].units for each in steward.trees.RollUpTree(request).totals}
    assert known_now == {"ALL": 123, "NURSE": 20, "ED": 20, "LAB": 103, "ICU": 100}


def test_a_groups_tree_spans_its_entities_and_moves_name_scopes(hospital: ServedHub, steward: Client) -> None:
    ward = cost_center_pb2.CostCenter(entity="entities/south", code="ICU")
    hung = cost_center_pb2.HierarchyParent(hierarchy="management", parent_code="ALL", parent_scope=NORTH)
    ward.slices.add(parents=[hung])
    hospital.hub.submit(statement("systems/workforce", "1", ward))
    assert drawn(steward, scope=GROUP) == ["ALL", "  ICU", "  LAB", "  NURSE", "    ED", "    ICU"]
    amount = Money(currency_code="USD", units=1)
    amounts = [
        tree_pb2.TreeAmount(key="ICU", scope="entities/south", amount=amount),
        tree_pb2.TreeAmount(key="ICU", amount=amount),
    ]
    request = tree_pb2.RollUpTreeRequest(**{**MANAGEMENT, "scope": GROUP}, amounts=amounts)  # type: ignore[arg-type]
    answer = steward.trees.RollUpTree(request)
    assert [(each.node.scope, each.node.key) for each in answer.totals] == [(NORTH, "ALL"), ("entities/south", "ICU")]
    assert [each.key for each in answer.unplaced] == ["ICU"], "which of the two is not told"
    ambiguous = propose(steward, move("ICU", "LAB"), scope=GROUP)
    assert [each.kind for each in compared(steward, ambiguous).problems] == [Problem.KIND_AMBIGUOUS_KEY]
    named = tree_pb2.TreeChange(key="ICU", scope="entities/south", parent_key="LAB", parent_scope=NORTH)
    promote(hospital.client(subject="controller"), propose(steward, named, scope=GROUP))
    then = drawn(steward, scope=GROUP, effective_time=time(date(2026, 8, 1)))
    assert then == ["ALL", "  LAB", "    ICU", "  NURSE", "    ED", "    ICU"]


def test_a_cycle_that_a_system_tells_is_shown_and_does_no_harm(mesh: ServedHub, steward: Client) -> None:
    plant(mesh.hub, ("A", "B"), ("B", "A"), ("ROOT", ""), ("LEAF", "ROOT"))
    answer = steward.trees.GetTree(tree_pb2.GetTreeRequest(**MANAGEMENT))  # type: ignore[arg-type]
    assert [node.key for node in answer.nodes] == ["ROOT", "LEAF"]
    assert [(each.kind, each.key) for each in answer.problems] == [(Problem.KIND_CYCLE, "A")]


def test_a_tree_out_of_scope_or_of_an_unknown_kind_is_not_there(hospital: ServedHub, steward: Client) -> None:
    south = hospital.client(entities=["entities/south"])
    asked = tree_pb2.GetTreeRequest(**MANAGEMENT)  # type: ignore[arg-type]
    assert refused(lambda: south.trees.GetTree(asked)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    made = propose(steward, move("ICU", "LAB"))
    found = tree_pb2.GetTreeProposalRequest(name=made.name)
    assert refused(lambda: south.trees.GetTreeProposal(found)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    for record_type in ("supplier", "nothing"):
        wrong = tree_pb2.GetTreeRequest(**{**MANAGEMENT, "record_type": record_type})  # type: ignore[arg-type]
        assert refused(lambda asked=wrong: steward.trees.GetTree(asked)).reason == (  # type: ignore[misc]
            reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE
        )
    part = tree_pb2.GetTreeRequest(**MANAGEMENT, root_key="ALONE")  # type: ignore[arg-type]
    assert refused(lambda: steward.trees.GetTree(part)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    other = tree_pb2.GetTreeRequest(**{**MANAGEMENT, "hierarchy": "legal"}, proposal=made.name)  # type: ignore[arg-type]
    assert refused(lambda: steward.trees.GetTree(other)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_proposal_that_contradicts_itself_is_refused_with_its_fields(hospital: ServedHub, steward: Client) -> None:
    bad: tuple[tuple[list[tree_pb2.TreeChange], dict[str, object], str], ...] = (
        ([move("ICU", "LAB"), end("icu ")], {}, "tree_proposal.changes[1].key"),
        ([move("ICU", "LAB")], {"author": "somebody"}, "tree_proposal.author"),
        ([move("ICU", "LAB")], {"effective_date": Date(year=2026, month=2, day=30)}, "tree_proposal.effective_date"),
    )
    for changes, more, field in bad:
        error = refused(lambda c=changes, m=more: propose(steward, *c, **m))  # type: ignore[misc]
        assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, field)
    nobody = hospital.client([each for each in WRITER if not each.startswith("mdm.trees.promote")], subject="clerk")
    made = propose(steward, move("ICU", "LAB"))
    assert refused(lambda: promote(nobody, made)).reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_proposals_and_what_they_change_are_in_the_feed(hospital: ServedHub, steward: Client) -> None:
    promote(hospital.client(subject="controller"), propose(steward, move("ICU", "LAB")))
    eventually(lambda: not hospital.hub.rows("SELECT 1 FROM spool"))
    request = change_pb2.WatchChangesRequest(record_types=["tree_proposal"])
    stream = steward.changes.WatchChanges(request)
    seen: list[change_pb2.Change] = []
    for answer in stream:
        seen += answer.transaction.changes
        if len(seen) == 2:
            break
    stream.cancel()
    packed = [tree_pb2.TreeProposal.FromString(change.content.value).state for change in seen]
    assert packed == [tree_pb2.TreeProposal.STATE_PROPOSED, tree_pb2.TreeProposal.STATE_PROMOTED]


@pytest.mark.usefixtures("hospital")
def test_amounts_that_no_amount_can_hold_together_are_refused(steward: Client) -> None:
    most = Money(currency_code="USD", units=2**63 - 1)
    amounts = [tree_pb2.TreeAmount(key=key, amount=most) for key in ("ICU", "ED")]
    request = tree_pb2.RollUpTreeRequest(**MANAGEMENT, amounts=amounts)  # type: ignore[arg-type]
    error = refused(lambda: steward.trees.RollUpTree(request))
    assert (error.reason, error.violations[0].field) == (reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "amounts")
    (alone,) = steward.trees.RollUpTree(
        tree_pb2.RollUpTreeRequest(**{**MANAGEMENT, "hierarchy": "legal"}, amounts=amounts[:1])  # type: ignore[arg-type]
    ).totals[-1:]
    assert alone.own == [most]


@pytest.mark.usefixtures("hospital")
def test_a_record_that_several_changes_are_about_is_told_and_none_is_lost(steward: Client) -> None:
    again = tree_pb2.TreeChange(key="ICU", scope=NORTH, parent_key="ED")
    found = compared(steward, propose(steward, move("ICU", "LAB"), again)).problems
    assert [(each.kind, each.key) for each in found] == [(Problem.KIND_AMBIGUOUS_KEY, "ICU")] * 2


def test_a_key_may_contain_what_separates_scopes_from_keys(hospital: ServedHub, steward: Client) -> None:
    plant(hospital.hub, ("A|B", "ALL"))
    assert not compared(steward, propose(steward, move("ICU", "A|B"))).problems
    (nowhere,) = compared(steward, propose(steward, move("ICU", "X|Y"))).problems
    assert (nowhere.kind, nowhere.key) == (Problem.KIND_ORPHAN, "ICU")
    error = refused(lambda: propose(steward, move("ICU", "  ")))
    assert error.violations[0].field == "tree_proposal.changes[0].parent_key"


def test_a_cycle_through_another_entity_is_told_without_its_records(hospital: ServedHub, steward: Client) -> None:
    ward = cost_center_pb2.CostCenter(entity="entities/south", code="S")
    hung = cost_center_pb2.HierarchyParent(hierarchy="management", parent_code="ICU", parent_scope=NORTH)
    ward.slices.add(parents=[hung])
    hospital.hub.submit(statement("systems/workforce", "1", ward))
    change = tree_pb2.TreeChange(key="NURSE", parent_key="S", parent_scope="entities/south")
    (cycle,) = compared(steward, propose(steward, change)).problems
    assert (cycle.kind, cycle.key, len(cycle.records)) == (Problem.KIND_CYCLE, "ICU", 2)
    assert all(hospital.hub.golden(name).entity == NORTH for name in cycle.records)  # type: ignore[attr-defined]


def test_a_cycle_on_a_later_day_stands_in_the_way(hospital: ServedHub, steward: Client) -> None:
    later = propose(steward, move("LAB", "ICU"), effective_date=Date(year=2026, month=9, day=1))
    promote(hospital.client(subject="controller"), later)
    (cycle,) = compared(steward, propose(steward, move("NURSE", "LAB"))).problems
    assert (cycle.kind, cycle.description) == (Problem.KIND_CYCLE, "hangs below itself: ICU → NURSE → LAB → ICU")


def test_a_cycle_that_a_proposal_has_no_part_in_does_not_hinder_it(hospital: ServedHub, steward: Client) -> None:
    plant(hospital.hub, ("C1", "C2"), ("C2", "C1"))
    promote(hospital.client(subject="controller"), propose(steward, move("ICU", "LAB")))


def test_records_whose_parents_began_later_than_they_can_still_be_moved(hospital: ServedHub, steward: Client) -> None:
    younger = center("YOUNG")
    younger.effective_period.CopyFrom(period_message(date(2022, 1, 1), None))
    hospital.hub.submit(
        statement("systems/erp", "YOUNG", younger), statement("systems/erp", "OLD", center("OLD", "YOUNG"))
    )
    assert not compared(steward, propose(steward, move("OLD", "LAB"))).problems


def test_a_ledger_without_accounts_has_an_empty_tree(mesh: ServedHub, steward: Client) -> None:
    said = ledger_pb2.Ledger(name="ledgers/new", display_name="New", entity=NORTH, currency_code="USD")
    steward.ledgers.CreateLedger(ledger_pb2.CreateLedgerRequest(ledger=said, request_id=rid()))
    asked = tree_pb2.GetTreeRequest(record_type="account", hierarchy="management", scope="ledgers/new")
    assert not steward.trees.GetTree(asked).nodes
    south = mesh.client(entities=["entities/south"])
    assert refused(lambda: south.trees.GetTree(asked)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
