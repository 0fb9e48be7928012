"""Generated suppliers as the master's messages."""

from google.type.postal_address_pb2 import PostalAddress

from concord.mdm.v1 import party_pb2, supplier_pb2
from tools.population.suppliers import Record


def content(record: Record) -> supplier_pb2.Supplier:
    """Return what a system says of a generated supplier: what is empty is left out."""
    address = PostalAddress(
        region_code="US",
        postal_code=record.postal_code,
        locality=record.town,
        address_lines=[record.street] if record.street else [],
    )
    site = party_pb2.SupplierSite(code="main", address=address)
    return supplier_pb2.Supplier(legal_name=record.name, sites=[site], phone=record.phone, email=record.email)
