"""Contract constraints as violations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2
from concord.mdm.v1 import party_pb2, supplier_pb2
from services.mesh.contract.validation import require_valid, violations
from services.mesh.errors import ConcordError


def test_a_valid_message_has_no_violations() -> None:
    assert violations(audit_pb2.GetLeafRequest(record="suppliers/1", revision=1)) == []


def test_a_violation_names_the_path_the_rule_and_no_value() -> None:
    supplier = supplier_pb2.Supplier(
        legal_name="Northwind Medical",
        tax_ids=[party_pb2.TaxId(scheme="us-ein", value="1"), party_pb2.TaxId(value="1")],
    )
    found = {one.field: one for one in violations(supplier)}
    assert "tax_ids[1].scheme" in found
    assert found["tax_ids[1].scheme"].reason == "string.min_len"


@given(st.text(min_size=1025, max_size=1100))
def test_a_value_that_breaks_its_rule_is_not_repeated(value: str) -> None:
    with pytest.raises(ConcordError) as raised:
        require_valid(audit_pb2.GetLeafRequest(record=value))
    assert raised.value.reason == error_reason_pb2.ERROR_REASON_CONSTRAINT_VIOLATED
    assert raised.value.metadata == {"violations": "1"}
    assert value not in raised.value.message
    assert value not in raised.value.violations[0].description
