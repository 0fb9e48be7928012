"""The index of terms: written with the leaves, made up for where another version of the service appended."""

from collections.abc import Sequence

import pytest
from psycopg import errors

from services.audit.domain.question import LeafFilter, Stretch
from services.audit.domain.term import TermKind, term
from services.audit.storage import term_index
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.leaf_reader import LeafReader
from services.mesh.postgres.database import Database, driver
from tests.support.audit.leaves import BEGINNING, history, incoming, leaf_bytes
from tests.support.database.databases import MigratedDatabase

INSERT = """
INSERT INTO leaves (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at, leaf,
    leaf_hash, received_at) VALUES (%s, %s, %s, %s, %s, %s, '{}', %s, %s, %s, %s)
"""
PAYMENT = LeafFilter(terms=(term(TermKind.PURPOSE, "payment"),))


def found(reader: LeafReader, wanted: LeafFilter = PAYMENT) -> list[int]:
    page = reader.leaves(wanted, None, Stretch(-1, 2**63 - 1), limit=1000)
    return [leaf.receipt.leaf_index for leaf in page.leaves]


def append_as_an_earlier_version(database: Database, first: int, data: Sequence[bytes]) -> None:
    with database.transaction() as connection:
        for leaf_index, leaf in enumerate(map(incoming, data), first):
            told = (leaf.record_type, leaf.actor, BEGINNING, leaf.data, leaf.leaf_hash, BEGINNING)
            driver(connection).execute(INSERT, (leaf_index, *leaf.key, *told))


def test_leaves_are_found_by_terms_as_soon_as_they_are_appended(log: LeafLog, reader: LeafReader) -> None:
    log.append([incoming(leaf_bytes(revision=1)), incoming(leaf_bytes(revision=2, purpose="payment"))])
    assert found(reader) == [1]


def test_what_another_version_appends_is_indexed_before_the_next_append(
    database: Database, log: LeafLog, reader: LeafReader
) -> None:
    log.append([incoming(leaf_bytes(revision=1, purpose="payment"))])
    append_as_an_earlier_version(database, 1, history("suppliers/two", [1, 2], purpose="payment"))
    assert found(reader) == [0]
    log.append([incoming(leaf_bytes(revision=2))])
    assert found(reader) == [0, 1, 2]


def test_a_log_from_before_the_index_is_indexed_piece_by_piece(
    database: Database, log: LeafLog, reader: LeafReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(term_index, "_CHUNK", 2)
    append_as_an_earlier_version(database, 0, history("suppliers/two", range(1, 6), purpose="payment"))
    log.catch_up()
    assert found(reader) == [0, 1, 2, 3, 4]
    log.catch_up()
    assert found(reader) == [0, 1, 2, 3, 4]


def test_an_actor_is_found_in_person_and_by_those_who_act_for_it(log: LeafLog, reader: LeafReader) -> None:
    acts = [
        leaf_bytes(revision=1, actor="alice"),
        leaf_bytes(revision=2, actor="bot", on_behalf_of=["alice"]),
        leaf_bytes(revision=3, actor="alice", on_behalf_of=["alice"], purpose="payment"),
        leaf_bytes(revision=4, actor="bot", purpose="payment"),
    ]
    log.append([incoming(leaf) for leaf in acts])
    assert found(reader, LeafFilter(involved="alice")) == [0, 1, 2]
    assert found(reader, LeafFilter(involved="alice", terms=PAYMENT.terms)) == [2]
    page = reader.leaves(LeafFilter(involved="alice"), None, Stretch(0, 9), limit=1)
    assert ([leaf.receipt.leaf_index for leaf in page.leaves], page.next_after) == ([1], 1)


@pytest.mark.parametrize("statement", ["UPDATE leaf_terms SET terms = '{}'", "DELETE FROM leaf_terms"])
def test_nobody_takes_leaves_out_of_the_index(migrated: MigratedDatabase, log: LeafLog, statement: str) -> None:
    log.append([incoming(leaf_bytes())])
    with (
        migrated.opened_by_owner() as owner,
        pytest.raises(errors.RestrictViolation),
        owner.transaction() as connection,
    ):
        driver(connection).execute(statement.encode())
