"""Decisions that come at once share a transaction, and nothing else: each has its own author, answer and fault."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from google.protobuf.message import Message

from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import supplier_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mesh.errors import ConcordError
from services.mesh.records.idempotency import RequestKey
from services.mesh.records.leaf import Origin
from tests.support.hub.stored import TestHub, decision, statement
from tests.support.waiting import eventually

TRANSACTIONS = "SELECT record, revision, xid::text, traceparent FROM changes WHERE record_type = 'supplier'"
LEAVES = "SELECT leaf FROM changes WHERE record_type IN ('supplier', 'source_record') AND revision > 0"


class Steward:
    """One who decides on one supplier, by a request of their own."""

    def __init__(self, hub: TestHub, number: int, supplier: supplier_pb2.Supplier, request_id: str = "") -> None:
        self._hub = hub
        self.name = f"steward-{number}"
        self.website = f"https://{self.name}.example.org"
        self.supplier = supplier
        self.request_id = request_id or f"request-{number}"
        self.duns = ""

    def decide(self, wait: Callable[[], object] = lambda: None) -> supplier_pb2.Supplier:
        """Change the supplier's website; `wait` holds the decision up half-way."""

        def merge(present: Message) -> tuple[Message, Sequence[str]]:
            wait()
            assert isinstance(present, supplier_pb2.Supplier)
            desired = supplier_pb2.Supplier()
            desired.CopyFrom(present)
            desired.website, desired.duns = self.website, self.duns
            return desired, ["website", "duns"]

        request = supplier_pb2.Supplier(name=self.supplier.name, website=self.website)
        decided = replace(
            decision(request),
            key=RequestKey(self.name, "/test/Update", self.request_id),
            origin=Origin(actor=self.name, traceparent=f"00-{self.name}"),
        )
        stewardship, before = self._hub.parts.stewardship, self.supplier
        made = stewardship.update(SUPPLIER, before.name, before.etag, merge, None, decided)
        assert isinstance(made, supplier_pb2.Supplier)
        return made


@contextmanager
def together(
    hub: TestHub, first: Steward, others: Iterable[Steward]
) -> Iterator[list[Callable[[], supplier_pb2.Supplier]]]:
    """Hold the first steward's decision up until all others wait for it; give what the others' calls return."""
    reached, may_go_on = threading.Event(), threading.Event()
    waiting = hub.parts.stewardship._together["supplier"]

    def wait() -> None:
        reached.set()
        assert may_go_on.wait(60)

    waiting._patience_s = 60.0
    with ThreadPoolExecutor(20) as pool:
        held = pool.submit(first.decide, wait)
        assert reached.wait(60)
        answers: list[Callable[[], supplier_pb2.Supplier]] = []
        for steward in others:
            answers.append(pool.submit(steward.decide).result)
            eventually(lambda: len(waiting._waiting) == len(answers))
        may_go_on.set()
        held.result(60)
        yield answers


@pytest.fixture(name="stewards")
def _stewards(hub: TestHub) -> list[Steward]:
    said = [statement("systems/erp", f"{n}", supplier_pb2.Supplier(legal_name=f"Supplier {n}")) for n in range(5)]
    hub.submit(*said)
    names = hub.rows("SELECT record FROM records WHERE record_type = 'supplier' ORDER BY record")
    return [Steward(hub, number, hub.supplier(str(name))) for number, (name,) in enumerate(names)]


def test_each_is_answered_with_its_own_record_in_one_transaction(hub: TestHub, stewards: list[Steward]) -> None:
    with together(hub, stewards[0], stewards[1:]) as answers:
        made = [answer() for answer in answers]

    assert made == [hub.supplier(steward.supplier.name) for steward in stewards[1:]]
    assert [hub.supplier(each.supplier.name).website for each in stewards] == [each.website for each in stewards]
    second = {row[0]: row[2:] for row in hub.rows(TRANSACTIONS) if row[1] == 2}
    assert len({second[each.supplier.name][0] for each in stewards[1:]}) == 1
    assert {name: row[1] for name, row in second.items()} == {s.supplier.name: f"00-{s.name}" for s in stewards}


def test_every_leaf_names_who_decided(hub: TestHub, stewards: list[Steward]) -> None:
    with together(hub, stewards[0], stewards[1:]) as answers:
        for answer in answers:
            answer()

    leaves = [Leaf.FromString(leaf) for (leaf,) in hub.rows(LEAVES)]  # type: ignore[arg-type]
    actors = {leaf.record: leaf.actor for leaf in leaves if leaf.record_type == "supplier" and leaf.revision == 2}
    assert actors == {each.supplier.name: each.name for each in stewards}
    own_words = [leaf.actor for leaf in leaves if leaf.record.startswith("systems/hub/")]
    assert sorted(own_words) == [each.name for each in stewards]


def test_one_that_is_refused_is_refused_alone(hub: TestHub, stewards: list[Steward]) -> None:
    stewards[2].supplier.etag = "old"
    with together(hub, stewards[0], stewards[1:]) as answers:
        with pytest.raises(ConcordError) as refused:
            answers[1]()
        others = [answer() for number, answer in enumerate(answers) if number != 1]

    assert refused.value.reason == reasons.ERROR_REASON_ETAG_MISMATCH
    assert [hub.supplier(s.supplier.name).website for s in stewards if s is not stewards[2]] == [
        stewards[0].website,
        *(made.website for made in others),
    ]
    assert hub.supplier(stewards[2].supplier.name).revision == 1
    assert hub.rows("SELECT count(*) FROM idempotency WHERE principal = 'steward-2'") == [(0,)]


def test_two_on_one_record_are_decided_one_after_the_other(hub: TestHub, stewards: list[Steward]) -> None:
    rival = Steward(hub, 9, stewards[1].supplier)
    with together(hub, stewards[0], [stewards[1], rival]) as answers:
        answers[0]()
        with pytest.raises(ConcordError) as refused:
            answers[1]()

    assert refused.value.reason == reasons.ERROR_REASON_ETAG_MISMATCH
    assert hub.supplier(stewards[1].supplier.name).website == stewards[1].website


def test_a_repeat_among_others_gets_the_first_answer_again(hub: TestHub, stewards: list[Steward]) -> None:
    made = stewards[1].decide()
    with together(hub, stewards[0], stewards[1:]) as answers:
        again, *_ = [answer() for answer in answers]

    assert again == made
    assert hub.supplier(made.name).revision == 2


def test_two_that_take_one_identifier_at_once_do_not_both_get_it(hub: TestHub, stewards: list[Steward]) -> None:
    for steward in stewards[1:3]:
        steward.duns = "150483782"
    with together(hub, stewards[0], stewards[1:3]) as answers:
        ends = [ended(answer) for answer in answers]

    assert set(ends) == {"150483782", reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN}
    assert sorted(hub.supplier(each.supplier.name).duns for each in stewards[1:3]) == ["", "150483782"]


def ended(answer: Callable[[], supplier_pb2.Supplier]) -> object:
    """Return the identifier that was taken, or why it was not."""
    try:
        return answer().duns
    except ConcordError as error:
        return error.reason
