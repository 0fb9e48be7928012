"""Promotions beside each other and beside systems' writes: they wait, they do not fail."""

import threading
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from google.type.date_pb2 import Date

from concord.mdm.v1 import cost_center_pb2, tree_pb2
from services.mesh.errors import ConcordError
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import statement
from tests.support.samples.periods import period_message

NORTH = "entities/north"
CODES = [f"W{number}" for number in range(12)]


def rid() -> str:
    return str(uuid.uuid4())


def center(code: str, display_name: str = "Ward") -> cost_center_pb2.CostCenter:
    said = cost_center_pb2.CostCenter(entity=NORTH, code=code, effective_period=period_message(date(2020, 1, 1), None))
    said.slices.add(display_name=display_name)
    return said


def proposed(client: Client, codes: list[str], day: Date) -> tree_pb2.TreeProposal:
    proposal = tree_pb2.TreeProposal(
        record_type="cost_center",
        hierarchy="management",
        scope=NORTH,
        effective_date=day,
        changes=[tree_pb2.TreeChange(key=code, parent_key=CODES[0]) for code in codes],
    )
    request = tree_pb2.CreateTreeProposalRequest(tree_proposal=proposal, request_id=rid())
    return client.trees.CreateTreeProposal(request).tree_proposal


def promoting(client: Client, made: tree_pb2.TreeProposal) -> Callable[[], object]:
    request = tree_pb2.PromoteTreeProposalRequest(name=made.name, etag=made.etag, request_id=rid())
    return lambda: client.trees.PromoteTreeProposal(request)


def deadlocks(mesh: ServedHub) -> object:
    return mesh.hub.rows("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]


def failures(*calls: Callable[[], object]) -> list[ConcordError]:
    """Run calls at once; return the errors that some end with."""
    found: list[ConcordError] = []

    def run(call: Callable[[], object]) -> None:
        try:
            found.append(refused(call))
        except AssertionError:
            return

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_two_promotions_of_the_same_records_in_another_order_both_come_true(mesh: ServedHub, steward: Client) -> None:
    for code in CODES:
        said = center(code)
        said.entities.append(NORTH)
        steward.cost_centers.CreateCostCenter(
            cost_center_pb2.CreateCostCenterRequest(cost_center=said, request_id=rid())
        )
    controller = mesh.client(subject="controller")
    for month in range(1, 7):
        one, other = (
            proposed(steward, codes, Date(year=2027, month=month, day=1)) for codes in (CODES[1:], CODES[:0:-1])
        )
        assert failures(promoting(controller, one), promoting(controller, other)) == []
    assert deadlocks(mesh) == 0


def test_a_promotion_comes_true_while_a_system_writes_the_same_records(mesh: ServedHub, steward: Client) -> None:
    mesh.hub.submit(*(statement("systems/erp", code, center(code)) for code in CODES))
    controller = mesh.client(subject="controller")
    done = threading.Event()

    def ingest() -> None:
        moment = datetime(2026, 2, 1, tzinfo=UTC)
        while not done.is_set():
            moment += timedelta(seconds=1)
            said = center(CODES[1], f"Ward since {moment:%H:%M:%S}")
            mesh.hub.submit(statement("systems/erp", CODES[1], said, at=moment))

    writing = threading.Thread(target=ingest)
    writing.start()
    try:
        for month in range(1, 13):
            made = proposed(steward, CODES[1:4], Date(year=2027, month=month, day=1))
            assert failures(promoting(controller, made)) == []
    finally:
        done.set()
        writing.join()
