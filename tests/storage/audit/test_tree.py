"""The tree beside the leaves: a checkpoint for every commit, whoever commits, and proofs that lead to it."""

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.errors import CheckViolation

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import Checkpoint, SignedCheckpoint
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.merkle import EMPTY_ROOT, is_consistent, is_included
from services.audit.domain.signed_note import SignedNote
from services.audit.domain.tile import TileAddress
from services.audit.storage import leaf_log
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.audit.storage.tree_reader import TreeReader
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import Database, driver
from tests.support.audit.leaves import BEGINNING, history, incoming, leaf_bytes
from tests.support.audit.log_keys import KEY, ORIGIN, SIGNER
from tests.support.database.databases import MigratedDatabase
from tests.support.merkle.naive_tree import naive_root
from tests.support.waiting import eventually

SEQUENCER_LOCK = 0x434F4E43_00000101
RUNS = itertools.count()


@pytest.fixture
def tree(database: Database) -> TreeReader:
    return TreeReader(database)


def append(log: LeafLog, data: Sequence[bytes]) -> list[str]:
    """Append leaves and return the checkpoints of their receipts."""
    return [receipt.checkpoint for receipt in log.append([incoming(each) for each in data]).receipts]


def verified(note: str) -> Checkpoint:
    read = SignedNote.parse(note)
    assert read.signers([KEY.verifier]) == [KEY.verifier]
    return Checkpoint.parse(read.text)


def newest(tree: TreeReader) -> SignedCheckpoint:
    found = tree.newest()
    assert found is not None
    return found


def hashes_of(data: Sequence[bytes]) -> list[bytes]:
    return [leaf_hash(each) for each in data]


def test_a_receipt_carries_the_checkpoint_of_its_commit(log: LeafLog, tree: TreeReader) -> None:
    one, two = history("suppliers/one", range(1, 4)), history("suppliers/two", range(1, 3))
    first, second = append(log, one), append(log, two)
    assert verified(first[0]) == Checkpoint(ORIGIN, 3, naive_root(hashes_of(one)))
    assert verified(second[0]) == Checkpoint(ORIGIN, 5, naive_root(hashes_of([*one, *two])))
    assert len({*first}) == len({*second}) == 1
    assert newest(tree).note == second[0]
    assert newest(tree).key_id == KEY.verifier.key_id


def test_a_repeat_gets_the_checkpoint_of_the_first_time_and_signs_nothing(
    log: LeafLog, tree: TreeReader, reader: LeafReader
) -> None:
    one, two = history("suppliers/one", (1, 2))
    [first], [second] = append(log, [one]), append(log, [two])
    assert append(log, [two, one]) == [second, first]
    assert newest(tree).note == second
    found = reader.leaf_at(0, None)
    assert found is not None
    assert found.receipt.checkpoint == first


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4), st.data())
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_proofs_of_any_leaf_and_any_two_checkpoints_hold(
    migrated: MigratedDatabase, portions: list[int], data: st.DataObject
) -> None:
    with migrated.opened() as database:
        log, tree = LeafLog(database, SIGNER), TreeReader(database)
        for portion in portions:
            append(log, history(f"suppliers/{next(RUNS)}", range(1, portion + 1)))
        signed = newest(tree)
        hashes = _held_hashes(database)
        assert signed.root == naive_root(hashes)
        for place in data.draw(st.lists(st.integers(0, len(hashes) - 1), min_size=3, max_size=3)):
            near, tiles = tree.newest_near(place)
            assert near == signed
            proof = tree.inclusion_proof(place, signed.tree_size, tiles)
            assert is_included(hashes[place], place, signed.tree_size, proof, signed.root)
        first_size = data.draw(st.integers(1, signed.tree_size))
        proof = tree.consistency_proof(first_size, signed.tree_size)
        assert is_consistent(first_size, signed.tree_size, naive_root(hashes[:first_size]), signed.root, proof)
        for level in range(2):
            assert _tiles(tree, level, signed.tree_size) == _level(hashes, level)


def _held_hashes(database: Database) -> list[bytes]:
    with database.reading() as connection:
        rows = driver(connection).execute("SELECT leaf_hash FROM leaves ORDER BY leaf_index").fetchall()
    return [bytes(digest) for (digest,) in rows]


def _tiles(tree: TreeReader, level: int, tree_size: int) -> list[bytes]:
    """Return the hashes of all tiles of a level."""
    tiles = (tree.tile(TileAddress(level, index), tree_size) for index in itertools.count())
    return [each for tile in itertools.takewhile(bool, tiles) for each in tile]


def _level(hashes: Sequence[bytes], level: int) -> list[bytes]:
    width = 256**level
    return [naive_root(hashes[start : start + width]) for start in range(0, len(hashes) - width + 1, width)]


def test_the_newest_checkpoint_comes_with_the_full_tile_of_a_leaf(log: LeafLog, tree: TreeReader) -> None:
    assert tree.newest_near(0) == (None, {})
    data = history("suppliers/one", range(1, 301))
    append(log, data)
    assert tree.newest_near(42) == (newest(tree), {TileAddress(0, 0): hashes_of(data[:256])})
    assert tree.newest_near(256) == tree.newest_near(2**63 - 1) == (newest(tree), {})


def test_replicas_that_take_turns_grow_one_tree(migrated: MigratedDatabase, tree: TreeReader) -> None:
    data = [history(f"suppliers/{number}", range(1, 100)) for number in range(6)]
    with migrated.opened() as one, migrated.opened() as two:
        logs = itertools.cycle([LeafLog(one, SIGNER), LeafLog(two, SIGNER)])
        for each, log in zip(data, logs, strict=False):
            append(log, each)
    assert newest(tree).root == naive_root(hashes_of([leaf for each in data for leaf in each]))


def test_a_commit_that_fails_leaves_the_tree_as_it_was(log: LeafLog, tree: TreeReader) -> None:
    good = history("suppliers/one", range(1, 300))
    append(log, good[:250])
    poison = incoming(leaf_bytes("suppliers/poison"))._replace(leaf_hash=bytes(32))
    with pytest.raises(CheckViolation):
        log.append([poison])
    append(log, good[250:])
    assert newest(tree).root == naive_root(hashes_of(good))


OLD_LEAF = """
INSERT INTO leaves (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at, leaf,
    leaf_hash, received_at)
VALUES (%s, 'mdm', 'suppliers/old', %s, 'supplier', 'steward', '{}', %s, %s, %s, %s)
"""


def append_unsigned(database: Database, start: int, data: Sequence[bytes]) -> None:
    """Append as a version from before checkpoints did."""
    with database.transaction() as connection, driver(connection).cursor() as cursor:
        rows = [
            (start + place, start + place + 1, BEGINNING, each, leaf_hash(each), BEGINNING)
            for place, each in enumerate(data)
        ]
        cursor.executemany(OLD_LEAF, rows)


def test_a_log_from_before_checkpoints_is_caught_up_and_goes_on_where_it_was_interrupted(
    database: Database, tree: TreeReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaf_log, "_CAUGHT_UP_AT_ONCE", 250)
    data = history("suppliers/old", range(1, 601))
    append_unsigned(database, 0, data)
    assert LeafLog(database, SIGNER)._catch_up_further()
    assert newest(tree).tree_size == 250
    log = LeafLog(database, SIGNER)
    log.catch_up()
    assert newest(tree).root == naive_root(hashes_of(data))
    assert newest(tree).tree_size == 600
    receipt = log.append([incoming(data[300])]).receipts[0]
    assert receipt.leaf_index == 300
    assert verified(receipt.checkpoint).tree_size == 500
    assert _tiles(tree, 1, 600) == _level(hashes_of(data), 1)


def test_leaves_that_an_older_replica_appends_meanwhile_are_covered_by_the_next_commit(
    log: LeafLog, database: Database, tree: TreeReader
) -> None:
    first, old, last = history("suppliers/one", [1]), history("suppliers/old", range(2, 5)), history("items/two", [1])
    append(log, first)
    append_unsigned(database, 1, old)
    covered = append(log, [*old[1:2], *last])
    assert [verified(note).tree_size for note in covered] == [4, 5]
    assert newest(tree).root == naive_root(hashes_of([*first, *old, *last]))


def test_an_empty_log_begins_with_a_checkpoint_of_nothing(log: LeafLog, tree: TreeReader) -> None:
    assert tree.newest() is None
    log.catch_up()
    assert (newest(tree).tree_size, newest(tree).root) == (0, EMPTY_ROOT)
    append(log, [leaf_bytes()])
    assert newest(tree).tree_size == 1


TAMPERINGS = {
    "the last leaf taken away": "DELETE FROM leaves WHERE leaf_index = 2",
    "a leaf of the edge changed": "UPDATE leaves SET leaf = 'x', leaf_hash = sha256('\\x00'::bytea || 'x')"
    " WHERE leaf_index = 1",
}


@pytest.mark.parametrize("statement", TAMPERINGS.values(), ids=TAMPERINGS.keys())
def test_a_log_that_is_not_what_was_signed_is_not_signed_again(
    log: LeafLog, migrated: MigratedDatabase, database: Database, tree: TreeReader, statement: str
) -> None:
    append(log, history("suppliers/one", range(1, 4)))
    before = newest(tree)
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute("ALTER TABLE leaves DISABLE TRIGGER ALL")
        driver(connection).execute(statement.encode())
    restarted = LeafLog(database, SIGNER)
    for attempt in (restarted.catch_up, lambda: append(restarted, [leaf_bytes("suppliers/new")])):
        with pytest.raises(ConcordError) as refused:
            attempt()
        assert refused.value.reason == reasons.ERROR_REASON_LOG_INCONSISTENT
        assert refused.value.metadata == {"tree_size": "3"}
    assert newest(tree) == before


def test_too_many_waiting_leaves_are_refused_with_a_delay_and_the_others_are_appended(database: Database) -> None:
    log = LeafLog(database, SIGNER, most_waiting_leaves=10)
    with ThreadPoolExecutor(4) as threads, database.transaction() as blocker:
        driver(blocker).execute("SELECT pg_advisory_xact_lock(%b)", (SEQUENCER_LOCK,))
        first = threads.submit(append, log, history("suppliers/0", range(1, 20)))
        eventually(lambda: log._led and not log._waiting)
        second = threads.submit(append, log, history("suppliers/1", range(1, 9)))
        eventually(lambda: len(log._waiting) == 1)
        with pytest.raises(ConcordError) as refused:
            append(log, history("suppliers/2", range(1, 4)))
        third = threads.submit(append, log, history("suppliers/3", range(1, 3)))
        eventually(lambda: len(log._waiting) == 2)
        driver(blocker).rollback()
    assert refused.value.reason == reasons.ERROR_REASON_LOG_QUEUE_FULL
    assert refused.value.retry_after is not None
    assert refused.value.metadata == {"waiting": "8"}
    assert [verified(each.result()[0]).tree_size for each in (first, second, third)] == [19, 29, 29]
    assert verified(append(log, history("suppliers/2", range(1, 4)))[0]).tree_size == 32
