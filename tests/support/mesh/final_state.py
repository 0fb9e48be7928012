"""What a mesh knows in the end: golden records by the keys that belong to them, value by value."""

from tests.support.database.mesh_databases import MeshDatabases
from tools.demo.catalogue import Catalogue

Fact = tuple[frozenset[tuple[str, str]], str, str]
"""A value of a golden record: the keys that belong to the record, the path, the value."""


def final_state(databases: MeshDatabases) -> set[Fact]:
    """Return every value of every golden record; names and ids that are drawn at random do not count."""
    keys: dict[str, set[tuple[str, str]]] = {}
    for system, key, golden in databases.rows("mdm", "SELECT system, key, golden FROM crosswalk WHERE live"):
        keys.setdefault(golden, set()).add((system, _stable(key)))
    now = "SELECT record, path, value FROM record_index WHERE to_revision IS NULL AND value NOT LIKE 't1:%'"
    facts = databases.rows("mdm", now)
    return {(frozenset(keys[record]), path, value) for record, path, value in facts if record in keys}


def crossings(databases: MeshDatabases) -> int:
    """Count the keys that belong to golden records."""
    return int(databases.rows("mdm", "SELECT count(*) FROM crosswalk")[0][0])


def complete(databases: MeshDatabases, catalogue: Catalogue) -> bool:
    """Tell whether every row of the catalogue has arrived."""
    held = (catalogue.suppliers, catalogue.items, catalogue.cost_centers, catalogue.locations, catalogue.accounts)
    from_erp = sum(map(len, held))
    return crossings(databases) >= from_erp + len(catalogue.workforce_cost_centers) + len(catalogue.workforce_users)


def _stable(key: str) -> str:
    """The workforce service draws its ids at random: its keys are compared by kind only."""
    kind, _, number = key.rpartition("/")
    return key if number.isdigit() else kind
