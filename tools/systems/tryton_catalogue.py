"""Loads the demo's catalogue into Tryton, the way a hospital would hold it there, in few calls.

`docs/how-to/tryton-and-scim.md` tells where each attribute goes and why.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tools.demo.catalogue import Account, Catalogue, CostCenter, Item, Location, Supplier
from tools.systems import tryton_rows
from tools.systems.tryton_rows import Ids, Row
from tools.systems.tryton_template import SUPPLIER_CATEGORY

_CHUNK = 250
_INACTIVE_TOO = {"active_test": False}
_TIMEOUT_S = 55.0  # the server itself ends a call after 60 s

_NodeT = TypeVar("_NodeT", CostCenter, Account)


class CatalogueLoader:
    """Creates a catalogue's records in an empty database; not repeatable."""

    def __init__(self, client: TrytonClient) -> None:
        self._client = client
        [company] = client.search_read("company.company", [], ["currency", "party"])
        self._context = {"company": company["id"]}
        self._company, self._company_party = int(company["id"]), int(company["party"])
        self._currency: int = company["currency"]

    @classmethod
    def connect(cls, url: str, database: str, user: str, password_file: Path) -> Self:
        """Log in; raises TrytonError."""
        return cls(TrytonClient(url, database, user, password_file, timeout_s=_TIMEOUT_S))

    def load(self, catalogue: Catalogue) -> None:
        """Create everything that an ERP holds; raises TrytonError."""
        parties = self._load_suppliers(catalogue.suppliers)
        self._load_items(catalogue.items, parties)
        self._load_cost_centers(catalogue.cost_centers)
        self._load_locations(catalogue.locations)
        self._load_accounts(catalogue.accounts)

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
        return {
            "category": {
                SUPPLIER_CATEGORY: root["id"],
                **self._named("party.category", categories, lambda name: {"name": name, "parent": root["id"]}),
            },
            "country": countries,
            "subdivision": self._subdivisions(states, countries),
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
        def row(each: CostCenter, created: Ids) -> Row:
            return tryton_rows.analytic_account(each, created, next(iter(created.values()), None))

        self._load_tree("analytic_account.account", cost_centers, row)

    def _load_tree(self, model: str, nodes: Sequence[_NodeT], row: Callable[[_NodeT, Ids], Row]) -> None:
        """Create the nodes of a tree level by level; raises ValueError when one has no parent."""
        created: Ids = {}
        waiting = list(nodes)
        while waiting:
            ready = [each for each in waiting if not each.parent_code or each.parent_code in created]
            if not ready:
                raise ValueError(f"without a parent: {[each.code for each in waiting]}")
            ids = self._create(model, [row(each, created) for each in ready])
            created |= dict(zip((each.code for each in ready), ids, strict=True))
            waiting = [each for each in waiting if each.code not in created]

    def _load_locations(self, locations: Sequence[Location]) -> None:
        """Create the places, the parts of warehouses before these, then hang them below each other."""
        model = "stock.location"
        if not locations:
            return
        # What Tryton brings along stands for no place of these hospitals.
        brought = self._client.search_read(model, [("type", "in", ["warehouse", "storage", "view"])], ["id"])
        self._client.write(model, [row["id"] for row in brought], {"active": False}, context=self._context)
        addresses = self._load_addresses([place for place in locations if place.street])
        created: Ids = {}
        roles: dict[str, Ids] = {}
        for places in (
            [place for place in locations if place.type != "warehouse"],
            [place for place in locations if place.type == "warehouse"],
        ):
            rows = [
                tryton_rows.location(each, addresses.get(each.code, {}) | roles.get(each.code, {})) for each in places
            ]
            created |= dict(zip((each.code for each in places), self._create(model, rows), strict=True))
            for each in places:
                if each.role:
                    roles.setdefault(each.parent_code, {})[each.role] = created[each.code]
        for parent in _distinct(place.parent_code for place in locations if not place.role):
            below = [created[place.code] for place in locations if place.parent_code == parent and not place.role]
            self._client.write(model, below, {"parent": created[parent]}, context=self._context)

    def _load_addresses(self, places: Sequence[Location]) -> dict[str, Ids]:
        countries = self._known("country.country", _distinct(place.country for place in places), _country)
        states = sorted({(place.country, place.state) for place in places})
        ids = {"country": countries, "subdivision": self._subdivisions(states, countries)}
        party = self._company_party
        rows = [tryton_rows.location_address(place, ids, party) for place in places]
        created = self._create("party.address", rows)
        pairs = list(zip(places, created, strict=True))
        numbers = [tryton_rows.location_number(place, party, address) for place, address in pairs]
        self._create("party.contact_mechanism", numbers)
        return {place.code: {"address": address} for place, address in pairs}

    def _load_accounts(self, accounts: Sequence[Account]) -> None:
        posted = {account.category: account for account in accounts if account.type}
        of_company = {"company": self._company}
        kinds = _distinct(account.type for account in posted.values())
        tops = self._named(
            "account.account.type", kinds, lambda kind: {**tryton_rows.ACCOUNT_TYPES[kind], **of_company}
        )
        ids = {
            "type": self._named(
                "account.account.type",
                sorted(posted),
                lambda name: {**tryton_rows.account_type(posted[name], tops[posted[name].type]), **of_company},
            ),
            "currency": self._known(
                "currency.currency", _distinct(account.currency for account in accounts), tryton_rows.currency
            ),
        }
        self._load_tree(
            "account.account", accounts, lambda each, created: tryton_rows.account(each, ids, created, self._company)
        )

    def _known(self, model: str, codes: Sequence[str], row: "tryton_rows.RowMaker") -> Ids:
        """Return the ids of rows by their codes; those that are not there yet are created."""
        rows = self._client.search_read(model, [("code", "in", list(codes))], ["code"], context=_INACTIVE_TOO)
        found = {str(each["code"]): int(each["id"]) for each in rows}
        return found | self._named(model, [code for code in codes if code not in found], row)

    def _subdivisions(self, states: Sequence[tuple[str, str]], countries: Ids) -> Ids:
        by_code = {tryton_rows.subdivision_code(*state): state for state in states}

        def row(code: str) -> Row:
            country, state = by_code[code]
            return tryton_rows.subdivision(country, state, countries[country])

        return self._known("country.subdivision", list(by_code), row)

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
