"""Lists: filters, orders, pages and scope, now and as of a position; search by identifier."""

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import party_pb2, supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.tables.listing import Page, Question
from services.mesh.contract.filters import parse_filter, parse_order
from services.mesh.errors import ConcordError
from services.mesh.records import positions
from tests.support.database.record_service import AuditInMemory, publish_everything
from tests.support.hub.stored import TestHub, statement


def ask(  # noqa: PLR0913
    hub: TestHub,
    filter_text: str = "",
    order: str = "",
    *,
    clear: bool = True,
    scope: frozenset[str] | None = None,
    position: int | None = None,
    after: tuple[str, ...] | None = None,
    size: int = 100,
) -> Page:
    question = Question(SUPPLIER, parse_filter(filter_text), parse_order(order), False, scope, clear)
    return hub.parts.transactions.read(lambda c: hub.parts.listing.page(c, question, position, after, size))


def names(hub: TestHub, page: Page) -> list[str]:
    return [hub.supplier(record).legal_name for record in page.records]


@pytest.fixture
def filled(hub: TestHub) -> TestHub:
    tax_id = party_pb2.TaxId(country="US", scheme="ein", value="041234567")
    contents = {
        "a": supplier_pb2.Supplier(legal_name="Abbott", status=supplier_pb2.Supplier.STATUS_ACTIVE, tax_ids=[tax_id]),
        "b": supplier_pb2.Supplier(legal_name="Baxter", status=supplier_pb2.Supplier.STATUS_ON_HOLD),
        "c": supplier_pb2.Supplier(legal_name="Cardinal", duns="150483782"),
    }
    hub.submit(*(statement("systems/erp", key, content) for key, content in contents.items()))
    hub.submit(statement("systems/workforce", "d", supplier_pb2.Supplier(legal_name="Dräger")))
    return hub


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('legal_name = "abbott"', ["Abbott"]),
        ('legal_name:"c*" OR legal_name:"b*"', ["Baxter", "Cardinal"]),
        ('NOT legal_name = "abbott" AND status = STATUS_ON_HOLD', ["Baxter"]),
        ('legal_name > "b" AND legal_name < "d"', ["Baxter", "Cardinal"]),
        ('tax_ids.value = "041234567"', ["Abbott"]),
        ('status != STATUS_ACTIVE AND entities:"entities/north"', ["Baxter", "Cardinal"]),
    ],
)
def test_a_filter_finds_what_it_says(filled: TestHub, text: str, found: list[str]) -> None:
    assert names(filled, ask(filled, text, "legal_name")) == found


@pytest.mark.parametrize("order", ["legal_name", "legal_name desc", "status, legal_name desc", ""])
def test_pages_together_are_the_whole_list(filled: TestHub, order: str) -> None:
    whole = ask(filled, "", order).records
    pieces: list[str] = []
    after: tuple[str, ...] | None = None
    while True:
        page = ask(filled, "", order, after=after, size=1)
        pieces += page.records
        after = page.last
        if after is None:
            break
    assert pieces == list(whole)
    assert len(pieces) == 4


def test_a_caller_sees_its_entities_only(filled: TestHub) -> None:
    assert names(filled, ask(filled, scope=frozenset({"entities/south"}))) == ["Dräger"]
    assert names(filled, ask(filled, scope=frozenset())) == []


def test_what_one_may_not_see_one_may_not_filter_by(filled: TestHub) -> None:
    with pytest.raises(ConcordError) as refused:
        ask(filled, 'tax_ids.value = "041234567"', clear=False)
    assert refused.value.reason == reasons.ERROR_REASON_FIELD_NOT_FILTERABLE


def test_a_list_as_of_a_position_is_what_it_was(filled: TestHub) -> None:
    publish_everything(filled.database, AuditInMemory())
    then = filled.parts.transactions.read(positions.newest)
    filled.submit(statement("systems/erp", "b", supplier_pb2.Supplier(legal_name="Baxter International")))
    filled.submit(statement("systems/erp", "e", supplier_pb2.Supplier(legal_name="Ecolab")))
    publish_everything(filled.database, AuditInMemory())
    assert len(ask(filled, 'legal_name = "baxter"', position=then).records) == 1
    assert ask(filled, 'legal_name = "baxter"').records == ()
    assert len(ask(filled, position=then).records) == 4
    assert len(ask(filled).records) == 5


def test_search_finds_identifiers_as_people_write_them(filled: TestHub) -> None:
    def search(identifier: str, *, clear: bool) -> list[tuple[str, ...]]:
        return filled.parts.transactions.read(
            lambda c: [
                hit.paths
                for hit in filled.parts.reader.search(
                    c, SUPPLIER, identifier, clear=clear, position=None, after="", limit=10
                )
            ]
        )

    assert search("15-048-3782", clear=False) == [("duns",)]
    assert search("04-1234567", clear=True) == [("tax_ids.value",)]
    assert search("04-1234567", clear=False) == []
