"""What the bench sends: source records as an ERP submits them, each with identifiers of its own."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime

from google.type.money_pb2 import Money
from google.type.postal_address_pb2 import PostalAddress
from stdnum import ean

from concord.mdm.v1 import ingest_pb2, item_pb2, pack_pb2, party_pb2, supplier_pb2

ENTITY = "entities/bench"
ERP = "systems/erp"

_ONE_ITEM_IN = 4
"""Every fourth record is an item, the others are suppliers."""

ROWS = 200
"""Rows in a batch of an import: as many as the contract takes."""

_SAID = datetime(2026, 1, 1, tzinfo=UTC)


def submissions(first: int, count: int) -> list[bytes]:
    """Return serialised submissions of records that nobody else has: numbers `first` to `first + count - 1`."""
    return [
        ingest_pb2.SubmitSourceRecordsRequest(sequence=place, source_record=record).SerializeToString()
        for place, record in enumerate(_records(first, count), 1)
    ]


def import_batches(name: str, first: int, count: int) -> Iterator[bytes]:
    """Yield serialised batches of an import of the same records, `ROWS` in each."""
    records = enumerate(_records(first, count), 1)
    for batch in range(1, -(-count // ROWS) + 1):
        request = ingest_pb2.ImportSourceRecordsRequest(source_import=name, batch=batch)
        for row, record in itertools.islice(records, ROWS):
            request.rows.add(row=row, source_record=record)
        yield request.SerializeToString()


def _records(first: int, count: int) -> Iterator[ingest_pb2.SourceRecord]:
    for number in range(first, first + count):
        content = item(number) if number % _ONE_ITEM_IN == 0 else supplier(number)
        said = ingest_pb2.SourceRecord(system=ERP, key=f"record-{number}", label=f"Record {number}")
        said.content.Pack(content, deterministic=True)
        said.source_time.FromDatetime(_SAID)
        yield said


def supplier(number: int) -> supplier_pb2.Supplier:
    """Return a supplier with a sealed tax id and bank account, as the ERP's connector says one."""
    city = f"Ashford {number % 97}"
    address = PostalAddress(
        region_code="US", postal_code=f"{number % 89999 + 10000}", locality=city, address_lines=[f"{number} Mill Road"]
    )
    site = party_pb2.SupplierSite(
        code="main",
        display_name=f"{city} office",
        purposes=[party_pb2.SupplierSite.PURPOSE_ORDER_FROM, party_pb2.SupplierSite.PURPOSE_REMIT_TO],
        address=address,
    )
    account = party_pb2.BankAccount(
        code="1",
        account_holder=f"Bench Medical {number} LLC",
        account_number=f"{4_000_000_000 + number}",
        routing_number="021000021",
        country="US",
        currency_code="USD",
    )
    return supplier_pb2.Supplier(
        legal_name=f"Bench Medical {number} LLC",
        trading_names=[f"Bench Medical {number}"],
        tax_ids=[party_pb2.TaxId(country="US", scheme="ein", value=f"{10_0000000 + number}")],
        duns=f"{100_000_000 + number}",
        sites=[site],
        bank_accounts=[account],
        payment_terms=party_pb2.PaymentTerms(code="net30", display_name="30 days", net_days=30),
        status=supplier_pb2.Supplier.STATUS_ACTIVE,
        phone=f"+1 555 {number:07d}",
        email=f"sales@supplier-{number}.example.com",
        website=f"https://supplier-{number}.example.com/0",
    )


def item(number: int) -> item_pb2.Item:
    """Return an item with its packs, trade item and price."""
    return item_pb2.Item(
        display_name=f"Exam glove, nitrile, {number}",
        manufacturer_name=f"Bench Medical {number} LLC",
        manufacturer_part_number=f"BM-{number:08d}",
        trade_items=[pack_pb2.TradeItem(unit="BX", gtin=_gtin(number))],
        unspsc_code="42132203",
        base_unit="EA",
        pack_conversions=[
            pack_pb2.PackConversion(unit="BX", contained_unit="EA", numerator=100, denominator=1),
            pack_pb2.PackConversion(unit="CS", contained_unit="BX", numerator=10, denominator=1),
        ],
        stocking_unit="BX",
        purchasing_unit="CS",
        prices=[pack_pb2.PriceReference(kind="list", unit="BX", price=Money(currency_code="USD", units=12))],
        status=item_pb2.Item.STATUS_ACTIVE,
        stocked=True,
    )


def _gtin(number: int) -> str:
    body = f"{61414_000000 + number:013d}"
    return f"{body}{ean.calc_check_digit(body)}"
