"""The suppliers of the demo's catalogue as matching sees them, and which of them are one company."""

from functools import cache

from concord.mdm.v1.party_pb2 import TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mdm.domain.matching.columns.population import population
from services.mdm.domain.matching.learning.training import trained
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.standardising.profile import Profile, profile
from services.mdm.domain.types.supplier import SUPPLIER
from tools.demo import catalogue


@cache
def profiles() -> dict[str, Profile]:
    """Return the profiles by code, in the catalogue's order."""
    return {row.code: profile(SUPPLIER, _content(row), _token) for row in catalogue.load().suppliers}


@cache
def model() -> MatchModel:
    """Return the model that training makes of them."""
    return trained(SUPPLIER, population(list(profiles().values())))[0]


@cache
def companies() -> dict[str, str]:
    """Return the truth: by code, the code of the company's own row."""
    return {row.code: row.duplicate_of or row.code for row in catalogue.load().suppliers}


@cache
def names() -> dict[str, str]:
    """Return the names as the catalogue spells them, by code."""
    return {row.code: row.name for row in catalogue.load().suppliers}


def _content(row: catalogue.Supplier) -> Supplier:
    tax_ids = [TaxId(country=row.country, scheme=row.tax_id_type, value=row.tax_id)] if row.tax_id else []
    said = Supplier(
        legal_name=row.name,
        trading_names=[row.trading_name] if row.trading_name else [],
        phone=row.phone,
        email=row.email,
        website=row.website,
        lei=row.lei,
        duns=row.duns,
        gln=row.gln,
        npi=row.npi,
        tax_ids=tax_ids,
    )
    said.classifications.add(scheme="category", code=row.category)
    address = said.sites.add().address
    address.address_lines.append(row.street)
    address.locality, address.administrative_area = row.city, row.state
    address.postal_code, address.region_code = row.postal_code, row.country
    return said


def _token(value: str, purpose: str) -> str:
    return f"{purpose} {value}"
