"""The demo's catalogue is what its README says: big enough, formally valid, without a hidden link or a loose end."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from stdnum import ean, lei, luhn
from stdnum.us import ein

from tools.demo import catalogue
from tools.demo.catalogue import Catalogue, CatalogueError, Item, Supplier, load
from tools.landscape.systems_files import WORKER_TYPES

_NO_TAX_ID_KNOWN = "99-9999999"


@pytest.fixture(scope="module")
def data() -> Catalogue:
    return load()


def _strong(supplier: Supplier) -> set[tuple[str, str]]:
    """Return the identifiers that alone prove two rows to be one company."""
    pairs = (("lei", supplier.lei), ("duns", supplier.duns), ("gln", supplier.gln), ("npi", supplier.npi))
    return {pair for pair in pairs if pair[1]}


def _gtins(items: Iterable[Item]) -> list[str]:
    return [gtin for item in items for gtin in (item.gtin_each, item.gtin_box, item.gtin_case) if gtin]


def _repeated(values: Iterable[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_the_catalogue_is_as_large_as_promised(data: Catalogue) -> None:
    centers = [center for center in data.cost_centers if center.kind == "cost_center"]
    assert len([supplier for supplier in data.suppliers if not supplier.duplicate_of]) >= 330
    assert len([supplier for supplier in data.suppliers if supplier.duplicate_of]) >= 45
    assert len(data.items) >= 520
    assert len(centers) >= 130
    assert len(data.cost_centers) - len(centers) >= 20
    assert len(data.locations) >= 60
    assert len(data.accounts) >= 120
    assert len(data.workforce_cost_centers) >= 118
    assert len(data.workforce_users) >= 60


def test_codes_are_unique(data: Catalogue) -> None:
    assert not _repeated(supplier.code for supplier in data.suppliers)
    assert not _repeated(item.code for item in data.items)
    assert not _repeated(center.code for center in data.cost_centers)
    assert not _repeated(place.code for place in data.locations)
    assert not _repeated(account.code for account in data.accounts)
    assert not _repeated(center.code for center in data.workforce_cost_centers)
    assert not _repeated(user.user_name for user in data.workforce_users)
    assert not _repeated(user.employee_number for user in data.workforce_users)
    assert not _repeated(user.email for user in data.workforce_users)
    assert not _repeated(entity.id for entity in data.entities)


def test_every_supplier_identifier_is_formally_valid(data: Catalogue) -> None:
    for supplier in data.suppliers:
        assert not supplier.lei or lei.is_valid(supplier.lei), supplier
        assert not supplier.gln or (len(supplier.gln) == 13 and ean.is_valid(supplier.gln)), supplier
        assert not supplier.duns or (len(supplier.duns) == 9 and supplier.duns.isdecimal()), supplier
        assert not supplier.npi or (len(supplier.npi) == 10 and luhn.is_valid("80840" + supplier.npi)), supplier
        assert supplier.tax_id_type == ("us_ein" if supplier.tax_id else ""), supplier
        assert not supplier.tax_id or ein.is_valid(supplier.tax_id), supplier


def test_no_original_repeats_the_name_of_another(data: Catalogue) -> None:
    assert not _repeated(supplier.name for supplier in data.suppliers if not supplier.duplicate_of)


def test_two_companies_never_share_a_strong_identifier(data: Catalogue) -> None:
    companies: dict[tuple[str, str], set[str]] = {}
    for supplier in data.suppliers:
        for identifier in _strong(supplier):
            companies.setdefault(identifier, set()).add(supplier.duplicate_of or supplier.code)
    assert {identifier: codes for identifier, codes in companies.items() if len(codes) > 1} == {}


def test_a_duplicate_names_an_original(data: Catalogue) -> None:
    originals = {supplier.code for supplier in data.suppliers if not supplier.duplicate_of}
    assert {supplier.duplicate_of for supplier in data.suppliers if supplier.duplicate_of} <= originals


def test_enough_duplicates_share_a_strong_identifier_with_their_original_and_others_do_not(data: Catalogue) -> None:
    by_code = {supplier.code: supplier for supplier in data.suppliers}
    duplicates = [(supplier, by_code[supplier.duplicate_of]) for supplier in data.suppliers if supplier.duplicate_of]
    apart = [(one, other) for one, other in duplicates if not _strong(one) & _strong(other)]
    assert len(duplicates) - len(apart) >= 25
    assert len([one for one, other in apart if one.tax_id and one.tax_id == other.tax_id]) >= 8
    assert len([one for one, _ in apart if not one.tax_id]) >= 8


def test_some_companies_share_a_tax_id_that_proves_nothing(data: Catalogue) -> None:
    owners: dict[str, set[str]] = {}
    for supplier in data.suppliers:
        if supplier.tax_id:
            owners.setdefault(supplier.tax_id, set()).add(supplier.duplicate_of or supplier.code)
    shared = {tax_id: len(codes) for tax_id, codes in owners.items() if len(codes) > 1}
    assert shared.pop(_NO_TAX_ID_KNOWN) == 4
    assert list(shared.values()) == [3]


def test_names_keep_the_carelessness_of_their_typist(data: Catalogue) -> None:
    assert [supplier.name for supplier in data.suppliers if supplier.name != supplier.name.strip()]


def test_every_gtin_is_a_valid_gtin_14_of_one_pack_only(data: Catalogue) -> None:
    gtins = _gtins(data.items)
    assert all(len(gtin) == 14 and ean.is_valid(gtin) for gtin in gtins)
    assert all(item.gtin_each for item in data.items)
    assert not _repeated(gtins)


def test_a_pack_level_has_a_gtin_and_a_quantity_or_neither(data: Catalogue) -> None:
    for item in data.items:
        for gtin, quantity in ((item.gtin_box, item.box_quantity), (item.gtin_case, item.case_quantity)):
            assert bool(gtin) == (quantity is not None), item
            assert quantity is None or quantity > 1, item


def test_item_codes_of_public_schemes_have_their_shape(data: Catalogue) -> None:
    for item in data.items:
        assert len(item.unspsc) == 8, item
        assert item.unspsc.isdecimal(), item
        assert not item.gmdn or (len(item.gmdn) == 5 and item.gmdn.isdecimal()), item
        assert not item.hcpcs or (len(item.hcpcs) == 5 and item.hcpcs[0].isalpha() and item.hcpcs[1:].isdecimal()), item


def test_an_ndc_is_hyphenated_and_its_gtin_is_made_of_it(data: Catalogue) -> None:
    drugs = [item for item in data.items if item.ndc]
    assert len(drugs) >= 100
    for item in drugs:
        labeler, product, package = item.ndc.split("-")
        assert (len(labeler), len(product), len(package)) in {(4, 4, 2), (5, 4, 2)}, item
        ten_digits = labeler + (product if len(labeler) == 4 else product.removeprefix("0")) + package
        assert item.gtin_each[1:13] == "03" + ten_digits, item


def test_prices_are_positive_and_cost_less_than_listed(data: Catalogue) -> None:
    assert all(0 < item.cost_price < item.list_price for item in data.items)


def test_every_manufacturer_is_a_supplier_and_some_are_the_wrong_row_of_it(data: Catalogue) -> None:
    suppliers = {supplier.code: supplier for supplier in data.suppliers}
    assert {item.manufacturer for item in data.items} <= suppliers.keys()
    assert [item.code for item in data.items if suppliers[item.manufacturer].duplicate_of]


def test_the_department_tree_has_one_root_no_cycle_and_parents_first(data: Catalogue) -> None:
    seen: set[str] = set()
    groups = {center.code for center in data.cost_centers if center.kind == "group"}
    for center in data.cost_centers:
        assert (center.parent_code in groups & seen) if seen else not center.parent_code, center
        seen.add(center.code)
    assert len([center for center in data.cost_centers if not center.parent_code]) == 1


def test_every_entity_resolves_and_parents_come_first(data: Catalogue) -> None:
    seen: set[str] = set()
    for entity in data.entities:
        assert (entity.parent in seen) if seen else not entity.parent, entity
        seen.add(entity.id)
    assert {center.entity for center in data.cost_centers} <= seen
    assert {center.entity for center in data.workforce_cost_centers} <= seen
    assert len({center.entity for center in data.cost_centers if center.kind == "cost_center"}) == 3


def test_the_tree_of_locations_has_parents_first_and_each_entity_hangs_together(data: Catalogue) -> None:
    entities = {entity.id for entity in data.entities}
    tops: list[str] = []
    seen: dict[str, str] = {}
    for place in data.locations:
        assert place.parent_code in seen or not seen, place
        assert place.entity in entities, place
        if seen.get(place.parent_code) != place.entity:
            tops.append(place.entity)
        seen[place.code] = place.entity
    assert not _repeated(tops)
    assert set(tops) == entities


def test_a_warehouse_has_receiving_dispatch_and_stores_an_address_and_a_location_number(data: Catalogue) -> None:
    warehouses = [place for place in data.locations if place.type == "warehouse"]
    assert len(warehouses) == 3
    for warehouse in warehouses:
        roles = sorted(place.role for place in data.locations if place.role and place.parent_code == warehouse.code)
        assert roles == ["input", "output", "storage"]
        assert warehouse.gln.startswith("952")
        assert len(warehouse.gln) == 13
        assert ean.is_valid(warehouse.gln)
    glns = [place.gln for place in data.locations if place.gln]
    assert len(glns) == len(set(glns) - {supplier.gln for supplier in data.suppliers}) == len(warehouses)
    assert [place.code for place in data.locations if place.street] == [place.code for place in warehouses]


def test_the_chart_of_accounts_has_one_root_parents_first_and_types_below_it(data: Catalogue) -> None:
    summing = {account.code for account in data.accounts if not account.type}
    seen: set[str] = set()
    for account in data.accounts:
        assert (account.parent_code in summing & seen) if seen else not account.parent_code, account
        assert bool(account.type) == bool(account.category), account
        assert not account.valid_from or not account.valid_to or account.valid_from < account.valid_to, account
        seen.add(account.code)
    kinds = {(account.category, account.type) for account in data.accounts if account.type}
    assert not _repeated(category for category, _ in kinds)
    assert {kind for _, kind in kinds} == {"asset", "liability", "equity", "revenue", "expense", "statistical"}


def test_cost_centers_end_after_they_begin_and_few_are_blocked(data: Catalogue) -> None:
    assert all(center.valid_to is None or center.valid_from < center.valid_to for center in data.cost_centers)
    assert 0 < len([center for center in data.cost_centers if center.blocked]) <= 8


def test_the_workforce_overlaps_the_erp_and_differs_from_it(data: Catalogue) -> None:
    erp = {center.code: center for center in data.cost_centers if center.kind == "cost_center"}
    workforce = {center.code: center for center in data.workforce_cost_centers}
    both = erp.keys() & workforce.keys()
    assert (len(both) >= 110, len(erp.keys() - both), len(workforce.keys() - both)) == (True, 12, 8)
    assert all(erp[code].entity == workforce[code].entity for code in both)
    assert len([code for code in both if erp[code].name != workforce[code].name]) >= 60
    assert len([code for code in both if erp[code].manager != workforce[code].manager]) >= 30


def test_every_employee_works_for_a_known_cost_center_under_a_reserved_domain(data: Catalogue) -> None:
    assert {user.cost_center for user in data.workforce_users} <= {
        center.code for center in data.workforce_cost_centers
    }
    assert all(user.email.endswith(".example.org") for user in data.workforce_users)


def test_the_workforce_has_every_kind_of_worker_assignment_and_differential(data: Catalogue) -> None:
    users = {user.employee_number: user for user in data.workforce_users}
    entity_of = {center.code: center.entity for center in data.workforce_cost_centers}
    kinds = Counter(WORKER_TYPES[user.user_type] for user in users.values())
    assert min(kinds["employee"], kinds["contractor"], kinds["agency"]) >= 4
    assert len([user for user in users.values() if user.second_cost_center]) >= 10
    assert len([user for user in users.values() if user.night_percent]) >= 10
    for user in users.values():
        assert bool(user.second_cost_center) == (user.share is not None), user
        assert user.share is None or 0 < user.share < 1, user
        assert user.end_date is None or user.hire_date < user.end_date, user
        assert entity_of[user.second_cost_center or user.cost_center] == entity_of[user.cost_center], user
        assert "-555-01" in user.phone, user


def test_everyone_reports_upwards_within_the_entity(data: Catalogue) -> None:
    users = {user.employee_number: user for user in data.workforce_users}
    entity_of = {center.code: center.entity for center in data.workforce_cost_centers}
    assert len([user for user in users.values() if not user.manager]) == 3
    for user in users.values():
        above, seen = user, set[str]()
        while above.manager:
            assert above.employee_number not in seen, user
            seen.add(above.employee_number)
            assert entity_of[users[above.manager].cost_center] == entity_of[above.cost_center], above
            above = users[above.manager]


def test_every_manager_is_an_employee(data: Catalogue) -> None:
    employees = {f"{user.given_name} {user.family_name}" for user in data.workforce_users}
    assert {center.manager for center in data.cost_centers} <= employees
    assert {center.manager for center in data.workforce_cost_centers} <= employees


def test_supplier_mailboxes_can_reach_nobody(data: Catalogue) -> None:
    assert all(supplier.email.endswith(".example") for supplier in data.suppliers if supplier.email)
    assert all("-555-01" in supplier.phone for supplier in data.suppliers if supplier.phone)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("id,name\n", "entities.csv:1: expected the columns"),
        ("id,display_name,parent\na,b\n", "entities.csv:2: 2 values in 3 columns"),
    ],
)
def test_a_misshapen_file_is_refused_with_its_line(tmp_path: Path, content: str, complaint: str) -> None:
    _copy_of_the_catalogue(tmp_path)
    (tmp_path / "entities.csv").write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError, match=complaint):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("cost_centers.csv", "2014-01-01", "the beginning", "cost_centers.csv:2: valid_from"),
        ("locations.csv", ",view,", ",hall,", "locations.csv:2: type"),
        ("accounts.csv", ",asset,", ",assets,", "accounts.csv:5: type"),
        ("cost_centers.csv", ",group,", ",cluster,", "cost_centers.csv:2: kind"),
        ("workforce_users.csv", ",yes\n", ",maybe\n", "workforce_users.csv:2: active"),
        ("items.csv", ",9.80,", ",dear,", "items.csv:2: list_price"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_column(
    tmp_path: Path, name: str, old: str, new: str, complaint: str
) -> None:
    _copy_of_the_catalogue(tmp_path)
    path = tmp_path / name
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(CatalogueError, match=complaint):
        load(tmp_path)


def _copy_of_the_catalogue(folder: Path) -> None:
    for file in Path(catalogue.__file__).parent.glob("*.csv"):
        (folder / file.name).write_bytes(file.read_bytes())
