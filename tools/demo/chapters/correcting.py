"""Chapter: a clerk's careless name spreads, and a steward sets it right."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1.supplier_pb2 import (
    ExplainSupplierRequest,
    GetSupplierRequest,
    SearchSuppliersRequest,
    Supplier,
    UpdateSupplierRequest,
)
from services.mesh.contract.purpose import with_purpose
from tools.demo.erp import parties, rename_party
from tools.demo.expectations import Expectations
from tools.demo.story import Story
from tools.landscape.callers import STEWARD, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.settling import await_rest, reach

COMPANY_ROW, CLERKS_ROW = "V100228", "V200105"
TYPED = "MEDLINE INDUSTRIES"
CORRECT_NAME, CORRECT_PHONE = "Medline Industries, LP", "+1 847-555-0100"
PURPOSE, REASON = "supplier-maintenance", "MDM-1042: name and switchboard as the supplier confirmed them"


@dataclass(frozen=True)
class Correction:
    """What the steward corrected: the golden supplier, when it was still wrong, and its explanation right after."""

    supplier: str
    codes: tuple[str, ...]
    while_wrong: datetime
    revision: int
    digest: bytes


def tell(story: Story, landscape: Landscape, expected: Expectations) -> Correction:
    """Let the clerk type and the steward correct; wait until Tryton has the correction."""
    hub = landscape.callers.hub(STEWARD)
    codes = next(codes for codes in expected.merged if COMPANY_ROW in codes)
    supplier = _find(hub, landscape)
    story.tell(
        f"Tryton holds {codes[0]} {CORRECT_NAME!r} and {len(codes) - 1} duplicate rows of it: one golden supplier. "
        f"A clerk retypes the name of the duplicate {CLERKS_ROW}. Among equals the newest word wins."
    )
    rename_party(landscape, CLERKS_ROW, TYPED)
    reach("the clerk's word in the hub", lambda: _golden(hub, supplier).legal_name == TYPED)
    story.done("the adapter's next poll brought the clerk's word to the hub")
    await_rest(landscape)
    while_wrong = datetime.now(UTC)
    wrong = parties(landscape, codes)
    story.expect("company's name after the clerk's edit", wrong[0].name, TYPED)
    story.done("and so the golden name, and the company's own row in Tryton, became the clerk's")
    corrected = _correct(hub, supplier)
    explained = hub.suppliers.ExplainSupplier(ExplainSupplierRequest(name=supplier)).explanation
    story.done(f"the steward corrected name and telephone: revision {corrected.revision} of the golden supplier")
    reach("the correction in Tryton", lambda: parties(landscape, codes[:1])[0].name == CORRECT_NAME)
    await_rest(landscape)
    right = parties(landscape, codes)
    story.expect("company's name in Tryton", right[0].name, CORRECT_NAME)
    story.expect("company's telephone in Tryton", right[0].phone, CORRECT_PHONE)
    story.expect("duplicate rows left as they were", right[1:] == wrong[1:], True)
    story.done("the correction arrived in Tryton; read back through Tryton's own RPC:")
    story.table(
        ("row", "name before", "name now", "telephone before", "telephone now"),
        [(now.code, before.name, now.name, before.phone, now.phone) for before, now in zip(wrong, right, strict=True)],
    )
    return Correction(supplier, codes, while_wrong, corrected.revision, explained.digest)


def _find(hub: Hub, landscape: Landscape) -> str:
    [row] = [row for row in landscape.catalogue.suppliers if row.code == COMPANY_ROW]
    [hit] = hub.suppliers.SearchSuppliers(SearchSuppliersRequest(identifier=row.lei)).hits
    return hit.supplier.name


def _golden(hub: Hub, name: str) -> Supplier:
    return hub.suppliers.GetSupplier(GetSupplierRequest(name=name)).supplier


def _correct(hub: Hub, name: str) -> Supplier:
    request = UpdateSupplierRequest(
        supplier=Supplier(name=name, legal_name=CORRECT_NAME, phone=CORRECT_PHONE),
        update_mask=FieldMask(paths=["legal_name", "phone"]),
        etag=_golden(hub, name).etag,
        request_id=str(uuid.uuid4()),
    )
    return hub.suppliers.UpdateSupplier(request, metadata=with_purpose(PURPOSE, REASON)).supplier
