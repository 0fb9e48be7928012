"""What users of other tools complain of, about links: each complaint has its test."""

from datetime import timedelta
from typing import Any

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, ingest_pb2, match_pb2, party_pb2, supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.write_path import Applied, LinkOrigin
from tests.support.hub import A_DAY, statement
from tests.support.masters import Master, rid
from tests.support.served_hub import Client, ServedHub, refused
from tests.support.submitting import submit

LEI = "529900T8BM49AURSDO55"


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
            request_id=rid(),
            **{"reason": "two companies", **asked},
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
