"""What money follows: declared in the contracts, found in a change."""

import pytest

from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.party_pb2 import BankAccount, PaymentTerms, SupplierSite, TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mdm.domain.payment import payment_changed
from services.mesh.contract.governance import payment_critical_paths


def supplier() -> Supplier:
    return Supplier(
        legal_name="Acme",
        website="https://acme.example.com",
        tax_ids=[TaxId(country="US", scheme="ein", value="123456789")],
        sites=[SupplierSite(code="HQ", display_name="Head office", purposes=[SupplierSite.PURPOSE_REMIT_TO])],
        bank_accounts=[
            BankAccount(code="1", account_holder="Acme", account_number="111", currency_code="USD"),
            BankAccount(code="2", account_holder="Acme West", account_number="222", currency_code="USD"),
        ],
        payment_terms=PaymentTerms(code="N30", display_name="30 days", net_days=30),
    )


def test_the_contract_says_what_money_follows() -> None:
    assert {".".join(path) for path in payment_critical_paths(Supplier.DESCRIPTOR)} == {
        "legal_name",
        "tax_ids.value",
        "sites.purposes",
        "sites.address",
        "bank_accounts.account_holder",
        "bank_accounts.account_number",
        "bank_accounts.routing_number",
        "payment_terms",
    }
    assert payment_critical_paths(Item.DESCRIPTOR) == ()


@pytest.mark.parametrize(
    "other",
    [
        Supplier(legal_name="Acme Inc"),
        Supplier(tax_ids=[TaxId(value="987654321")]),
        Supplier(sites=[SupplierSite(code="W", purposes=[SupplierSite.PURPOSE_REMIT_TO])]),
        Supplier(bank_accounts=[BankAccount(code="3", account_number="333")]),
        Supplier(payment_terms=PaymentTerms(net_days=0)),
    ],
    ids=lambda other: other.ListFields()[0][0].name,
)
def test_a_value_that_money_follows_makes_a_change_critical(other: Supplier) -> None:
    changed = supplier()
    changed.MergeFrom(other)
    assert payment_changed(supplier(), changed)
    assert payment_changed(changed, supplier())


def test_another_value_does_not() -> None:
    changed = supplier()
    changed.website, changed.bank_accounts[0].currency_code = "https://acme.example.org", "EUR"
    changed.sites[0].display_name = "Headquarters"
    changed.trading_names.append("Acme Medical")
    assert not payment_changed(supplier(), changed)


def test_two_accounts_that_swap_their_numbers_are_a_critical_change() -> None:
    changed = supplier()
    one, other = changed.bank_accounts
    one.account_number, other.account_number = other.account_number, one.account_number
    assert payment_changed(supplier(), changed)


def test_no_terms_and_empty_terms_are_not_the_same() -> None:
    without = supplier()
    without.ClearField("payment_terms")
    empty = supplier()
    empty.payment_terms.Clear()
    empty.payment_terms.SetInParent()
    assert payment_changed(without, empty)
