"""A code that is canonical in the hub and another in the ERP: each side only ever sees its own."""

import uuid

from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1 import code_map_proposal_pb2, supplier_pb2
from concord.mdm.v1 import reference_data_pb2 as pb
from tests.support.database.mesh_databases import MeshDatabases, settled, synchronise
from tests.support.waiting import eventually
from tools.landscape.callers import CONTROLLER, Hub
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import ERP

SCHEME = "vendor_category"
_OF_PARTY = """
SELECT c.name FROM party_category c JOIN "party_party-party_category" r ON r.category = c.id WHERE r.party = %s
"""
_ALL = 'SELECT party, category FROM "party_party-party_category" ORDER BY party, category'
_FURTHER = """
INSERT INTO party_category (name, parent, active)
SELECT %s, parent, true FROM party_category WHERE name = %s RETURNING id
"""
_KEY = "SELECT key FROM crosswalk WHERE golden = %s AND system = %s ORDER BY source_record"


def canonical(category: str) -> str:
    """Return what the hub calls a category of the ERP."""
    return f"K-{category.lower()}"


def kinds(supplier: supplier_pb2.Supplier) -> set[str]:
    return {each.code for each in supplier.classifications if each.scheme == SCHEME}


def suppliers(hub: Hub) -> list[supplier_pb2.Supplier]:
    return list(every(hub.suppliers.ListSuppliers, supplier_pb2.ListSuppliersRequest(), "suppliers"))


def put_map(landscape: Landscape, hub: Hub, categories: set[str]) -> None:
    """Map every category of the ERP, by two persons."""
    values = [pb.CodeValue(code=canonical(each)) for each in sorted(categories)]
    code_list = pb.CodeList(name=f"codeLists/{SCHEME}", display_name="Kinds of suppliers", values=values)
    hub.reference_data.CreateCodeList(pb.CreateCodeListRequest(code_list=code_list, request_id=str(uuid.uuid4())))
    proposal = code_map_proposal_pb2.CodeMapProposal(system=ERP, code_list=code_list.name)
    for each in sorted(categories):
        proposal.entries.add(source_code=each, canonical_code=canonical(each))
    creating = code_map_proposal_pb2.CreateCodeMapProposalRequest(
        code_map_proposal=proposal, request_id=str(uuid.uuid4())
    )
    made = hub.code_maps.CreateCodeMapProposal(creating).code_map_proposal
    promoting = code_map_proposal_pb2.PromoteCodeMapProposalRequest(
        name=made.name, etag=made.etag, request_id=str(uuid.uuid4())
    )
    landscape.callers.hub(CONTROLLER).code_maps.PromoteCodeMapProposal(promoting)


def test_a_mapped_code_reaches_the_erp_as_the_erps_own_and_comes_back_as_the_hubs(
    landscape: Landscape, hub: Hub, databases: MeshDatabases
) -> None:
    (present,) = {code for each in suppliers(hub) for code in kinds(each)}
    further = "Implants"
    databases.rows("erp", _FURTHER, further, present)
    before = databases.rows("erp", _ALL)
    put_map(landscape, hub, {present, further})
    eventually(lambda: {code for each in suppliers(hub) for code in kinds(each)} == {canonical(present)})
    settled(databases)
    assert databases.rows("erp", _ALL) == before
    chosen = next(each for each in suppliers(hub) if kinds(each) and databases.rows("mdm", _KEY, each.name, ERP))
    changed = supplier_pb2.Supplier(name=chosen.name, classifications=chosen.classifications)
    changed.classifications.add(scheme=SCHEME, code=canonical(further))
    hub.suppliers.UpdateSupplier(
        supplier_pb2.UpdateSupplierRequest(
            supplier=changed,
            etag=chosen.etag,
            update_mask=FieldMask(paths=["classifications"]),
            request_id=str(uuid.uuid4()),
        )
    )
    party = databases.rows("mdm", _KEY, chosen.name, ERP)[0][0].rpartition("/")[2]
    eventually(lambda: {present, further} <= {name for (name,) in databases.rows("erp", _OF_PARTY, party)})
    synchronise(landscape, 2)
    settled(databases)
    assert databases.rows("erp", "SELECT name FROM party_category WHERE name LIKE 'K-%'") == []
    again = hub.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=chosen.name)).supplier
    assert kinds(again) == {canonical(present), canonical(further)}
