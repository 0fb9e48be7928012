"""The given labelled sets: which record type each is like, what goes where, and what is to be reached."""

from dataclasses import dataclass, field
from pathlib import Path

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "matching"

_PEOPLE = {
    "given_name": "given_name",
    "surname": "family_name",
    "street_number": "home_address.address_lines",
    "address_1": "home_address.address_lines",
    "address_2": "home_address.address_lines",
    "suburb": "home_address.locality",
    "postcode": "home_address.postal_code",
    "state": "home_address.administrative_area",
    "date_of_birth": "birth_date",
    "soc_sec_id": "national_ids.value",
}
_RESTAURANTS = {
    "name": "legal_name",
    "addr": "sites.address.address_lines",
    "city": "sites.address.locality",
    "phone": "phone",
}
_SITES = {
    "site_name": "legal_name",
    "address": "sites.address.address_lines",
    "zip": "sites.address.postal_code",
    "phone": "phone",
}
_PRODUCTS = {"name": "display_name", "description": "description", "price": "prices.price"}
_PAPERS = {"title": "title", "authors": "authors", "venue": "venue", "year": "year"}


@dataclass(frozen=True)
class GivenSet:
    """One set: its folder, record type and mapping; the best peer without labels and the goals, F1."""

    name: str
    record_type: str
    mapping: dict[str, str] = field(hash=False)
    peer: float
    goal: float
    one_to_one: bool = False
    labels_goal: float = 0.0
    """With half of it as labels; 0 = none is set."""


SETS = (
    GivenSet("febrl3", "employee", _PEOPLE, 0.9994, 0.9998),
    GivenSet("febrl4", "employee", _PEOPLE, 0.9999, 0.9999, one_to_one=True),
    GivenSet("fodors_zagats", "supplier", _RESTAURANTS, 0.973, 0.985, one_to_one=True),
    GivenSet("org_chicago_sites_dev", "supplier", _SITES, 0.932, 0.97),
    GivenSet("org_nber_golden_dev", "supplier", {"organization": "legal_name"}, 0.76, 0.78, labels_goal=0.87),
    GivenSet("dblp_acm", "publication", _PAPERS, 0.976, 0.989, one_to_one=True),
    GivenSet("abt_buy", "item", _PRODUCTS, 0.766, 0.93, one_to_one=True),
)
"""Figures of the peers and goals: `PEERS.md` beside the sets."""
