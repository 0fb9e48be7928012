"""A slice of the demo's catalogue for system tests: small, but with duplicates, packs and a department tree."""

from dataclasses import replace

from tools.demo.catalogue import Catalogue, CostCenter, load

SUPPLIERS = 40
ITEMS = 30
COST_CENTERS = 25
LOCATIONS = 20
ACCOUNTS = 30


def small_catalogue() -> Catalogue:
    """Return suppliers that items need and their duplicates, and cost centers with all departments above them."""
    whole = load()
    originals = {row.code for row in whole.suppliers[:SUPPLIERS]}
    suppliers = tuple(row for row in whole.suppliers if row.code in originals or row.duplicate_of in originals)
    codes = {row.code for row in suppliers}
    items = tuple(row for row in whole.items if row.manufacturer in codes)[:ITEMS]
    centers = _with_departments(whole)
    kept = {row.code for row in centers}
    workforce = tuple(row for row in whole.workforce_cost_centers if row.code in kept)
    users = tuple(row for row in whole.workforce_users if {row.cost_center, row.second_cost_center} <= {"", *kept})
    return replace(
        whole,
        suppliers=suppliers,
        items=items,
        cost_centers=centers,
        locations=whole.locations[:LOCATIONS],
        accounts=whole.accounts[:ACCOUNTS],
        workforce_cost_centers=workforce,
        workforce_users=users,
    )


def _with_departments(whole: Catalogue) -> tuple[CostCenter, ...]:
    by_code = {row.code: row for row in whole.cost_centers}
    wanted = [row for row in whole.cost_centers if row.kind == "cost_center"][:COST_CENTERS]
    kept = {row.code for row in wanted}
    for row in wanted:
        parent = row.parent_code
        while parent:
            kept.add(parent)
            parent = by_code[parent].parent_code
    return tuple(row for row in whole.cost_centers if row.code in kept)
