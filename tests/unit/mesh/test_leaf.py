"""What the evidence of a change says, and what it keeps to itself."""

import hashlib
import hmac
from datetime import UTC, datetime

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from hypothesis import given

from concord.audit.v1.audit_pb2 import OPERATION_UPDATE, Leaf
from concord.governance.v1.options_pb2 import AuditCategory
from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.ingest_pb2 import SourceRecord
from concord.mdm.v1.party_pb2 import TaxId
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.contract.validation import violations
from services.mesh.records.keys import KeyRing, derive
from services.mesh.records.leaf import Change, Commitments, Origin, build_leaf, content_digest
from services.mesh.records.values import flatten
from tests.support.samples.messages import messages

RING = KeyRing({1: bytes(32)})
KEY = RING.new_record_key("suppliers/1")
ORIGIN = Origin(
    actor="alice", client="desk", on_behalf_of=("bob",), client_address="127.0.0.1", peer_identity="spiffe://desk",
    request_id="3f0c", purpose="correction", reason="letter of 3 March", traceparent="00-1", approval="approvals/1",
    method="/concord.mdm.v1.SupplierService/UpdateSupplier", category=AuditCategory.AUDIT_CATEGORY_MUTATION,
)  # fmt: skip
MARCH = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
OLD = Supplier(legal_name="Medline", duns="123456789", tax_ids=[TaxId(scheme="EIN", value="12-3456789")])
NEW = Supplier(legal_name="Medline Inc", lei="X", tax_ids=[TaxId(scheme="EIN", value="12-3456789")])


def leaf_of(old: Message, new: Message, revision: int = 2) -> Leaf:
    change = Change(
        record="suppliers/1", revision=revision, record_type="supplier", operation=OPERATION_UPDATE,
        entities=("entities/a",), occurred_at=MARCH,
        values=flatten(new), previous=flatten(old),
    )  # fmt: skip
    return Leaf.FromString(build_leaf("mdm", change, ORIGIN, KEY))


def test_a_leaf_says_who_and_when_and_where_from() -> None:
    leaf = leaf_of(OLD, NEW)
    assert not violations(leaf)
    assert leaf.occurred_at.ToDatetime(UTC).microsecond == 123456
    for name in vars(ORIGIN):
        said = getattr(leaf, name)
        assert (tuple(said) if name == "on_behalf_of" else said) == getattr(ORIGIN, name)


def test_a_leaf_commits_to_the_old_and_the_new_value_of_every_changed_path() -> None:
    changed = {field.path: (bool(field.old), bool(field.new)) for field in leaf_of(OLD, NEW).fields}
    assert changed == {"legal_name": (True, True), "duns": (True, False), "lei": (False, True)}


@given(messages(Supplier.DESCRIPTOR), messages(Supplier.DESCRIPTOR))
def test_a_leafs_bytes_are_those_that_its_message_has(old: Message, new: Message) -> None:
    before, after = flatten(old), flatten(new)
    change = Change("suppliers/1", 2, "supplier", OPERATION_UPDATE, ("entities/a",), MARCH, after, before)
    written = build_leaf("mdm", change, ORIGIN, KEY)
    leaf = Leaf.FromString(written)
    assert leaf.SerializeToString(deterministic=True) == written
    commitments = Commitments(KEY)
    was, now = commitments.commit_all(1, before), commitments.commit_all(2, after)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    expected = [(path, was.get(path, b""), now.get(path, b"")) for path in sorted(changed)]
    assert [(field.path, field.old, field.new) for field in leaf.fields] == expected


def test_a_leaf_holds_no_value() -> None:
    written = leaf_of(Supplier(), OLD, revision=1).SerializeToString()
    for value in (b"Medline", b"123456789", b"EIN", hashlib.sha256(b"s12-3456789").digest()):
        assert value not in written


def test_the_holder_of_the_key_can_open_a_commitment() -> None:
    commitments = Commitments(RING.unwrap(KEY.stored))
    opened = {field.path: field for field in leaf_of(OLD, NEW).fields}["legal_name"]
    assert opened.old == commitments.commit(1, "legal_name", b"sMedline")
    assert opened.new == commitments.commit(2, "legal_name", b"sMedline Inc")
    assert opened.new != Commitments(RING.new_record_key("suppliers/1")).commit(2, "legal_name", b"sMedline Inc")


def test_equal_values_cannot_be_seen_to_be_equal() -> None:
    commitments = Commitments(KEY)
    made = {commitments.commit(revision, path, b"sX") for revision in (1, 2) for path in ("duns", "gln")}
    assert len(made) == 4


def test_the_salt_is_hkdf_expand_of_rfc_5869() -> None:
    info = b"7 legal_name"
    salt = HKDFExpand(hashes.SHA256(), 32, info).derive(derive(KEY.secret, "commitments"))
    assert Commitments(KEY).commit(7, "legal_name", b"sX") == hashlib.sha256(salt + b"sX").digest()
    assert salt == hmac.digest(derive(KEY.secret, "commitments"), info + b"\x01", "sha256")


def test_the_content_digest_covers_the_record_the_revision_and_every_value() -> None:
    made = Commitments(KEY).commit_all(2, flatten(NEW)).values()
    digest = content_digest("suppliers/1", 2, made)
    assert leaf_of(OLD, NEW).content_digest == digest == content_digest("suppliers/1", 2, list(made)[::-1])
    for other in (("suppliers/2", 2, made), ("suppliers/1", 3, made), ("suppliers/1", 2, list(made)[1:])):
        assert content_digest(*other) != digest


@given(messages(Supplier.DESCRIPTOR), messages(Supplier.DESCRIPTOR))
def test_values_are_equal_exactly_when_messages_are(one: Message, other: Message) -> None:
    assert (flatten(one) == flatten(other)) == (one == other)
    same = type(one).FromString(one.SerializeToString())
    assert flatten(same) == flatten(one)


def test_paths_name_the_element() -> None:
    packed = Any()
    packed.Pack(CostCenter(slices=[CostCenter().slices.add()]))
    found = flatten(SourceRecord(key="1", content=packed))
    assert found == {
        "key": b"s1",
        "content": b"ttype.googleapis.com/concord.mdm.v1.CostCenter",
        "content.slices[0]": b"m",
    }


def test_a_path_longer_than_the_contract_allows_ends_in_its_hash() -> None:
    change = Change("suppliers/1", 1, "supplier", OPERATION_UPDATE, (), datetime.now(UTC), {"x" * 5000: b"s1"}, {})
    leaf = Leaf.FromString(build_leaf("mdm", change, Origin.system("tests"), KEY))
    assert len(leaf.fields[0].path) <= 1024
    assert leaf.fields[0].path.endswith(hashlib.sha256(b"x" * 5000).hexdigest())
