"""A Tryton of a test module's own, with a slice of the catalogue, and a user of it who edits."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from services.erp_adapter.connectors.tryton.connector import TrytonConnector
from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tools.demo import catalogue
from tools.postgres import PostgresServer
from tools.systems.tryton import Tryton

EVERY = {"company": 1, "active_test": False}
LOCATION_ENTITIES = {"L00": "entities/saltmarsh", "L10": "entities/general"}
ENTITIES = {entity.id: f"entities/{entity.id}" for entity in catalogue.load().entities}


class Erp:
    """A running Tryton, its connector and a client for editing behind the connector's back."""

    def __init__(self, server: Tryton) -> None:
        self.server = server
        self.connector = TrytonConnector.configured("systems/erp", options(server))
        self.client = TrytonClient(server.url, server.database, "admin", server.admin_password_file)

    def number(self, model: str, field: str, value: object) -> int:
        """Return the id of a row."""
        return int(self.client.search_read(model, [(field, "=", value)], ["id"], context=EVERY)[0]["id"])

    def new_party(self, **more: object) -> str:
        """Create a supplier with a value in every place that the connector writes; return its key."""
        category = self.number("party.category", "name", "Supplier")
        address = {"street": "1 Main St", "city": "Franklin Lakes", "invoice": True, "delivery": False}
        mechanisms = [{"type": "phone", "value": "+1 201-555-0190"}, {"type": "email", "value": "a@bd.example"}]
        numbers = [{"type": "us_ein", "code": "04-2103594"}, {"type": None, "code": "DUNS:333450359"}]
        row = {
            "name": "Becton ",
            "code": f"V{uuid4().hex[:10]}",
            "categories": [("add", [category])],
            "addresses": [("create", [address])],
            "contact_mechanisms": [("create", mechanisms)],
            "identifiers": [("create", numbers)],
            "supplier_payment_term": self.number("account.invoice.payment_term", "name", "Net 30"),
        }
        return f"party.party/{self.client.create('party.party', [{**row, **more}], context=EVERY)[0]}"

    def new_product(self) -> str:
        """Create an item and return its key."""
        unit = self.number("product.uom", "symbol", "u")
        numbers = [{"type": "mpn", "code": "M-1"}, {"type": None, "code": "UNSPSC:42142501"}]
        numbers += [{"type": None, "code": "GTIN-BX:19521000000077:12"}, {"type": None, "code": "HCPCS:A4338"}]
        row = {
            "name": "Catheter",
            "code": uuid4().hex[:10],
            "type": "goods",
            "default_uom": unit,
            "purchasable": True,
            "purchase_uom": unit,
            "products": [("create", [{"identifiers": [("create", numbers)]}])],
        }
        [template] = self.client.create("product.template", [row], context=EVERY)
        [product] = self.client.search_read("product.product", [("template", "=", template)], ["id"], context=EVERY)
        return f"product.product/{product['id']}"

    def new_account(self, code: str = "") -> str:
        """Create a cost center and return its key."""
        root, parent = (self.number("analytic_account.account", "code", code) for code in ("G00-ALL", "G10-ALL"))
        row = {
            "code": code or uuid4().hex[:8],
            "name": "ICU",
            "type": "normal",
            "root": root,
            "parent": parent,
            "state": "opened",
            "company": 1,
            "note": "Entity: general\nBudget: 12\nManager: Mossgrove\nValid from: 2014-01-01",
        }
        return f"analytic_account.account/{self.client.create('analytic_account.account', [row], context=EVERY)[0]}"

    def new_location(self, **more: object) -> str:
        """Create a place of the general hospital and return its key."""
        parent = self.number("stock.location", "code", "L10")
        row = {"code": f"S{uuid4().hex[:8]}", "name": "Ward 9 store ", "type": "storage", "parent": parent}
        return f"stock.location/{self.client.create('stock.location', [{**row, **more}], context=EVERY)[0]}"

    def new_ledger_account(self, **more: object) -> str:
        """Create an account of the chart and return its key."""
        row = {
            "code": f"{str(uuid4().int)[:8]}",
            "name": "Cash in transit",
            "company": 1,
            "type": self.number("account.account.type", "name", "Cash"),
            "parent": self.number("account.account", "code", "10"),
            "start_date": date(2020, 1, 1),
        }
        return f"account.account/{self.client.create('account.account', [{**row, **more}], context=EVERY)[0]}"

    def edit(self, key: str, changes: Mapping[str, object]) -> None:
        """Write to the row of a document."""
        model, _, number = key.partition("/")
        self.client.write(model, [int(number)], changes, context=EVERY)

    def row(self, key: str, *fields: str) -> dict[str, Any]:
        """Read fields of the row of a document."""
        model, _, number = key.partition("/")
        return self.client.read(model, [int(number)], fields, context=EVERY)[0]


def options(server: Tryton, **more: object) -> dict[str, object]:
    """Return the systems file's options for a server."""
    told = {"url": server.url, "database": server.database, "user": server.user, "entities": ENTITIES}
    told |= {"location_entities": LOCATION_ENTITIES, "ledger": "ledgers/main"}
    return {**told, "password_file": str(server.password_file), **more}


@contextmanager
def running(postgres: PostgresServer, directory: Path, database: str) -> Iterator[Erp]:
    """Run a Tryton with the first suppliers, items, departments, locations and accounts of the catalogue."""
    whole = catalogue.load()
    part = replace(
        whole,
        suppliers=whole.suppliers[:20],
        items=tuple(item for item in whole.items if item.uom == "EA")[:3],
        cost_centers=tuple(each for each in whole.cost_centers if each.kind == "group")[:12],
        locations=whole.locations[:12],
        accounts=whole.accounts[:10],
    )
    with Tryton.start_loaded(directory, postgres, part, database=database) as server:
        erp = Erp(server)
        try:
            yield erp
        finally:
            erp.connector.close()
            erp.client.close()
