"""The hub's quarantine: what is refused is kept, each submission for itself, until it is taken in."""

import threading
from typing import Any

import psycopg
import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import cost_center_pb2, ingest_pb2, item_pb2, supplier_pb2
from services.mdm.storage.writing.intake import Quarantined
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import from_status
from tests.support.hub.stored import TestHub, statement

OPEN = """
SELECT record FROM record_index
WHERE record_type = 'quarantined_record' AND path = 'state' AND value = 'STATE_OPEN' AND to_revision IS NULL
"""


def wrong(system: str, key: str, name: str = "S") -> ingest_pb2.SourceRecord:
    return statement(system, key, supplier_pb2.Supplier(legal_name=name, lei="wrong"))


def kept(hub: TestHub, answer: object) -> ingest_pb2.QuarantinedRecord:
    assert isinstance(answer, Quarantined)
    found = hub.parts.transactions.read(lambda c: hub.parts.quarantine_reader.find(c, answer.name, None))
    return hub.parts.quarantine.present(found, clear=True)


@pytest.mark.parametrize(
    "said",
    [
        (wrong("systems/nobody", "1"), wrong("systems/other", "1")),
        (wrong("systems/erp", "", "A"), wrong("systems/erp", "", "B")),
        (wrong("systems/erp", "k" * 9000 + "1"), wrong("systems/erp", "k" * 9000 + "2")),
    ],
    ids=["unknown systems", "without a key", "alike at the beginning"],
)
def test_no_refused_submission_takes_the_place_of_another(
    hub: TestHub, said: tuple[ingest_pb2.SourceRecord, ingest_pb2.SourceRecord]
) -> None:
    answers = hub.submit(*said)
    assert [kept(hub, answer).original for answer in answers] == [one.SerializeToString() for one in said]
    assert hub.submit(*said) == answers


def test_many_refused_submissions_cost_as_many_statements_as_a_few(
    hub: TestHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, done = psycopg.Cursor.execute, [0]

    def counted(*given: Any, **more: Any) -> Any:
        done[0] += 1
        return execute(*given, **more)

    monkeypatch.setattr(psycopg.Cursor, "execute", counted)

    def statements(numbers: range, name: str) -> int:
        before = done[0]
        hub.submit(*(wrong("systems/erp", f"{number}", name) for number in numbers))
        return done[0] - before

    few, many = range(3), range(10, 60)
    for name in ("first", "another"):
        # Now and then one looks whether the spool is full.
        assert statements(few, name) + 2 >= statements(many, name)


def test_the_same_key_refused_at_once_waits_once_and_is_settled_by_a_good_one(hub: TestHub) -> None:
    ready = threading.Barrier(8)

    def submit(number: int) -> None:
        ready.wait(60)
        hub.submit(wrong("systems/erp", "7", f"S{number}"))

    writers = [threading.Thread(target=submit, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(hub.rows(OPEN)) == 1
    hub.submit(statement("systems/erp", "7", supplier_pb2.Supplier(legal_name="S")))
    assert hub.rows(OPEN) == []


@pytest.mark.parametrize("deleted", [False, True])
def test_a_key_of_one_type_is_not_said_of_another(hub: TestHub, *, deleted: bool) -> None:
    (first,) = hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="BD")))
    assert isinstance(first, Applied)
    for content in (item_pb2.Item(display_name="Glove"), cost_center_pb2.CostCenter(code="1")):
        answer, good = hub.submit(
            statement("systems/erp", "1", content, deleted=deleted),
            statement("systems/erp", "2", supplier_pb2.Supplier(legal_name="Good")),
        )
        assert isinstance(answer, Quarantined)
        error = from_status(answer.error)
        assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT
        assert error.violations[0].field == "content"
        assert isinstance(good, Applied)
    assert hub.supplier(first.golden).legal_name == "BD"
