"""What the catalogue says must come out, counted without the mesh: by the rules that its README states."""

from collections.abc import Iterable
from dataclasses import dataclass

from tools.demo.catalogue import Catalogue, Supplier


@dataclass(frozen=True)
class Expectations:
    """Counts of source and golden records after a whole synchronisation, and the suppliers that become one.

    The workforce SaaS knows departments only as texts of its cost centers and users; each makes a group node.
    `merged` holds, for each golden supplier made of several rows, their codes in the catalogue's order.
    """

    erp_sources: dict[str, int]
    workforce_sources: dict[str, int]
    """By kind: cost centers, departments, employees."""
    golden: dict[str, int]
    merged: tuple[tuple[str, ...], ...]
    shared_cost_centers: frozenset[tuple[str, str]]
    """Entity and code of those that ERP and workforce SaaS both hold."""
    renamed_cost_centers: frozenset[str]
    """Codes of those that the workforce SaaS calls by another name."""


def expectations(catalogue: Catalogue) -> Expectations:
    """Count what the catalogue promises."""
    groups = _companies(catalogue.suppliers)
    in_erp = {(row.entity, row.code): row.name for row in catalogue.cost_centers}
    in_workforce = {(row.entity, row.code): row.name for row in catalogue.workforce_cost_centers}
    departments = _departments(catalogue)
    shared = in_erp.keys() & in_workforce.keys()
    return Expectations(
        erp_sources={
            "supplier": len(catalogue.suppliers),
            "item": len(catalogue.items),
            "cost_center": len(catalogue.cost_centers),
            "location": len(catalogue.locations),
            "account": len(catalogue.accounts),
        },
        workforce_sources={
            "cost centers": len(in_workforce),
            "departments": len(departments),
            "employees": len(catalogue.workforce_users),
        },
        golden={
            "supplier": len(groups),
            "item": len(catalogue.items),
            "cost_center": len(in_erp.keys() | in_workforce.keys() | departments),
            "location": len(catalogue.locations),
            "account": len(catalogue.accounts),
            "employee": len(catalogue.workforce_users),
        },
        merged=tuple(group for group in groups if len(group) > 1),
        shared_cost_centers=frozenset(shared),
        renamed_cost_centers=frozenset(each[1] for each in shared if in_erp[each] != in_workforce[each]),
    )


def _departments(catalogue: Catalogue) -> set[tuple[str, str]]:
    """Return entity and text of the departments that cost centers name, and users in their cost center's entity."""
    entity_of = {row.code: row.entity for row in catalogue.workforce_cost_centers}
    named = {(row.entity, row.department) for row in catalogue.workforce_cost_centers}
    named |= {(entity_of[row.cost_center], row.department) for row in catalogue.workforce_users}
    return {(entity, department) for entity, department in named if department}


def _companies(suppliers: Iterable[Supplier]) -> list[tuple[str, ...]]:
    """Group the rows that share an LEI, DUNS, GLN or NPI, directly or through others."""
    group_of: dict[tuple[str, str], list[str]] = {}
    groups: list[list[str]] = []
    for supplier in suppliers:
        joined = [supplier.code]
        identifiers = _identifiers(supplier)
        for group in {id(group_of[each]): group_of[each] for each in identifiers if each in group_of}.values():
            groups.remove(group)
            joined = group + joined
            for known, owner in group_of.items():
                if owner is group:
                    group_of[known] = joined
        groups.append(joined)
        group_of.update(dict.fromkeys(identifiers, joined))
    return [tuple(group) for group in groups]


def _identifiers(supplier: Supplier) -> list[tuple[str, str]]:
    """Return what alone proves two rows to be one company."""
    schemes = {"lei": supplier.lei, "duns": supplier.duns, "gln": supplier.gln, "npi": supplier.npi}
    return [(scheme, value) for scheme, value in schemes.items() if value]
