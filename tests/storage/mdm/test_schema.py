"""No mutation without evidence, as a property of the hub's database."""

import pytest
import sqlalchemy
from sqlalchemy.exc import DBAPIError

from concord.mdm.v1 import supplier_pb2
from services.mdm.storage.schema import MIGRATIONS, OPERATIONAL_TABLES
from services.mesh.records import schema
from tests.support.database.databases import Databases, MigratedDatabase
from tests.support.database.inspection import revisions_without_change, tables_without_change_trigger
from tests.support.hub.stored import TestHub, statement

EXEMPT = {**schema.OPERATIONAL_TABLES, **OPERATIONAL_TABLES}


def attempt(database: MigratedDatabase, sql: str, *, owner: bool = False) -> None:
    opened = database.opened_by_owner() if owner else database.opened()
    with opened as one, one.engine.begin() as connection:
        connection.execute(sqlalchemy.text(sql))


def test_every_table_that_can_change_has_the_trigger_or_a_reason(databases: Databases) -> None:
    with databases.cloned(MIGRATIONS) as database, database.opened_by_owner() as owner:
        with owner.reading() as connection:
            assert tables_without_change_trigger(connection, EXEMPT) == []
        with owner.transaction() as connection:
            connection.exec_driver_sql("CREATE TABLE planted (record text, revision bigint, value text)")
        with owner.reading() as connection:
            assert tables_without_change_trigger(connection, EXEMPT) == ["planted"]


def test_raw_sql_that_changes_a_record_without_a_change_row_fails_at_commit(databases: Databases) -> None:
    with databases.cloned(MIGRATIONS) as database:
        insert = "INSERT INTO records VALUES ('suppliers/1', 'supplier', 1, 1, '{}')"
        with pytest.raises(DBAPIError, match="no change row"):
            attempt(database, insert)
        with pytest.raises(DBAPIError, match="no change row"):
            attempt(database, insert, owner=True)
        body = "INSERT INTO revisions VALUES ('suppliers/1', 1, 'supplier', 1, '', NULL, NULL, NULL, now())"
        with pytest.raises(DBAPIError, match="no change row"):
            attempt(database, body, owner=True)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE revisions SET body = ''",
        "DELETE FROM revisions",
        "TRUNCATE revisions",
        "UPDATE changes SET leaf = ''",
        "DELETE FROM changes",
        "DELETE FROM records",
        "UPDATE records SET record_type = 'item'",
        "UPDATE record_keys SET wrapped = ''",
        "DELETE FROM positions",
        "ALTER TABLE revisions DISABLE TRIGGER ALL",
    ],
)
def test_the_services_role_cant_alter_what_was(databases: Databases, sql: str) -> None:
    with databases.cloned(MIGRATIONS) as database, pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
        attempt(database, sql)


def test_a_head_never_moves_without_its_next_revision(hub: TestHub) -> None:
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="A")))
    for sql in (
        "UPDATE records SET state = 2 WHERE record_type = 'supplier'",
        "UPDATE records SET revision = 7 WHERE record_type = 'supplier'",
        "UPDATE records SET revision = revision + 1 WHERE record_type = 'supplier'",
    ):
        with pytest.raises(DBAPIError), hub.database.engine.begin() as connection:
            connection.execute(sqlalchemy.text(sql))
    with hub.database.reading() as connection:
        assert revisions_without_change(connection) == []
