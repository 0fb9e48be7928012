"""A repeated request finds the first answer."""

import threading
from datetime import timedelta

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.supplier_pb2 import Supplier
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from services.mesh.records.idempotency import Answer, RequestKey, claim, purge, settle
from services.mesh.records.keys import KeyRing
from services.mesh.records.sealing import Sealer
from tests.support.database.record_service import RING
from tests.support.waiting import eventually

SEALER = Sealer(RING)
KEY = RequestKey("alice", "/concord.mdm.v1.SupplierService/CreateSupplier", "3f0c")
REQUEST = Supplier(legal_name="Medline")
ANSWER = Answer("suppliers/1", 1)


def apply(database: Database) -> Answer:
    with database.transaction() as connection:
        answer = claim(connection, SEALER, KEY, REQUEST)
        if answer is None:
            settle(connection, KEY, ANSWER)
        return answer or ANSWER


def test_a_repeat_finds_the_first_answer(database: Database) -> None:
    apply(database)
    with database.transaction() as connection:
        assert claim(connection, SEALER, KEY, REQUEST) == ANSWER


def test_another_request_under_the_same_id_is_refused(database: Database) -> None:
    apply(database)
    with pytest.raises(ConcordError) as caught, database.transaction() as connection:
        claim(connection, SEALER, KEY, Supplier(legal_name="Cardinal"))
    assert caught.value.reason == reasons.ERROR_REASON_REQUEST_ID_REUSED
    assert caught.value.metadata == {"request_id": "3f0c"}


@pytest.mark.parametrize("field", ["principal", "rpc", "request_id"])
def test_an_id_belongs_to_a_caller_and_an_rpc(database: Database, field: str) -> None:
    apply(database)
    other = RequestKey(**{**vars(KEY), field: "other"})
    with database.transaction() as connection:
        assert claim(connection, SEALER, other, REQUEST) is None


def test_a_request_that_was_rolled_back_was_never_made(database: Database) -> None:
    with database.transaction() as connection:
        claim(connection, SEALER, KEY, REQUEST)
        connection.rollback()
    with database.transaction() as connection:
        assert claim(connection, SEALER, KEY, REQUEST) is None


def test_a_concurrent_duplicate_waits_and_finds_the_first_answer(database: Database) -> None:
    answers: list[Answer | None] = []

    def repeat() -> None:
        with database.transaction() as connection:
            answers.append(claim(connection, SEALER, KEY, REQUEST))

    with database.transaction() as first:
        assert claim(first, SEALER, KEY, REQUEST) is None
        duplicate = threading.Thread(target=repeat)
        duplicate.start()
        eventually(lambda: _somebody_waits(database))
        settle(first, KEY, ANSWER)
    duplicate.join()
    assert answers == [ANSWER]


def test_a_repeat_is_recognised_after_the_key_was_rotated(database: Database) -> None:
    apply(database)
    rotated = Sealer(KeyRing({2: bytes(32), 1: bytes(range(32))}))
    with database.transaction() as connection:
        assert claim(connection, rotated, KEY, REQUEST) == ANSWER


def test_settling_what_was_not_claimed_is_a_mistake(database: Database) -> None:
    with pytest.raises(LookupError), database.transaction() as connection:
        settle(connection, KEY, ANSWER)


def test_old_requests_are_forgotten(database: Database) -> None:
    apply(database)
    with database.transaction() as connection:
        assert purge(connection) == 0
        assert purge(connection, retention=timedelta(0)) == 1
        assert claim(connection, SEALER, KEY, REQUEST) is None


def _somebody_waits(database: Database) -> bool:
    with database.reading() as connection:
        row = driver(connection).execute("SELECT count(*) > 0 FROM pg_locks WHERE NOT granted").fetchone()
        return bool(row and row[0])
