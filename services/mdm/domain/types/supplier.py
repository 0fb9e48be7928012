"""The supplier: who sells to the organisation and is paid by it."""

from collections.abc import Iterable

from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.check_digits import is_duns, is_gln, is_lei, is_npi
from services.mdm.domain.matching.declarations.supplier import MATCHING
from services.mdm.domain.record_type import Coded, RecordType, StrongIdentifier, keyed, single
from services.mdm.domain.violation import Violation

CHECKS = {"lei": is_lei, "duns": is_duns, "gln": is_gln, "npi": is_npi}


def _identifier(field: str, *, exclusive: bool = False) -> StrongIdentifier:
    def values(content: supplier_pb2.Supplier) -> Iterable[str]:
        value: str = getattr(content, field)
        return (value,) if value and CHECKS[field](value) else ()

    return StrongIdentifier(field, values, exclusive)


def _own_parent(content: supplier_pb2.Supplier) -> Iterable[Violation]:
    if content.parent and content.parent == content.name:
        yield Violation("parent", "is the supplier itself")


def _without_number(content: supplier_pb2.Supplier) -> Iterable[Violation]:
    """Give what says nothing without its RESTRICTED number, which a caller who may not see it can't send back."""
    for tax_id in content.tax_ids:
        if not tax_id.value:
            yield Violation(f"tax_ids[{tax_id.country}/{tax_id.scheme}].value", "is missing")
    for account in content.bank_accounts:
        if not account.account_number:
            yield Violation(f"bank_accounts[{account.code}].account_number", "is missing")


def _check_digits(content: supplier_pb2.Supplier) -> Iterable[Violation]:
    for field, check in CHECKS.items():
        value: str = getattr(content, field)
        if value and not check(value):
            yield Violation(field, "is not valid: its check digits or form are wrong")
    for site in content.sites:
        if site.gln and not is_gln(site.gln):
            yield Violation(f"sites[{site.code}].gln", "is not valid: its check digit is wrong")


SUPPLIER = RecordType(
    name="supplier",
    singular="supplier",
    plural="suppliers",
    collection="suppliers",
    message=supplier_pb2.Supplier,
    service="concord.mdm.v1.SupplierService",
    groups=(
        *single("legal_name", "lei", "duns", "gln", "npi", "payment_terms", "parent", "status"),
        *single("phone", "email", "website"),
        keyed("trading_names"),
        keyed("tax_ids", "country", "scheme"),
        keyed("sites", "code"),
        keyed("contacts", "code"),
        keyed("bank_accounts", "code"),
        keyed("classifications", "scheme", "code"),
        keyed("diversity_certificates", "kind", "agency", "number"),
    ),
    filterable=(
        *("legal_name", "trading_names", "lei", "duns", "gln", "npi", "parent", "status", "email", "website"),
        *("tax_ids.country", "tax_ids.scheme", "tax_ids.value", "payment_terms.code", "bank_accounts.country"),
        *("sites.code", "sites.gln", "sites.purposes", "sites.address.region_code", "sites.address.locality"),
        *("classifications.scheme", "classifications.code", "diversity_certificates.kind"),
        "diversity_certificates.expire_date",
    ),
    multi_line=("sites.address.address_lines",),
    known_by=("legal_name", "trading_names"),
    searchable=("lei", "duns", "gln", "npi", "tax_ids.value", "sites.gln", "diversity_certificates.number"),
    identifiers=(
        _identifier("lei", exclusive=True),
        _identifier("duns"),
        _identifier("gln"),
        _identifier("npi", exclusive=True),
    ),
    coded=(
        Coded("payment_terms.code", "payment_terms"),
        Coded("tax_ids.country", "countries"),
        Coded("sites.address.region_code", "countries"),
        Coded("bank_accounts.country", "countries"),
        Coded("bank_accounts.currency_code", "currencies"),
        Coded("classifications.code", scheme="scheme"),
        Coded("diversity_certificates.kind", "diversity_kinds"),
    ),
    validators=(_own_parent, _without_number),
    strict_validators=(_check_digits,),
    matching=MATCHING,
)
