"""Pruning: bodies go when their time is over, hashes and keys never, and every proof still holds."""

from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg import errors

from concord.audit.v1.act_pb2 import Pruning
from concord.audit.v1.audit_pb2 import Leaf
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.merkle import is_consistent, is_included
from services.audit.domain.question import HeldLeaf, LeafFilter, Stretch
from services.audit.storage import pruning
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.audit.storage.pruning import ITSELF, LeafPruning
from services.audit.storage.tree_reader import TreeReader
from services.mesh.postgres.database import Database, driver
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.leaf import Origin
from tests.support.audit.leaves import BEGINNING, history, incoming, leaf_bytes
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import MigratedDatabase

AT_ONCE = timedelta(0)
"""A retention after which everything that was received is due."""
NORTH, SOUTH = ["entities/north"], ["entities/south"]
ALL = Stretch(-1, 1_000)


def hold(number: int, revision: int, entities: list[str]) -> bytes:
    return leaf_bytes(f"holds/{number}", revision, record_type="legal_hold", entities=entities)


def append(log: LeafLog, *leaves: bytes) -> None:
    log.append([incoming(each) for each in leaves])


def prune(database: Database, log: LeafLog, retention: timedelta = AT_ONCE) -> None:
    """Look at all that is there once."""
    LeafPruning(database, log, retention).work()


def held(reader: LeafReader) -> list[HeldLeaf]:
    return list(reader.leaves(LeafFilter(), None, ALL, limit=1_000).leaves)


def kept(reader: LeafReader) -> list[int]:
    """Return the places of the leaves that have their bodies."""
    return [leaf.receipt.leaf_index for leaf in held(reader) if leaf.data is not None]


def test_a_pruned_leaf_keeps_its_hash_and_key_and_every_proof_and_checkpoint_holds(
    database: Database, log: LeafLog, reader: LeafReader
) -> None:
    bodies = history("suppliers/one", range(1, 6))
    append(log, *bodies)
    tree = TreeReader(database)
    before = tree.newest()
    prune(database, log)
    assert kept(reader) == [5]
    assert [leaf.receipt.leaf_hash for leaf in held(reader)[:5]] == [leaf_hash(each) for each in bodies]
    assert held(reader)[2].outline[:3] == ("mdm", "suppliers/one", 3)
    after = tree.newest()
    assert before
    assert after
    for place, body in enumerate(bodies):
        proof = tree.inclusion_proof(place, after.tree_size)
        assert is_included(leaf_hash(body), place, after.tree_size, proof, after.root)
    proof = tree.consistency_proof(before.tree_size, after.tree_size)
    assert is_consistent(before.tree_size, after.tree_size, before.root, after.root, proof)
    LeafLog(database, SIGNER).catch_up()
    assert tree.newest() == after


def test_what_is_pruned_is_said_by_a_leaf_before(database: Database, log: LeafLog, reader: LeafReader) -> None:
    append(log, *history("suppliers/one", range(1, 4)))
    prune(database, log)
    (told,) = (Leaf.FromString(leaf.data) for leaf in held(reader) if leaf.data is not None)
    assert (told.record_type, told.actor, told.pruning.first_leaf_index, told.pruning.last_leaf_index) == (
        *("pruning", ITSELF),
        *(0, 2),
    )


def test_nothing_is_pruned_before_its_time(database: Database, log: LeafLog, reader: LeafReader) -> None:
    append(log, *history("suppliers/one", range(1, 4)))
    assert LeafPruning(database, log, timedelta(days=1)).work() is False
    assert kept(reader) == [0, 1, 2]


def test_pruning_goes_on_chunk_by_chunk_to_the_first_leaf_that_is_not_due(
    database: Database, log: LeafLog, reader: LeafReader
) -> None:
    append(log, *history("suppliers/one", range(1, 6)))
    pruner = LeafPruning(database, log, AT_ONCE, at_once=2)
    assert [pruner.work() for _ in range(2)] == [True, True]
    assert kept(reader)[0] == 4


def test_nobody_appends_while_bodies_go_so_that_no_hold_comes_between(
    database: Database, log: LeafLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log, *history("suppliers/one", range(1, 4)))
    locked = """
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid() AND %s >= 0
    """
    monkeypatch.setattr(pruning, "_PRUNE", locked)
    pruner = LeafPruning(database, log, AT_ONCE)
    pruner.work()
    assert pruner.pruned == 1


def test_a_hold_keeps_the_leaves_of_its_entities_until_it_is_released(
    database: Database, log: LeafLog, reader: LeafReader
) -> None:
    append(log, leaf_bytes("suppliers/n", entities=NORTH), leaf_bytes("suppliers/s", entities=SOUTH))
    append(log, leaf_bytes("suppliers/nobodys", entities=[]), hold(1, 1, NORTH))
    prune(database, log)
    assert kept(reader) == [0, 2, 3, 4]
    append(log, hold(1, 2, NORTH))
    prune(database, log)
    assert 0 not in kept(reader)


def test_a_hold_on_everything_keeps_every_leaf(database: Database, log: LeafLog, reader: LeafReader) -> None:
    append(log, leaf_bytes("suppliers/n", entities=NORTH), hold(1, 1, []))
    prune(database, log)
    assert kept(reader) == [0, 1]


def test_a_pruned_leaf_that_comes_again_gets_its_first_receipt(
    database: Database, log: LeafLog, reader: LeafReader
) -> None:
    append(log, leaf_bytes())
    prune(database, log)
    assert log.append([incoming(leaf_bytes())]).receipts[0].leaf_index == 0
    assert kept(reader) == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO prunings (leaf_index, received_before, first_place, last_place) VALUES (1, now(), 0, 0)",
        "INSERT INTO prunings (leaf_index, received_before, first_place, last_place, xid) VALUES (1, now(), 0, 0, '7')",
        "UPDATE leaves SET leaf = NULL",
        "DELETE FROM prunings",
    ],
)
def test_the_service_role_prunes_nothing_that_no_leaf_says(
    database: Database, log: LeafLog, statement: LiteralString
) -> None:
    append(log, *history("suppliers/one", range(1, 3)))
    refused = (errors.InsufficientPrivilege, errors.IntegrityConstraintViolation)
    with pytest.raises(refused), database.transaction() as connection:
        driver(connection).execute(statement)


@pytest.mark.parametrize(
    "change", ["leaf = NULL, actor = 'nobody'", "leaf = ''", "leaf_hash = ''", "leaf = NULL WHERE leaf_index = 1"]
)
def test_not_even_the_owner_prunes_more_than_a_leaf_says(
    migrated: MigratedDatabase, log: LeafLog, change: LiteralString
) -> None:
    act = Pruning(first_leaf_index=0, last_leaf_index=0)
    act.receive_time_before.FromDatetime(BEGINNING)
    told = act_leaf(Place("audit", "1", 1), act, Origin.system(ITSELF), (), BEGINNING)
    append(log, *history("suppliers/one", range(1, 3)), told)
    with migrated.opened_by_owner() as owner, owner.engine.connect() as connection:
        raw = driver(connection)
        raw.execute(
            "INSERT INTO prunings (leaf_index, received_before, first_place, last_place) VALUES (2, now(), 0, 0)"
        )
        with pytest.raises(errors.RestrictViolation, match="by its pruning only"):
            raw.execute(f"UPDATE leaves SET {change}")  # noqa: S608 - ours
