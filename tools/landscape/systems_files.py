"""The systems files of the two adapters: which system each serves, how it logs in, what is delivered to it."""

import json
from collections.abc import Mapping
from pathlib import Path

from tools.demo.catalogue import Catalogue
from tools.landscape.registrations import ACCOUNT_SEGMENTS, ERP, LEDGER, WORKFORCE, entity_name
from tools.systems.scim import ScimServer
from tools.systems.tryton import Tryton
from tools.systems.workforce_user import WORKFORCE_SCHEMA

POLL_INTERVAL_S = 2.0

# What the catalogue's chart calls its types, where the flags of Tryton's types say nothing.
ACCOUNT_TYPES = {"Liabilities": "LIABILITY", "Equity": "EQUITY", "Statistics": "STATISTICAL"}

WORKER_TYPES = {
    "Employee": "employee",
    "Per diem": "employee",
    "Contractor": "contractor",
    "Agency": "agency",
    "Agency nurse": "agency",
}
CONTRACTOR_CLASSIFICATIONS = {"Contractor": "independent", "Agency": "staffing", "Agency nurse": "travel-nurse"}


def erp_systems_file(directory: Path, tryton: Tryton, catalogue: Catalogue) -> Path:
    """Write the file of the ERP adapter and return its path."""
    options = {
        "url": tryton.url,
        "database": tryton.database,
        "user": tryton.user,
        "password_file": str(tryton.password_file),
        "entities": _entities(catalogue),
        "location_entities": location_entities(catalogue),
        "ledger": LEDGER,
        "account_types": ACCOUNT_TYPES,
        "account_segments": ACCOUNT_SEGMENTS,
    }
    deliver = dict.fromkeys(("supplier", "item", "cost_center", "location", "account"), "update")
    return _write(directory / "erp_systems.toml", ERP, "tryton", deliver, options)


def workforce_systems_file(directory: Path, scim: ScimServer, catalogue: Catalogue) -> Path:
    """Write the file of the SaaS adapter and return its path."""
    options = {
        "url": scim.url,
        "token_file": str(scim.token_file),
        "entities": _entities(catalogue),
        "worker_types": WORKER_TYPES,
        "contractor_classifications": CONTRACTOR_CLASSIFICATIONS,
        "workforce_extension": WORKFORCE_SCHEMA,
    }
    deliver = dict.fromkeys(("cost_center", "employee"), "update")
    return _write(directory / "workforce_systems.toml", WORKFORCE, "scim", deliver, options)


def _entities(catalogue: Catalogue) -> dict[str, str]:
    """Both systems call an entity by the id that the catalogue gives it."""
    return {row.id: entity_name(row.id) for row in catalogue.entities}


def location_entities(catalogue: Catalogue) -> dict[str, str]:
    """Return the entities by the code of the locations that are the topmost of theirs."""
    entity_of = {row.code: row.entity for row in catalogue.locations}
    return {
        row.code: entity_name(row.entity) for row in catalogue.locations if row.entity != entity_of.get(row.parent_code)
    }


def _write(path: Path, system: str, connector: str, deliver: Mapping[str, str], options: Mapping[str, object]) -> Path:
    lines = [
        "[[systems]]",
        f"name = {_toml(system)}",
        f"connector = {_toml(connector)}",
        f"poll_interval_seconds = {POLL_INTERVAL_S}",
        f"deliver = {_toml(deliver)}",
        f"options = {_toml(options)}",
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def _toml(value: object) -> str:
    """Return a text or a table of texts as TOML; JSON's strings are TOML's, too."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
