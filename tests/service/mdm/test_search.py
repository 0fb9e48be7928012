"""The check before a create, over real channels and a real database."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, employee_pb2, item_pb2, party_pb2, search_pb2, supplier_pb2
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.matching import search_index
from services.mesh.errors import ConcordError
from tests.support.hub.masters import rid
from tests.support.hub.modelling import put_in_force, supplier
from tests.support.hub.served import EVERYTHING, Client, ServedHub, refused
from tests.support.hub.stored import statement
from tests.support.told_clock import ToldClock
from tests.support.waiting import eventually

Verdict = search_pb2.MatchEvidence.Verdict
LEI = "9999009KEQ3R1RWIXO06"
BECTON: dict[str, Any] = {
    "legal_name": "Becton Dickinson and Company",
    "phone": "+1 201 847 6800",
    "lei": LEI,
    "sites": [party_pb2.SupplierSite(code="main", address={"region_code": "US", "address_lines": ["1 Becton Drive"]})],
}
MATCH_TABLES = ("match_nodes", "match_blocks", "match_edges", "match_candidates")


@pytest.fixture(params=["default", "in force"])
def becton(request: pytest.FixtureRequest, mesh: ServedHub) -> str:
    """A supplier among others, with a match model in force and without; its golden record."""
    if request.param == "in force":
        put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    supplier(mesh.hub, "systems/erp", "1", **BECTON)
    supplier(mesh.hub, "systems/erp", "2", legal_name="Medline Industries LP", phone="+1 847 949 5500")
    supplier(mesh.hub, "systems/erp", "3", legal_name="Cardinal Health 110 LLC", phone="+1 614 757 5000")
    indexed(mesh)
    (golden,) = next(iter(mesh.hub.rows("SELECT golden FROM crosswalk WHERE key = '1'")))
    return str(golden)


def indexed(mesh: ServedHub) -> None:
    """Wait until everything is published, and let the search index follow."""
    eventually(lambda: list(mesh.hub.rows("SELECT FROM spool")) == [])
    while mesh.hub.parts.search_index.step():
        pass


def search(client: Client, **asked: Any) -> supplier_pb2.SearchSuppliersResponse:
    return client.suppliers.SearchSuppliers(supplier_pb2.SearchSuppliersRequest(**asked))


def best(client: Client, **asked: Any) -> supplier_pb2.SupplierHit:
    return search(client, **asked).hits[0]


def test_a_mistyped_name_finds_the_duplicate_with_its_score_and_the_reasons(steward: Client, becton: str) -> None:
    hit = best(steward, text="Bekton Dickinson")
    assert (hit.supplier.name, list(hit.paths)) == (becton, [])
    assert hit.evidence.score_millibits > 2000
    assert hit.evidence.verdict == Verdict.VERDICT_REVIEW
    (name, *_) = hit.evidence.reasons
    assert (name.attribute, name.finding) == ("name", "nearly the same")
    assert sum(reason.weight_millibits for reason in hit.evidence.reasons) == hit.evidence.score_millibits


def test_a_phone_number_finds_the_duplicate(steward: Client, becton: str) -> None:
    hit = best(steward, supplier={"phone": "(201) 847-6800"})
    assert (hit.supplier.name, hit.evidence.reasons[0].attribute) == (becton, "phone")


def test_an_identifier_finds_the_duplicate_and_links_whatever_the_score(steward: Client, becton: str) -> None:
    assert (best(steward, identifier=LEI).supplier.name, list(best(steward, identifier=LEI).paths)) == (becton, ["lei"])
    hit = best(steward, supplier={"legal_name": "Something else", "lei": LEI})
    assert (hit.supplier.name, list(hit.evidence.shared_identifiers)) == (becton, ["lei"])
    assert (hit.evidence.verdict, hit.evidence.score_millibits < 0) == (Verdict.VERDICT_LINK, True)


def test_both_ways_of_asking_meet_in_one_hit(steward: Client, becton: str) -> None:
    answer = search(steward, identifier=LEI, text="Medlin Industries")
    first, second = answer.hits[:2]
    assert (first.supplier.name, list(first.paths)) == (becton, ["lei"])
    assert second.supplier.legal_name == "Medline Industries LP"
    (hit,) = search(steward, identifier=LEI, text="Bekton Dickinson").hits
    assert (list(hit.paths), hit.evidence.verdict) == (["lei"], Verdict.VERDICT_REVIEW)


def test_a_record_that_says_the_same_would_be_linked(steward: Client, becton: str) -> None:
    said = {name: value for name, value in BECTON.items() if name != "lei"}
    hit = best(steward, supplier=said)
    assert (hit.supplier.name, hit.evidence.verdict) == (becton, Verdict.VERDICT_LINK)


def test_a_different_identifier_of_its_own_forbids_the_link(steward: Client, becton: str) -> None:
    other = {**BECTON, "lei": "5493001KJTIIGC8Y1R12"}
    hit = best(steward, supplier=other)
    assert (hit.supplier.name, hit.evidence.contradicting_identifier) == (becton, "lei")
    assert hit.evidence.verdict == Verdict.VERDICT_REVIEW


def test_two_that_fit_as_well_are_for_a_steward(mesh: ServedHub, steward: Client, becton: str) -> None:
    twin = {name: value for name, value in BECTON.items() if name != "lei"}
    supplier(mesh.hub, "systems/legacy", "9", **twin, npi="1234567893")
    indexed(mesh)
    hits = [hit for hit in search(steward, supplier=twin).hits if hit.evidence.score_millibits > 14000]
    assert becton in {hit.supplier.name for hit in hits}
    expected = Verdict.VERDICT_LINK if len(hits) == 1 else Verdict.VERDICT_REVIEW
    assert {hit.evidence.verdict for hit in hits} == {expected}


@pytest.mark.usefixtures("becton")
def test_what_resembles_nothing_finds_nothing(steward: Client) -> None:
    assert not search(steward, text="Zyxwvut Qqqq").hits


def test_nothing_is_written(mesh: ServedHub, steward: Client, becton: str) -> None:
    def all_there_is() -> list[object]:
        tables = ("revisions", "changes", "crosswalk", "records", *MATCH_TABLES)
        return [list(mesh.hub.rows(f"SELECT count(*), max(xmin::text::bigint) FROM {table}")) for table in tables]  # noqa: S608 - tables by name

    before = all_there_is()
    assert best(steward, supplier=BECTON, text="Bekton", identifier=LEI).supplier.name == becton
    assert all_there_is() == before


def test_the_response_names_the_model_that_scored(mesh: ServedHub, steward: Client) -> None:
    assert search(steward, text="Becton").match_model == ""
    put_in_force(mesh.hub, SUPPLIER, replace(default_model(SUPPLIER), review_millibits=3000))
    assert search(steward, text="Becton").match_model == "matchModels/supplier-1"


def test_the_score_is_that_of_ingest(mesh: ServedHub, steward: Client, becton: str) -> None:
    asked = supplier_pb2.Supplier(legal_name="Becton Dickenson Co", phone="201-847-6801")
    evidence = best(steward, supplier=asked).evidence
    (stored,) = mesh.hub.rows("SELECT profile FROM match_nodes JOIN crosswalk USING (source_record) WHERE key = '1'")
    assert isinstance(stored[0], bytes)
    ours = profile(SUPPLIER, asked, mesh.hub.parts.store.sealer.token)
    score = default_model(SUPPLIER).score(ours, Profile.from_bytes(stored[0]))
    assert (evidence.score_millibits, evidence.source_record.partition("/sourceRecords/")[0]) == (
        score.millibits,
        "systems/erp",
    )
    assert becton in mesh.hub.parts.transactions.read(
        lambda connection: mesh.hub.parts.duplicate_search.find(connection, SUPPLIER, asked, "").goldens
    )


def test_the_caller_s_scope_is_respected_and_what_is_outside_has_no_say(mesh: ServedHub, becton: str) -> None:
    south = mesh.client(entities=("entities/south",))
    north = mesh.client(entities=("entities/north",))
    assert not search(south, supplier=BECTON).hits
    assert not search(south, text="Bekton Dickinson").hits
    assert best(north, text="Bekton Dickinson").supplier.name == becton
    twin = {name: value for name, value in BECTON.items() if name != "lei"}
    mesh.hub.submit(
        statement("systems/workforce", "9", supplier_pb2.Supplier(**{**twin, "legal_name": "Becton, Dickinson"}))
    )
    indexed(mesh)
    assert best(north, supplier=twin).evidence.verdict == Verdict.VERDICT_LINK


def test_restricted_fields_are_neither_searched_nor_shown_without_clearance(mesh: ServedHub, steward: Client) -> None:
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="22-0760120")
    supplier(mesh.hub, "systems/erp", "1", legal_name="Becton Dickinson and Company", tax_ids=[tax_id])
    indexed(mesh)
    cleared = best(steward, supplier={"tax_ids": [tax_id]})
    assert (cleared.evidence.reasons[0].attribute, cleared.supplier.tax_ids[0].value) == ("tax_id", "22-0760120")
    masked = mesh.client([each for each in EVERYTHING if each != "mdm.restricted.read"])
    error = refused(lambda: search(masked, supplier={"tax_ids": [tax_id]}))
    assert (error.reason, error.metadata["field"]) == (reasons.ERROR_REASON_FIELD_NOT_FILTERABLE, "supplier")
    hit = best(masked, text="Bekton Dickinson")
    assert (hit.supplier.legal_name, hit.supplier.tax_ids[0].value) == ("Becton Dickinson and Company", "")
    assert "tax_id" not in {reason.attribute for reason in hit.evidence.reasons}


def test_deleted_records_are_not_found(steward: Client, becton: str) -> None:
    etag = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=becton)).supplier.etag
    request = supplier_pb2.DeleteSupplierRequest(name=becton, etag=etag, request_id=rid())
    steward.suppliers.DeleteSupplier(request)
    assert becton not in {hit.supplier.name for hit in search(steward, supplier=BECTON).hits}


def test_what_a_source_says_now_is_what_is_found(mesh: ServedHub, steward: Client, becton: str) -> None:
    supplier(mesh.hub, "systems/erp", "1", **{**BECTON, "legal_name": "Embecta Corporation", "phone": ""})
    indexed(mesh)
    assert best(steward, text="Embekta").supplier.name == becton
    assert becton not in {hit.supplier.name for hit in search(steward, supplier={"phone": "201 847 6800"}).hits}


def test_items_and_employees_are_found_by_a_name_too(mesh: ServedHub, steward: Client) -> None:
    item = item_pb2.Item(display_name="Syringe 10 ml Luer-Lok sterile", manufacturer_part_number="309604")
    person = employee_pb2.Employee(given_name="Katarzyna", family_name="Nowakowska")
    mesh.hub.submit(statement("systems/erp", "i", item), statement("systems/workforce", "p", person))
    indexed(mesh)
    items = steward.items.SearchItems(item_pb2.SearchItemsRequest(text="syringe 10ml luer lock steril")).hits
    assert items[0].item.display_name == "Syringe 10 ml Luer-Lok sterile"
    request = employee_pb2.SearchEmployeesRequest(text="Katarzina Nowakowska")
    assert steward.employees.SearchEmployees(request).hits[0].employee.family_name == "Nowakowska"


@pytest.mark.parametrize(
    ("ask", "field"),
    [
        (search, "identifier"),
        (lambda client: search(client, text="Becton", read_time={"seconds": 1}), "read_time"),
    ],
)
def test_a_question_that_is_none_is_refused(steward: Client, ask: Callable[[Client], object], field: str) -> None:
    error: ConcordError = refused(lambda: ask(steward))
    assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
    assert [violation.field for violation in error.violations] == [field]


def test_what_is_indexed_for_search_has_no_say_in_links_until_it_is_matched(mesh: ServedHub) -> None:
    one = supplier(mesh.hub, "systems/erp", "1", **BECTON)
    other = supplier(mesh.hub, "systems/legacy", "1", lei=LEI, legal_name="BD")
    indexed(mesh)
    put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    supplier(mesh.hub, "systems/erp", "1", **{**BECTON, "lei": ""})
    goldens = {str(row[0]): row[1] for row in mesh.hub.rows("SELECT source_record, golden FROM crosswalk")}
    assert goldens[one] == goldens[other]


def test_the_search_index_takes_little_at_once_until_nothing_else_is_published(
    mesh: ServedHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ToldClock()
    monkeypatch.setattr(search_index, "time", clock)
    monkeypatch.setattr(search_index, "AT_ONCE_BESIDE_WRITES", 1)
    monkeypatch.setattr(search_index, "AT_ONCE", 3)
    index = mesh.hub.parts.search_index

    def counted(statement: str) -> int:
        ((number,),) = mesh.hub.rows(statement)
        assert isinstance(number, int)
        return number

    def published(key: str) -> int:
        supplier(mesh.hub, "systems/erp", key, legal_name=f"Medline Industries {key} LP")
        eventually(lambda: list(mesh.hub.rows("SELECT FROM spool")) == [])
        return counted("SELECT max(position) FROM positions")

    def taken() -> tuple[bool, int]:
        return index.work(), counted("SELECT position FROM search_progress")

    for key in "ab":
        published(key)
    assert [taken(), taken()] == [(False, 1), (False, 2)]
    newest = published("c")
    clock.now += search_index.QUIET_S
    assert [taken(), taken()] == [(False, 3), (False, 4)], "something was published since it looked last"
    clock.now += search_index.QUIET_S
    while index.work():
        pass
    assert taken() == (False, newest)
    later = published("d")
    assert taken() == (False, newest + 1)
    clock.now += search_index.QUIET_S
    while index.work():
        pass
    assert taken() == (False, later)
    # Whoever followed by other declarations, or by another key, begins anew, although nothing was published.
    monkeypatch.setattr(search_index, "_DECLARATIONS", "others")
    assert taken() == (True, 3)


def test_the_search_index_does_not_write_what_it_holds_already(mesh: ServedHub) -> None:
    supplier(mesh.hub, "systems/erp", "1", **BECTON)
    indexed(mesh)
    held = list(mesh.hub.rows("SELECT source_record, xmin::text FROM match_nodes"))
    supplier(mesh.hub, "systems/erp", "1", **BECTON, status=supplier_pb2.Supplier.STATUS_ON_HOLD)
    indexed(mesh)
    assert list(mesh.hub.rows("SELECT source_record, xmin::text FROM match_nodes")) == held


def test_pages_are_of_what_the_caller_may_know_and_tokens_name_nothing_else(mesh: ServedHub) -> None:
    steward = mesh.client()
    for ledger in ("south", "north", "group"):
        for owner in ("south", "north"):
            ward = cost_center_pb2.CostCenter(
                entity=f"entities/{ledger}-{owner}", code="900", entities=[f"entities/{owner}"]
            )
            steward.cost_centers.CreateCostCenter(
                cost_center_pb2.CreateCostCenterRequest(cost_center=ward, request_id=rid())
            )
    north = mesh.client(entities=["entities/north"])
    pages: list[list[str]] = []
    request = cost_center_pb2.SearchCostCentersRequest(identifier="900", page_size=1)
    while not pages or request.page_token:
        answer = north.cost_centers.SearchCostCenters(request)
        pages.append([entity for hit in answer.hits for entity in hit.cost_center.entities])
        request.page_token = answer.next_page_token
    assert pages == [["entities/north"]] * 3
    elsewhere = mesh.client(entities=["entities/elsewhere"])
    assert elsewhere.cost_centers.SearchCostCenters(request) == cost_center_pb2.SearchCostCentersResponse()
