"""Many writers at once: no duplicate link, and the same golden records as one writer makes."""

import threading
from collections.abc import Sequence

from stdnum.iso7064 import mod_97_10

from concord.mdm.v1 import ingest_pb2, supplier_pb2
from tests.support.database.databases import Databases
from tests.support.hub.stored import TestHub, statement, test_hub


def lei(number: int) -> str:
    body = f"CONCORD{number:011d}"
    return body + mod_97_10.calc_check_digits(body)


def catalogue() -> list[ingest_pb2.SourceRecord]:
    """Overlapping source records of three systems: each supplier is known to two or three of them."""
    said = []
    for number in range(60):
        content = supplier_pb2.Supplier(legal_name=f"Supplier {number}", lei=lei(number % 40))
        for system in ("systems/erp", "systems/workforce", "systems/legacy")[: 2 + number % 2]:
            said.append(statement(system, f"{number}", content))  # noqa: PERF401 - two loops read better
    return said


def links(hub: TestHub) -> set[frozenset[tuple[object, object]]]:
    """The partition of all keys into golden records."""
    by_golden: dict[object, set[tuple[object, object]]] = {}
    for system, key, golden in hub.rows("SELECT system, key, golden FROM crosswalk"):
        by_golden.setdefault(golden, set()).add((system, key))
    return {frozenset(keys) for keys in by_golden.values()}


def in_batches(hub: TestHub, said: Sequence[ingest_pb2.SourceRecord], size: int) -> None:
    for start in range(0, len(said), size):
        hub.submit(*said[start : start + size])


def test_the_same_records_from_several_writers_at_once_link_as_from_one(databases: Databases) -> None:
    said = catalogue()
    with test_hub(databases) as alone:
        in_batches(alone, said, 25)
        expected = links(alone)
        names = alone.rows("SELECT count(*) FROM records WHERE record_type = 'supplier'")
    with test_hub(databases) as shared:
        orders = (said, said[::-1], said[40:] + said[:40], said[::2] + said[1::2])
        writers = [threading.Thread(target=in_batches, args=(shared, order, 7)) for order in orders]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert links(shared) == expected
        assert shared.rows("SELECT count(*) FROM records WHERE record_type = 'supplier'") == names
        twice = "SELECT system, key FROM crosswalk GROUP BY 1, 2 HAVING count(DISTINCT golden) > 1"
        assert shared.rows(twice) == []
