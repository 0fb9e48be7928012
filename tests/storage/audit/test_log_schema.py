"""What the database itself refuses, whatever code runs."""

from collections.abc import Iterator, Sequence

import psycopg
import pytest
from psycopg import errors

from services.audit.domain.leaf import leaf_hash
from services.audit.storage import MIGRATIONS
from services.audit.storage.leaf_log import LeafLog
from services.mesh.postgres.database import Database, driver
from tests.support.audit.leaves import BEGINNING, history, incoming
from tests.support.audit.log_keys import SIGNER
from tests.support.database.databases import Databases, MigratedDatabase

INSERT = """
INSERT INTO leaves (leaf_index, source_service, record, revision, record_type, actor, entities, occurred_at, leaf,
    leaf_hash, received_at) VALUES (%s, 'mdm', 'suppliers/raw', %s, 'supplier', 'somebody', '{}', %s, %s, %s, %s)
"""
REWRITES = (
    "UPDATE leaves SET actor = 'nobody'",
    "UPDATE leaves SET leaf = leaf WHERE false",
    "DELETE FROM leaves WHERE leaf_index = 1",
    "TRUNCATE leaves",
    "UPDATE tiles SET root = root",
    "DELETE FROM tiles",
    "TRUNCATE tiles",
    "UPDATE checkpoints SET note = ''",
    "DELETE FROM checkpoints WHERE tree_size > 1",
    "TRUNCATE checkpoints",
    "UPDATE cosignatures SET line = ''",
    "DELETE FROM cosignatures",
    "TRUNCATE cosignatures",
)


@pytest.fixture(scope="module")
def migrated(databases: Databases) -> Iterator[MigratedDatabase]:
    """Hold a log of three leaves for all tests of this module: what they do is refused or rolled back."""
    with databases.cloned(MIGRATIONS) as migrated, migrated.opened() as database:
        LeafLog(database, SIGNER).append([incoming(each) for each in history("suppliers/one", range(1, 4))])
        yield migrated


def row(leaf_index: int, digest: bytes | None = None) -> Sequence[object]:
    data = f"leaf {leaf_index}".encode()
    return (leaf_index, leaf_index + 1, BEGINNING, data, digest or leaf_hash(data), BEGINNING)


@pytest.mark.parametrize("statement", REWRITES)
def test_the_service_role_cannot_rewrite_the_log(database: Database, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), database.transaction() as connection:
        driver(connection).execute(statement.encode())


@pytest.mark.parametrize("statement", REWRITES)
def test_even_the_owner_cannot_rewrite_the_log(migrated: MigratedDatabase, statement: str) -> None:
    with (
        migrated.opened_by_owner() as database,
        pytest.raises(errors.RestrictViolation),
        database.transaction() as connection,
    ):
        driver(connection).execute(statement.encode())


@pytest.mark.parametrize("statement", ["DROP TABLE leaves", "ALTER TABLE leaves DISABLE TRIGGER ALL"])
def test_the_service_role_owns_nothing(database: Database, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege), database.transaction() as connection:
        driver(connection).execute(statement.encode())


@pytest.mark.parametrize("places", [(4,), (3, 5), (5, 6)], ids=["a hole before", "a hole within", "both"])
def test_no_leaf_is_appended_behind_a_hole(database: Database, places: tuple[int, ...]) -> None:
    with pytest.raises(errors.IntegrityConstraintViolation), database.transaction() as connection:
        _insert_as_one_statement(driver(connection), places)


def _insert_as_one_statement(connection: psycopg.Connection[tuple[object, ...]], places: Sequence[int]) -> None:
    values = ", ".join([INSERT.partition("VALUES ")[2]] * len(places))
    statement = f"{INSERT.partition('VALUES ')[0]} VALUES {values}"
    connection.execute(statement.encode(), [value for place in places for value in row(place)])


def test_the_next_leaf_is_appended_by_plain_sql_too(database: Database) -> None:
    with database.transaction() as connection:
        _insert_as_one_statement(driver(connection), (3, 4))
        driver(connection).rollback()


def test_a_hash_that_is_not_the_leafs_is_refused(database: Database) -> None:
    with pytest.raises(errors.CheckViolation), database.transaction() as connection:
        driver(connection).execute(INSERT, row(3, digest=b"\x00" * 32))


def test_a_place_is_given_once(database: Database) -> None:
    with pytest.raises(errors.UniqueViolation), database.transaction() as connection:
        driver(connection).execute(INSERT, row(2))
