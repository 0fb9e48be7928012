"""The index: what a record has no longer ends with its revision, however its value was stored."""

from services.mdm.domain.indexing import IndexEntry
from services.mdm.storage.tables import record_index
from services.mdm.storage.tables.record_index import Indexed
from services.mesh.postgres.database import driver
from services.mesh.records.keys import KeyRing
from services.mesh.records.sealing import Sealer
from tests.support.hub.stored import TestHub

OLD, NEW = bytes(32), bytes(range(32))
TAX_ID = IndexEntry("tax_ids.value", "12-3456789", restricted=True)
NAME = IndexEntry("legal_name", "acme", restricted=False)
OTHER_NAME = IndexEntry("legal_name", "acme ltd", restricted=False)
ROWS = "SELECT path, value, from_revision, to_revision FROM record_index WHERE record = 'suppliers/x' ORDER BY 1, 2"


def indexed(revision: int, before: set[IndexEntry], after: set[IndexEntry]) -> Indexed:
    return Indexed("supplier", "suppliers/x", revision, frozenset(before), frozenset(after))


def test_only_what_differs_is_written(hub: TestHub) -> None:
    sealer = Sealer(KeyRing({1: OLD}))
    with hub.database.transaction() as connection:
        record_index.put(connection, sealer, [indexed(1, set(), {NAME, TAX_ID})])
        record_index.put(connection, sealer, [indexed(2, {NAME, TAX_ID}, {OTHER_NAME, TAX_ID})])
        rows = driver(connection).execute(ROWS).fetchall()
    token = sealer.token("12-3456789", "index/supplier/tax_ids.value")
    assert rows == [
        ("legal_name", "acme", 1, 2),
        ("legal_name", "acme ltd", 2, None),
        ("tax_ids.value", token, 1, None),
    ]


def test_a_token_of_an_older_key_ends_as_well(hub: TestHub) -> None:
    before, rotated = Sealer(KeyRing({1: OLD})), Sealer(KeyRing({2: NEW, 1: OLD}))
    with hub.database.transaction() as connection:
        record_index.put(connection, before, [indexed(1, set(), {TAX_ID})])
        record_index.put(connection, rotated, [indexed(2, {TAX_ID}, set())])
        rows = driver(connection).execute(ROWS).fetchall()
    assert [(path, ended) for path, _, _, ended in rows] == [("tax_ids.value", 2)]
