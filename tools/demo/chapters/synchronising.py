"""Chapter: two systems become one set of golden records."""

from collections import Counter

from concord.adapter.v1.adapter_pb2 import Discrepancy, ListDeliveriesRequest, ListDiscrepanciesRequest
from concord.mdm.v1.ingest_pb2 import ListQuarantinedRecordsRequest, ListSourceRecordsRequest
from tools.demo.census import golden_census
from tools.demo.expectations import Expectations
from tools.demo.story import Story
from tools.demo.workforce import names_in_workforce
from tools.landscape.callers import OPERATOR, STEWARD
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import ERP, WORKFORCE
from tools.landscape.settling import await_first_pulls, await_rest, states

_CALLED = {
    "supplier": "suppliers",
    "item": "items",
    "cost_center": "cost centers",
    "location": "locations",
    "account": "accounts",
    "employee": "employees",
}


def tell(story: Story, landscape: Landscape, expected: Expectations) -> None:
    """Wait until everything is read and delivered; count it."""
    story.tell(
        "The adapters read Tryton and the SaaS, translate what they hold and submit it. The hub links what shares an "
        "LEI, DUNS, GLN, NPI, GTIN, cost-center code, employee or account number, and decides value by value whose "
        "word counts: the steward's before the ERP's before the workforce SaaS's. What a system holds differently is "
        "delivered to it."
    )
    await_first_pulls(landscape)
    story.done("both systems are read")
    await_rest(landscape)
    story.done("every change has its evidence, and golden values are delivered")
    sources = _count_sources(story, landscape, expected)
    _count_golden(story, landscape, expected, sources)
    _compare_names(story, landscape, expected)


def _count_sources(story: Story, landscape: Landscape, expected: Expectations) -> Counter[tuple[str, str]]:
    hub = landscape.callers.hub(STEWARD)
    rows = [
        *((ERP, record_type, count) for record_type, count in expected.erp_sources.items()),
        (
            WORKFORCE,
            "cost_center",
            expected.workforce_sources["cost centers"] + expected.workforce_sources["departments"],
        ),
        (WORKFORCE, "employee", expected.workforce_sources["employees"]),
    ]
    found = Counter(
        (source.system, _CALLED_BY_MESSAGE[source.content.type_url.rpartition(".")[2]])
        for source in every(hub.ingest.ListSourceRecords, ListSourceRecordsRequest(), "source_records")
    )
    for system, record_type, count in rows:
        story.expect(f"{record_type} source records of {system}", found[system, record_type], count)
    refused = list(every(hub.ingest.ListQuarantinedRecords, ListQuarantinedRecordsRequest(), "quarantined_records"))
    story.expect("records that the hub refused", len(refused), 0)
    untranslated = sum(state.quarantined_count for state in states(landscape).values())
    story.expect("documents that could not be translated", untranslated, 0)
    story.table(
        ("system", "record type", "held there", "source records in the hub"),
        [(system, _CALLED[kind], count, found[system, kind]) for system, kind, count in rows],
    )
    story.tell(
        f"({expected.workforce_sources['departments']} of those of the SaaS are departments, which it knows as texts "
        "only. What the ERP calls a cost center may be a department, too.)"
    )
    return found


def _count_golden(
    story: Story, landscape: Landscape, expected: Expectations, sources: Counter[tuple[str, str]]
) -> None:
    golden = golden_census(landscape)
    for record_type, count in expected.golden.items():
        story.expect(f"golden {_CALLED[record_type]}", len(golden[record_type]), count)
    duplicates = sum(len(codes) - 1 for codes in expected.merged)
    story.expect("duplicate suppliers reported in the ERP", _reported_duplicates(landscape), duplicates)
    story.tell("")
    story.table(
        ("master", "source records", "golden records"),
        [
            (_CALLED[kind], sum(count for (_, each), count in sources.items() if each == kind), count)
            for kind, count in expected.golden.items()
        ],
    )
    story.tell(
        f"{duplicates} rows of the ERP's suppliers are second, third and fourth rows of {len(expected.merged)} "
        "companies. Each is linked to its company and reported to the ERP's operators as a duplicate."
    )


def _reported_duplicates(landscape: Landscape) -> int:
    adapter = landscape.callers.adapter("erp_adapter", OPERATOR)
    found = every(adapter.ListDiscrepancies, ListDiscrepanciesRequest(system=ERP), "discrepancies")
    return sum(1 for each in found if each.kind == Discrepancy.KIND_DUPLICATE_KEY)


def _compare_names(story: Story, landscape: Landscape, expected: Expectations) -> None:
    held = names_in_workforce(landscape)
    in_erp = {row.code: row.name for row in landscape.catalogue.cost_centers}
    before = {row.code: row.name for row in landscape.catalogue.workforce_cost_centers}
    shared = sorted(code for _, code in expected.shared_cost_centers)
    renamed = {code for code in shared if held[code] != before[code]}
    story.expect("cost centers renamed in the workforce SaaS", len(renamed), len(expected.renamed_cost_centers))
    story.expect("cost centers still called differently", sum(held[code] != in_erp[code] for code in shared), 0)
    adapter = landscape.callers.adapter("saas_adapter", OPERATOR)
    deliveries = list(every(adapter.ListDeliveries, ListDeliveriesRequest(system=WORKFORCE), "deliveries"))
    story.tell(
        f"{len(renamed)} of the {len(shared)} cost centers that both systems know had another name in the workforce "
        f"SaaS. They have the ERP's now; {len(deliveries)} documents were written there:"
    )
    story.table(
        ("code", "the workforce SaaS said", "it says now"),
        [(code, before[code], held[code]) for code in sorted(renamed)[:4]],
    )


_CALLED_BY_MESSAGE = {
    "Supplier": "supplier",
    "Item": "item",
    "CostCenter": "cost_center",
    "Location": "location",
    "Account": "account",
    "Employee": "employee",
}
