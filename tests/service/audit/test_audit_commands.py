"""`concord audit …` against a served audit: the questions as tables, as JSON, as events."""

import json
from pathlib import Path

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.governance.v1.options_pb2 import AUDIT_CATEGORY_ADMINISTRATION
from tests.service.audit.conftest import READ, Clients
from tests.support.audit.acts import CONFIDENTIAL, RESTRICTED, act_bytes, denial, disclosure
from tests.support.audit.leaves import leaf_bytes
from tests.support.command_line import CommandLine

GET = "/concord.mdm.v1.SupplierService/GetSupplier"
REGISTER = "/concord.mdm.v1.SystemService/RegisterSystem"
IBAN = [{"path": "bank_accounts[0].iban", "new": bytes(32)}]
LEAVES = [
    leaf_bytes("suppliers/one", 1, actor="buyer"),
    leaf_bytes("suppliers/one", 2, actor="thief", fields=IBAN, purpose="payment"),
    leaf_bytes(
        "systems/erp", 1, record_type="system", actor="root", method=REGISTER, category=AUDIT_CATEGORY_ADMINISTRATION
    ),
    act_bytes(disclosure({"suppliers/one": [CONFIDENTIAL, RESTRICTED]}), method=GET, purpose="payment"),
    act_bytes(denial(attempts=7), actor="mallory", method=GET),
]


@pytest.fixture
def concord(clients: Clients, audit: AuditServiceStub, tmp_path: Path) -> CommandLine:
    """A command line that is logged in as an auditor, to an audit that holds the leaves."""
    audit.AppendLeaves(AppendLeavesRequest(leaves=LEAVES))
    command_line = CommandLine(tmp_path)
    command_line.configure(hub="127.0.0.1:1", audit=f"127.0.0.1:{clients.port}")
    command_line.log_in(clients.issuer, [READ], subject="auditor")
    return command_line


def leaves(concord: CommandLine, *arguments: str) -> list[str]:
    return [entry["name"] for entry in concord.asked("audit", *arguments)]


def test_who_changed_the_bank_account_is_one_command(concord: CommandLine) -> None:
    shown = concord.done("audit", "record", "suppliers/one", "--field", "bank_accounts")
    assert "thief" in shown
    assert "buyer" not in shown
    assert leaves(concord, "list", "--field", "bank_accounts.iban", "--for", "payment") == ["leaves/1"]
    assert leaves(concord, "list", "--actor", "buyer") == ["leaves/0"]


def test_administrative_acts_disclosures_and_refused_calls_are_tables(concord: CommandLine) -> None:
    assert "RegisterSystem" in concord.done("audit", "acts")
    assert "suppliers/one (confidential, restricted)" in concord.done_unbounded("audit", "disclosures", "--wide")
    assert leaves(concord, "disclosures", "suppliers/one", "--class", "restricted") == ["leaves/3"]
    assert leaves(concord, "disclosures", "suppliers/two") == []
    refused = concord.done("audit", "denials", "--method", GET)
    assert "mallory" in refused
    assert "PERMISSION_MISSING" in refused


def test_the_purpose_of_a_question_is_among_the_questions(concord: CommandLine) -> None:
    concord.done("audit", "record", "suppliers/one", "--purpose", "fraud-review", "--reason", "case 12")
    [asked] = concord.asked("audit", "questions", "--for", "fraud-review")
    assert (asked["leaf"]["actor"], asked["leaf"]["reason"]) == ("auditor", "case 12")
    assert json.loads(asked["leaf"]["question"]["asked"])["record"] == "suppliers/one"
    assert "ListChanges" in concord.done("audit", "questions")


def test_an_answer_without_leaves_says_so(concord: CommandLine) -> None:
    said = concord("audit", "denials", "--actor", "nobody")
    assert (said.status, said.out, said.err.strip()) == (0, "", "no denials")


@pytest.mark.parametrize("form", ["fhir", "ocsf"])
def test_events_are_a_document_a_line_in_the_logs_order(concord: CommandLine, form: str) -> None:
    lines = concord.done_unbounded("audit", "events", "--format", form).splitlines()
    documents = [json.loads(line) for line in lines]
    if form == "fhir":
        assert [document["id"] for document in documents] == [f"leaf-{place}" for place in range(len(LEAVES))]
        for line in lines:
            AuditEvent.model_validate_json(line)
    else:
        assert [document["metadata"]["sequence"] for document in documents] == list(range(len(LEAVES)))
