"""Loads the demo's catalogue into Tryton, the way a hospital would hold it there, in few calls.

`docs/how-to/tryton-and-scim.md` tells where each attribute goes and why.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tools.demo.catalogue import Catalogue, CostCenter, Item, Supplier
from tools.systems import tryton_rows
from tools.systems.tryton_rows import Ids, Row
from tools.systems.tryton_template import SUPPLIER_CATEGORY

_CHUNK = 250
_TIMEOUT_S = 55.0  # the server itself ends a call after 60 s


class CatalogueLoader:
    """Creates a catalogue's records in an empty database; not repeatable."""

    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        [company] = client.search_read("company.company", [], ["currency"])
        self._context = {"company": company["id"]}
        self._currency: int = company["currency"]

    @classmethod
    def connect(cls, url: str, database: str, user: str, password_file: Path) -> Self:
        """Log in; raises TrytonError."""
        return cls(TrytonClient(url, database, user, password_file, timeout_s=_TIMEOUT_S))

    def load(self, catalogue: Catalogue) -> None:
        """Create suppliers, items and cost centers; raises TrytonError."""
        parties = self._load_suppliers(catalogue.suppliers)
        self._load_items(catalogue.items, parties)
        self._load_cost_centers(catalogue.cost_centers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def _load_suppliers(self, suppliers: Sequence[Supplier]) -> Ids:
        ids = self._party_references(suppliers)
        rows = [tryton_rows.party(supplier, ids) for supplier in suppliers]
        codes = (supplier.code for supplier in suppliers)
        created = dict(zip(codes, self._create("party.party", rows), strict=True))
        # An inactive party is read-only, so it cannot be created as one.
        inactive = [created[supplier.code] for supplier in suppliers if not supplier.active]
        self._client.write("party.party", inactive, {"active": False}, context=self._context)
        return created

    def _party_references(self, suppliers: Sequence[Supplier]) -> dict[str, Ids]:
        [root] = self._client.search_read("party.category", [("name", "=", SUPPLIER_CATEGORY)], ["name"])
        categories = _distinct(supplier.category for supplier in suppliers)
        countries = self._named("country.country", _distinct(supplier.country for supplier in suppliers), _country)
        states = sorted({(s.country, s.state) for s in suppliers if s.country and s.state})
        subdivisions = [tryton_rows.subdivision(country, state, countries[country]) for country, state in states]
        codes = [tryton_rows.subdivision_code(*state) for state in states]
        return {
            "category": {
                SUPPLIER_CATEGORY: root["id"],
                **self._named("party.category", categories, lambda name: {"name": name, "parent": root["id"]}),
            },
            "country": countries,
            "subdivision": dict(zip(codes, self._create("country.subdivision", subdivisions), strict=True)),
            "payment_term": self._named(
                "account.invoice.payment_term",
                _distinct(supplier.payment_term for supplier in suppliers),
                tryton_rows.payment_term,
            ),
        }

    def _load_items(self, items: Sequence[Item], parties: Ids) -> None:
        families = _distinct(item.category for item in items)
        uoms = _distinct(item.uom for item in items if item.uom != tryton_rows.EACH)
        uom_categories = self._named("product.uom.category", uoms, lambda code: {"name": code})
        [unit] = self._client.search_read("product.uom", [("symbol", "=", tryton_rows.UNIT_SYMBOL)], ["symbol"])
        ids = {
            "party": parties,
            "category": self._named(
                "product.category", [*families, *tryton_rows.HANDLING], lambda name: {"name": name}
            ),
            "uom": {
                tryton_rows.EACH: unit["id"],
                **self._named("product.uom", uoms, lambda code: tryton_rows.uom(code, uom_categories[code])),
            },
        }
        self._create("product.template", [tryton_rows.template(item, ids, self._currency) for item in items])

    def _load_cost_centers(self, cost_centers: Sequence[CostCenter]) -> None:
        created: Ids = {}
        waiting = list(cost_centers)
        while waiting:
            ready = [each for each in waiting if not each.parent_code or each.parent_code in created]
            if not ready:
                raise ValueError(f"cost centers without a parent: {[each.code for each in waiting]}")
            root = next(iter(created.values()), None)
            rows = [tryton_rows.analytic_account(each, created, root) for each in ready]
            created |= dict(
                zip((each.code for each in ready), self._create("analytic_account.account", rows), strict=True)
            )
            waiting = [each for each in waiting if each.code not in created]

    def _named(self, model: str, names: Sequence[str], row: "tryton_rows.RowMaker") -> Ids:
        return dict(zip(names, self._create(model, [row(name) for name in names]), strict=True))

    def _create(self, model: str, rows: Sequence[Row]) -> list[int]:
        ids: list[int] = []
        for start in range(0, len(rows), _CHUNK):
            ids += self._client.create(model, rows[start : start + _CHUNK], context=self._context)
        return ids


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})


def _country(code: str) -> Mapping[str, object]:
    return {"code": code, "name": code}
