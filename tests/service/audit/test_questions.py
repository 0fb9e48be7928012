"""The auditor's questions over a real channel: answered from the index, each kept as evidence before it is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from concord.audit.v1 import question_pb2 as questions
from concord.audit.v1.audit_pb2 import AppendLeavesRequest, GetLeafRequest, Leaf, LeafEntry, ListLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.audit.v1.question_pb2_grpc import QuestionServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.governance.v1.options_pb2 import AUDIT_CATEGORY_ADMINISTRATION, AUDIT_CATEGORY_MUTATION
from services.mesh.calling.client import FixedToken, open_channel
from services.mesh.contract.purpose import with_purpose
from tests.service.audit.conftest import APPEND, READ, Clients, refusal
from tests.support.audit.acts import CONFIDENTIAL, RESTRICTED, act_bytes, denial, disclosure
from tests.support.audit.leaves import BEGINNING, leaf_bytes
from tests.support.waiting import eventually

HOUR = timedelta(hours=1)
GET = "/concord.mdm.v1.SupplierService/GetSupplier"
NEW = bytes(32)
EAST, WEST = ["entities/east"], ["entities/west"]


def changed(*paths: str) -> list[dict[str, object]]:
    return [{"path": path, "new": NEW} for path in paths]


SHOWN_ONE = disclosure({"suppliers/one": [CONFIDENTIAL, RESTRICTED], "suppliers/two": [CONFIDENTIAL]})
SHOWN_TWO = disclosure({"suppliers/two": [RESTRICTED]})
LEAVES = [
    leaf_bytes("suppliers/one", 1, fields=changed("legal_name", "bank_accounts[0].iban"), entities=EAST),
    leaf_bytes("suppliers/one", 2, fields=changed("legal_name"), actor="bot", on_behalf_of=["alice"], request_id="r-2"),
    leaf_bytes("suppliers/one", 3, fields=changed("bank_accounts[0].iban"), actor="alice", purpose="payment"),
    leaf_bytes("suppliers/two", 1, fields=changed("bank_accounts[0].iban"), at=BEGINNING + HOUR, entities=WEST),
    leaf_bytes("systems/erp", 1, record_type="system", category=AUDIT_CATEGORY_ADMINISTRATION, actor="alice"),
    act_bytes(SHOWN_ONE, 1, actor="alice", purpose="payment", request_id="r-9"),
    act_bytes(SHOWN_TWO, 2, actor="bot", on_behalf_of=("alice",), at=BEGINNING + HOUR),
    act_bytes(denial(attempts=7), 1, actor="mallory", method=GET),
]


@pytest.fixture
def auditor(clients: Clients) -> Iterator[QuestionServiceStub]:
    """Yield a stub that may ask, of an audit that holds the leaves."""
    token = clients.granted(APPEND, READ)
    with open_channel(f"127.0.0.1:{clients.port}", token=FixedToken(token)) as channel:
        AuditServiceStub(channel).AppendLeaves(AppendLeavesRequest(leaves=LEAVES))
        yield QuestionServiceStub(channel)


def told(auditor: QuestionServiceStub, noun: str, **asked: Any) -> list[int]:
    """Ask for all pages of changes, disclosures, denials or questions; return the places of the leaves."""
    request = getattr(questions, f"List{noun.title()}Request")(**asked)
    places: list[int] = []
    while True:
        page = getattr(auditor, f"List{noun.title()}")(request)
        entries: list[LeafEntry] = list(getattr(page, noun))
        places += [entry.receipt.leaf_index for entry in entries]
        if not page.next_page_token:
            return places
        request.page_token = page.next_page_token


QUESTIONS: list[tuple[str, dict[str, Any], list[int]]] = [
    ("changes", {"record": "suppliers/one"}, [0, 1, 2]),
    ("changes", {"record": "suppliers/one", "field": "bank_accounts"}, [0, 2]),
    ("changes", {"field": "bank_accounts.iban"}, [0, 2, 3]),
    ("changes", {"field": "bank_accounts", "actor": "alice"}, [2]),
    ("changes", {"field": "iban"}, []),
    ("changes", {"actor": "alice"}, [1, 2, 4]),
    ("changes", {"actor": "alice", "page_size": 1}, [1, 2, 4]),
    ("changes", {"actor": "bot"}, [1]),
    ("changes", {"purpose": "payment"}, [2]),
    ("changes", {"request_id": "r-2"}, [1]),
    ("changes", {"category": AUDIT_CATEGORY_ADMINISTRATION}, [4]),
    ("changes", {"category": AUDIT_CATEGORY_MUTATION}, []),
    ("changes", {"record_type": "system"}, [4]),
    ("changes", {"source_service": "erp_adapter"}, []),
    ("changes", {"page_size": 2}, [0, 1, 2, 3, 4]),
    ("disclosures", {}, [5, 6]),
    ("disclosures", {"record": "suppliers/one"}, [5]),
    ("disclosures", {"record": "suppliers/two"}, [5, 6]),
    ("disclosures", {"record": "suppliers/two", "classification": RESTRICTED}, [6]),
    ("disclosures", {"classification": CONFIDENTIAL}, [5]),
    ("disclosures", {"actor": "alice"}, [5, 6]),
    ("disclosures", {"purpose": "payment", "request_id": "r-9"}, [5]),
    ("denials", {}, [7]),
    ("denials", {"actor": "mallory", "method": GET}, [7]),
    ("denials", {"method": f"{GET}s"}, []),
    ("denials", {"actor": "alice"}, []),
]


def test_each_question_finds_what_it_asks_for_and_nothing_else(auditor: QuestionServiceStub) -> None:
    for noun, asked, places in QUESTIONS:
        assert told(auditor, noun, **asked) == places, (noun, asked)


def test_questions_are_bounded_in_time(auditor: QuestionServiceStub) -> None:
    later = {"start_time": BEGINNING + HOUR}
    earlier = {"end_time": BEGINNING + HOUR}
    assert told(auditor, "changes", **later) == [3]
    assert told(auditor, "changes", **earlier) == [0, 1, 2, 4]
    assert told(auditor, "disclosures", **later) == [6]
    assert told(auditor, "denials", **later) == []


def test_a_question_is_a_leaf_that_says_who_asked_what_and_what_for(auditor: QuestionServiceStub) -> None:
    request = questions.ListChangesRequest(record="suppliers/one", field="bank_accounts")
    auditor.ListChanges(request, metadata=with_purpose("fraud-review", "case 12"))
    [entry] = auditor.ListQuestions(questions.ListQuestionsRequest(actor="tester", purpose="fraud-review")).questions
    assert entry.leaf.question.asked == '{"record": "suppliers/one", "field": "bank_accounts"}'
    assert (entry.leaf.actor, entry.leaf.client, entry.leaf.reason) == ("tester", "mdm", "case 12")
    assert entry.leaf.method == "/concord.audit.v1.QuestionService/ListChanges"


def test_no_question_finds_itself_and_each_finds_those_before_it(auditor: QuestionServiceStub) -> None:
    assert [len(told(auditor, "questions")) for _ in range(3)] == [0, 1, 2]


def test_a_list_ends_though_every_page_of_it_is_a_leaf_more(auditor: QuestionServiceStub) -> None:
    assert len(told(auditor, "questions", page_size=1)) == 0
    pages = 4
    for _ in range(pages - 1):
        told(auditor, "denials")
    assert len(told(auditor, "questions", page_size=1)) == pages
    assert len(told(auditor, "questions")) == 2 * pages


def test_reading_the_log_itself_is_a_question_too(audit: AuditServiceStub, auditor: QuestionServiceStub) -> None:
    audit.GetLeaf(GetLeafRequest(name="leaves/0"))
    audit.ListLeaves(ListLeavesRequest(record="suppliers/one"))
    assert len(told(auditor, "questions")) == 2


def test_what_is_refused_as_malformed_is_no_question(auditor: QuestionServiceStub) -> None:
    for asked, field in (
        ({"field": "Bank Accounts"}, "field"),
        ({"field": "a[0]"}, "field"),
        ({"actor": "a\x00b"}, "actor"),
        ({"page_size": -1}, "page_size"),
    ):
        error = refusal(lambda: told(auditor, "changes", **asked))  # noqa: B023 - called at once
        assert [violation.field for violation in error.violations] == [field]
    assert told(auditor, "questions") == []


def test_an_auditor_of_some_entities_sees_only_theirs(clients: Clients, auditor: QuestionServiceStub) -> None:
    token = clients.granted(READ, entities=EAST)
    with open_channel(f"127.0.0.1:{clients.port}", token=FixedToken(token)) as channel:
        scoped = QuestionServiceStub(channel)
        assert told(scoped, "changes") == [0]
        assert told(scoped, "disclosures") == []
        assert len(told(scoped, "questions")) == 2  # their own
    assert len(told(auditor, "questions")) == 3


def test_a_refused_question_is_found_among_the_denials(clients: Clients, auditor: QuestionServiceStub) -> None:
    token = clients.issuer.issue("mallory", "tests", [APPEND], ["*"])
    with open_channel(f"127.0.0.1:{clients.port}", token=FixedToken(token)) as channel:
        error = refusal(lambda: QuestionServiceStub(channel).ListDenials(questions.ListDenialsRequest()))
    assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING
    asked = questions.ListDenialsRequest(actor="mallory", method="/concord.audit.v1.QuestionService/ListDenials")
    eventually(lambda: len(auditor.ListDenials(asked).denials) == 1)
    leaf: Leaf = auditor.ListDenials(asked).denials[0].leaf
    assert (leaf.source_service, leaf.denial.permission, leaf.denial.attempts) == ("audit", READ, 1)
