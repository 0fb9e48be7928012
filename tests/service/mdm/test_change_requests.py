"""Change requests as their authors and stewards meet them: asked, compared, rebased, decided, on every type."""

from collections.abc import Callable
from datetime import date
from functools import partial

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2 as pb
from concord.mdm.v1 import cost_center_pb2, ingest_pb2, match_pb2, merge_pb2, party_pb2, supplier_pb2
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.types.supplier import SUPPLIER
from tests.support.hub.masters import Master, numbers, rid
from tests.support.hub.requesting import GROUP, Requester, person
from tests.support.hub.served import ServedHub, refused
from tests.support.samples.contents import for_stewards, said, wording
from tests.support.samples.periods import period_message
from tests.support.waiting import eventually

State, Standing = pb.ChangeRequest.State, pb.ChangeRequest.Standing
Difference, Side = pb.ChangeRequestDifference, pb.ConflictChoice
Supplier = supplier_pb2.Supplier


@pytest.fixture(scope="session")
def buyer(shared_mesh: ServedHub) -> Requester:
    """Somebody who asks."""
    return person(shared_mesh, "buyer")


@pytest.fixture(scope="session")
def steward(shared_mesh: ServedHub) -> Requester:
    """Somebody else, who decides."""
    return person(shared_mesh, "steward")


def unpacked(record: Message, side: str) -> Supplier:
    found = Supplier()
    getattr(record, side).Unpack(found)
    return found


def leaf_of(mesh: ServedHub, record: str, revision: int) -> audit_pb2.Leaf:
    def found() -> list[audit_pb2.Leaf]:
        leaves = (audit_pb2.Leaf.FromString(leaf) for leaf in mesh.audit.leaves)
        return [leaf for leaf in leaves if (leaf.record, leaf.revision) == (record, revision)]

    return eventually(found)[0]


def test_an_approved_request_is_what_the_record_says_and_the_evidence_names_it(
    shared_mesh: ServedHub, buyer: Requester, steward: Requester
) -> None:
    acme = buyer.create(legal_name="Acme", website="https://acme.example")
    asked = buyer.ask(acme, Supplier(legal_name="Acme Surgical"))
    assert (asked.state, asked.standing, asked.author) == (State.STATE_OPEN, Standing.STANDING_READY, "buyer")
    (change,) = asked.changes
    assert (change.path, unpacked(change, "base").legal_name, unpacked(change, "wanted").legal_name) == (
        *("legal_name", "Acme"),
        "Acme Surgical",
    )
    assert buyer.supplier(acme.name) == acme
    approved = steward.approve(asked)
    now = buyer.supplier(acme.name)
    assert (now.legal_name, now.website) == ("Acme Surgical", "https://acme.example")
    assert (approved.state, approved.decider, approved.standing) == (
        *(State.STATE_APPROVED, "steward"),
        Standing.STANDING_UNSPECIFIED,
    )
    assert (approved.golden_record, approved.applied_revision) == (acme.name, now.revision)
    leaf = leaf_of(shared_mesh, acme.name, now.revision)
    assert (leaf.actor, leaf.approval) == ("steward", asked.name)
    own = leaf_of(shared_mesh, asked.name, 2)
    assert (own.actor, own.record_type) == ("steward", "change_request")


def test_a_change_of_any_type_is_asked_for_and_approved(master: Master, buyer: Requester, steward: Requester) -> None:
    text = wording(master.record_type)
    record = master.created()
    asked = buyer.ask(record, text.changed(said(master.record_type, record), "as asked for"), [text.top_field])
    assert asked.record_type == master.record_type.name
    steward.approve(asked)
    assert text.of(master.record("get", name=record.name)) == "as asked for"


def test_a_new_record_of_any_type_is_asked_for_and_founded(
    master: Master, buyer: Requester, steward: Requester
) -> None:
    content = for_stewards(master.record_type, next(numbers))
    asked = buyer.ask(master.record_type.message(), content)
    assert (asked.golden_record, asked.base_revision, asked.standing) == ("", 0, Standing.STANDING_READY)
    assert {difference.standing for difference in buyer.compare(asked).differences} == {Difference.STANDING_UNTOUCHED}
    approved = steward.approve(asked)
    founded = master.record("get", name=approved.golden_record)
    assert said(master.record_type, founded) == said(master.record_type, content)
    assert list(founded.entities) == list(content.entities)
    assert [one.name for one in buyer.listed(golden_record=founded.name).change_requests] == [asked.name]


def test_requests_on_different_values_are_approved_in_any_order_without_a_rebase(
    shared_mesh: ServedHub, buyer: Requester, steward: Requester
) -> None:
    digests = []
    for order in (1, -1):
        sites = [party_pb2.SupplierSite(code=code, display_name=code) for code in ("EAST", "WEST")]
        record = buyer.create(legal_name="Twin", sites=sites)
        moved = [party_pb2.SupplierSite(code="EAST", display_name="moved"), sites[1]]
        closed = [sites[0]]
        requests = [
            buyer.ask(record, Supplier(sites=moved)),
            buyer.ask(record, Supplier(sites=closed)),
            buyer.ask(record, Supplier(website="https://twin.example")),
        ]
        for request in requests[::order]:
            assert buyer.read(request).standing == Standing.STANDING_READY
            steward.approve(request)
        golden = shared_mesh.hub.supplier(record.name)
        assert [(site.code, site.display_name) for site in golden.sites] == [("EAST", "moved")]
        digests.append(canonical_digest(SUPPLIER, golden))
    assert digests[0] == digests[1]


def test_a_value_that_others_changed_is_in_conflict_until_somebody_chooses(
    shared_mesh: ServedHub, buyer: Requester, steward: Requester
) -> None:
    record = buyer.create(legal_name="Was", phone="1")
    asked = buyer.ask(record, Supplier(legal_name="Wanted", phone="2"))
    steward.update(record.name, legal_name="Is", website="https://is.example")
    asked = buyer.read(asked)
    assert asked.standing == Standing.STANDING_CONFLICTING
    comparison = buyer.compare(asked)
    assert (comparison.golden_record, comparison.golden_revision) == (record.name, 2)
    name, phone = comparison.differences
    assert (name.path, name.standing) == ("legal_name", Difference.STANDING_CONFLICT)
    assert [unpacked(name, side).legal_name for side in ("base", "present", "wanted")] == ["Was", "Is", "Wanted"]
    assert (phone.path, phone.standing) == ("phone", Difference.STANDING_UNTOUCHED)
    outdated = refused(lambda: steward.approve(asked))
    assert (outdated.reason, outdated.preconditions[0].subject) == (
        reasons.ERROR_REASON_CHANGE_REQUEST_OUTDATED,
        "legal_name",
    )
    undecided = refused(lambda: buyer.rebase(asked))
    assert undecided.reason == reasons.ERROR_REASON_CHANGE_REQUEST_CONFLICT
    assert [each.subject for each in undecided.preconditions] == ["legal_name"]
    idle = refused(lambda: buyer.rebase(asked, legal_name=Side.SIDE_WANTED, phone=Side.SIDE_WANTED))
    assert (idle.reason, idle.violations[0].field) == (reasons.ERROR_REASON_INVALID_CONTENT, "choices")
    helper = person(shared_mesh, "helper")
    rebased = helper.rebase(asked, legal_name=Side.SIDE_WANTED)
    assert (rebased.standing, rebased.base_revision, list(rebased.contributors)) == (
        *(Standing.STANDING_READY, 2),
        ["helper"],
    )
    assert unpacked(rebased.changes[0], "base").legal_name == "Is"
    assert refused(lambda: helper.approve(rebased)).reason == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    assert refused(lambda: steward.approve(asked)).reason == reasons.ERROR_REASON_ETAG_MISMATCH
    steward.approve(rebased)
    now = buyer.supplier(record.name)
    assert (now.legal_name, now.phone, now.website) == ("Wanted", "2", "https://is.example")


def test_a_choice_for_what_is_there_drops_the_value_from_the_request(buyer: Requester, steward: Requester) -> None:
    record = buyer.create(legal_name="Was", phone="1")
    asked = buyer.ask(record, Supplier(legal_name="Wanted", phone="2"))
    steward.update(record.name, legal_name="Is")
    rebased = buyer.rebase(asked, legal_name=Side.SIDE_PRESENT)
    assert [change.path for change in rebased.changes] == ["phone"]
    assert not rebased.contributors
    steward.approve(rebased)
    now = buyer.supplier(record.name)
    assert (now.legal_name, now.phone) == ("Is", "2")


def test_what_others_made_true_meanwhile_is_left_out_by_a_rebase(buyer: Requester, steward: Requester) -> None:
    record = buyer.create(legal_name="Was", phone="1")
    asked = buyer.ask(record, Supplier(legal_name="Wanted", phone="2"))
    steward.update(record.name, legal_name="Wanted")
    assert buyer.read(asked).standing == Standing.STANDING_OUTDATED
    assert refused(lambda: steward.approve(asked)).reason == reasons.ERROR_REASON_CHANGE_REQUEST_OUTDATED
    rebased = steward.rebase(asked)
    assert [change.path for change in rebased.changes] == ["phone"]
    steward.update(record.name, phone="2")
    assert buyer.read(rebased).standing == Standing.STANDING_FULFILLED
    assert refused(lambda: buyer.rebase(rebased)).reason == reasons.ERROR_REASON_INVALID_CONTENT


def test_a_rebase_on_a_record_that_nobody_changed_makes_no_revision(buyer: Requester) -> None:
    asked = buyer.ask(buyer.create(legal_name="Same"), Supplier(phone="2"))
    assert buyer.rebase(asked) == asked


def test_a_request_may_be_written_against_an_earlier_revision(buyer: Requester, steward: Requester) -> None:
    seen = buyer.create(legal_name="Was", phone="1")
    steward.update(seen.name, phone="2")
    asked = buyer.ask(seen, Supplier(legal_name="Wanted"))
    assert (asked.base_revision, asked.standing) == (1, Standing.STANDING_READY)
    late = buyer.ask(seen, Supplier(phone="3"))
    assert late.standing == Standing.STANDING_CONFLICTING


def test_a_mask_goes_through_single_messages(buyer: Requester, steward: Requester) -> None:
    record = buyer.create(legal_name="Masked", payment_terms=party_pb2.PaymentTerms(code="N30", net_days=30))
    terms = Supplier(legal_name="not meant", payment_terms=party_pb2.PaymentTerms(net_days=45))
    steward.approve(buyer.ask(record, terms, ["payment_terms.net_days"]))
    now = buyer.supplier(record.name)
    assert (now.legal_name, now.payment_terms.code, now.payment_terms.net_days) == ("Masked", "N30", 45)


def test_of_a_dated_record_only_the_days_asked_for_change(buyer: Requester, steward: Requester) -> None:
    def dated(day: date) -> Timestamp:
        return Timestamp(seconds=(day - date(1970, 1, 1)).days * 86_400)

    centers = buyer.client.cost_centers
    content = cost_center_pb2.CostCenter(entity="entities/north", code=f"R{next(numbers)}")
    content.slices.add(display_name="Ward", manager="Ann")
    content.entities.append("entities/north")
    create = cost_center_pb2.CreateCostCenterRequest(cost_center=content, request_id=rid())
    record = centers.CreateCostCenter(create).cost_center
    july, august = date(2026, 7, 1), date(2026, 8, 1)

    def wanted(manager: str) -> cost_center_pb2.CostCenter:
        found = cost_center_pb2.CostCenter()
        found.slices.add(display_name="Ward", manager=manager)
        return found

    later = buyer.ask(record, wanted("Cho"), effective_time=dated(august))
    assert [change.path for change in later.changes] == ["slices.manager"]
    earlier = cost_center_pb2.CostCenter()
    for manager, start, end in (("Ann", None, july), ("Bob", july, august), ("Ann", august, None)):
        piece = earlier.slices.add(display_name="Ward", manager=manager)
        piece.effective_period.CopyFrom(period_message(start, end))
    sooner = buyer.ask(record, earlier)
    steward.approve(later)
    assert buyer.read(sooner).standing == Standing.STANDING_READY
    steward.approve(sooner)
    now = centers.GetCostCenter(cost_center_pb2.GetCostCenterRequest(name=record.name)).cost_center
    assert [piece.manager for piece in now.slices] == ["Ann", "Bob", "Cho"]


def merged(steward: Requester, kept: Supplier, gone: Supplier) -> None:
    request = merge_pb2.MergeSuppliersRequest(
        name=kept.name, etag=kept.etag, other_name=gone.name, other_etag=gone.etag, reason="one", request_id=rid()
    )
    steward.client.suppliers.MergeSuppliers(request)


def test_a_request_follows_its_record_into_the_one_that_it_was_merged_into(
    buyer: Requester, steward: Requester
) -> None:
    kept, gone = (buyer.create(legal_name=f"Merged {rid()}", phone="1") for _ in range(2))
    asked = buyer.ask(gone, Supplier(phone="2"))
    merged(steward, kept, gone)
    followed = buyer.read(asked)
    assert (followed.golden_record, followed.merged_into) == (gone.name, kept.name)
    assert [one.name for one in buyer.listed(golden_record=kept.name).change_requests] == [asked.name]
    assert buyer.listed(golden_record=kept.name).total_count == 1
    late = refused(lambda: buyer.ask(gone, Supplier(phone="3")))
    assert (late.reason, late.metadata["merged_into"]) == (reasons.ERROR_REASON_RECORD_MERGED, kept.name)
    approved = steward.approve(buyer.rebase(followed))
    assert (approved.golden_record, approved.merged_into) == (kept.name, "")
    assert buyer.supplier(kept.name).phone == "2"


def test_a_request_is_applied_to_the_last_of_a_chain_of_merged_records(buyer: Requester, steward: Requester) -> None:
    first, second, third = (buyer.create(legal_name=f"Chained {rid()}") for _ in range(3))
    asked = buyer.ask(third, Supplier(phone="2"))
    merged(steward, second, third)
    merged(steward, first, buyer.supplier(second.name))
    assert (buyer.read(asked).merged_into, buyer.listed(golden_record=first.name).total_count) == (first.name, 1)
    assert steward.approve(asked).golden_record == first.name
    assert buyer.supplier(first.name).phone == "2"


def test_an_unmerge_gives_an_open_request_back_to_the_record_that_it_was_written_for(
    buyer: Requester, steward: Requester
) -> None:
    kept, gone = (buyer.create(legal_name=f"Parted {rid()}") for _ in range(2))
    asked = buyer.ask(gone, Supplier(phone="2"))
    merged(steward, kept, gone)
    every = ingest_pb2.ListSourceRecordsRequest(golden_record=kept.name)
    sources = steward.client.ingest.ListSourceRecords(every).source_records
    (source,) = (source.name for source in sources if source.key == gone.name)
    unmerge = match_pb2.UnmergeSourceRecordRequest(
        name=source, etag=buyer.supplier(kept.name).etag, reason="two", request_id=rid()
    )
    steward.client.stewardship.UnmergeSourceRecord(unmerge)
    assert buyer.read(asked).merged_into == ""
    assert steward.approve(asked).golden_record == gone.name
    assert (buyer.supplier(gone.name).phone, buyer.supplier(kept.name).phone) == ("2", "")


def test_a_request_on_a_deleted_record_says_so_and_goes_on_when_it_is_back(
    buyer: Requester, steward: Requester
) -> None:
    record = buyer.create(legal_name="Deleted")
    asked = buyer.ask(record, Supplier(phone="2"))
    request = supplier_pb2.DeleteSupplierRequest(name=record.name, etag=record.etag, request_id=rid())
    deleted = steward.client.suppliers.DeleteSupplier(request).supplier
    assert buyer.read(asked).standing == Standing.STANDING_RECORD_DELETED
    for call in (
        lambda: steward.approve(asked),
        lambda: buyer.rebase(asked),
        lambda: buyer.compare(asked),
        lambda: buyer.ask(record, Supplier(phone="3")),
    ):
        assert refused(call).reason == reasons.ERROR_REASON_RECORD_DELETED
    back = supplier_pb2.UndeleteSupplierRequest(name=record.name, etag=deleted.etag, request_id=rid())
    steward.client.suppliers.UndeleteSupplier(back)
    steward.approve(asked)
    assert buyer.supplier(record.name).phone == "2"


def test_it_takes_a_second_person_and_each_request_is_settled_once(buyer: Requester, steward: Requester) -> None:
    record = buyer.create(legal_name="Decided")
    asked, given_up = (buyer.ask(record, Supplier(phone=phone)) for phone in ("2", "3"))
    for decide in (buyer.approve, buyer.reject):
        assert refused(partial(decide, asked)).reason == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    assert refused(lambda: steward.withdraw(asked)).reason == reasons.ERROR_REASON_AUTHOR_REQUIRED
    rejected = steward.reject(asked, "the number is the old one")
    assert (rejected.state, rejected.decider, rejected.rejection_reason) == (
        *(State.STATE_REJECTED, "steward"),
        "the number is the old one",
    )
    withdrawn = buyer.withdraw(given_up)
    assert withdrawn.state == State.STATE_WITHDRAWN
    for settled, state in ((rejected, "REJECTED"), (withdrawn, "WITHDRAWN")):
        calls: tuple[Callable[[], object], ...] = (
            partial(steward.approve, settled),
            partial(steward.reject, settled),
            partial(buyer.withdraw, settled),
            partial(buyer.rebase, settled),
            partial(buyer.compare, settled),
        )
        for call in calls:
            error = refused(call)
            assert (error.reason, error.metadata["state"]) == (reasons.ERROR_REASON_PROPOSAL_SETTLED, state)
    assert buyer.supplier(record.name) == record


def test_approval_refuses_what_a_steward_could_not_decide(buyer: Requester, steward: Requester) -> None:
    number = f"{100_000_000 + next(numbers)}"
    new = buyer.ask(Supplier(), Supplier(legal_name="Double", duns=number, entities=[GROUP]))
    taken = buyer.create(legal_name="First", duns=number)
    error = refused(lambda: steward.approve(new))
    assert (error.reason, error.metadata["name"]) == (reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN, taken.name)
    assert buyer.read(new).state == State.STATE_OPEN


def test_lists_are_counted_and_found_by_record_state_author_and_type(
    shared_mesh: ServedHub, buyer: Requester, steward: Requester
) -> None:
    record = buyer.create(legal_name="Listed")
    author = f"author {rid()}"
    lister = person(shared_mesh, author)
    mine = [lister.ask(record, Supplier(phone=str(number))) for number in range(3)]
    steward.reject(mine[0])
    newest_first = [one.name for one in reversed(mine)]
    for asked, expected in (
        ({"author": author}, newest_first),
        ({"golden_record": record.name}, newest_first),
        ({"author": author, "state": State.STATE_OPEN}, newest_first[:2]),
        ({"author": author, "state": State.STATE_REJECTED}, newest_first[2:]),
        ({"author": author, "record_type": "supplier"}, newest_first),
        ({"author": author, "record_type": "item"}, []),
        ({"author": author, "golden_record": "suppliers/none"}, []),
    ):
        found = buyer.listed(**asked)
        assert [one.name for one in found.change_requests] == expected
        assert found.total_count == len(expected)
    pages = [buyer.listed(author=author, page_size=2)]
    pages.append(buyer.listed(author=author, page_size=2, page_token=pages[0].next_page_token))
    assert [one.name for page in pages for one in page.change_requests] == newest_first
    assert [page.total_count for page in pages] == [3, 3]
    assert pages[1].next_page_token == ""
