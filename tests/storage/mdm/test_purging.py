"""Purging: imports and requests are kept for their time and not longer."""

from datetime import timedelta

from sqlalchemy import Connection

from services.mdm.storage.writing.import_batches import RETENTION
from services.mesh.records import idempotency
from tests.support.hub.stored import TestHub

DAY = timedelta(days=1)


def imported(hub: TestHub, name: str, *ages: timedelta) -> None:
    """Keep an import whose batches came so long ago."""

    def keep(connection: Connection) -> None:
        for batch, age in enumerate(ages, 1):
            connection.exec_driver_sql(
                "INSERT INTO import_batches (source_import, batch, system, digest, counts, answer, created_at) "
                "VALUES (%s, %s, 'systems/erp', '', '{0}', '', clock_timestamp() - %s)",
                (name, batch, age),
            )

    hub.parts.transactions.write(keep)


def test_an_import_goes_as_a_whole_when_nothing_came_of_it_for_long(hub: TestHub) -> None:
    imported(hub, "over", RETENTION + 2 * DAY, RETENTION + DAY)
    imported(hub, "under way", RETENTION + 2 * DAY, RETENTION - DAY)
    assert hub.parts.purging.work() is False
    assert hub.rows("SELECT source_import, batch FROM import_batches ORDER BY 2") == [
        ("under way", 1),
        ("under way", 2),
    ]


def test_requests_are_forgotten_when_no_repeat_of_them_is_answered_any_more(hub: TestHub) -> None:
    ages = (idempotency.RETENTION + DAY, idempotency.RETENTION - DAY)

    def keep(connection: Connection) -> None:
        for number, age in enumerate(ages):
            connection.exec_driver_sql(
                "INSERT INTO idempotency (principal, rpc, request_id, digest, created_at) "
                "VALUES ('somebody', 'rpc', %s, '', clock_timestamp() - %s)",
                (f"{number}", age),
            )

    hub.parts.transactions.write(keep)
    hub.parts.purging.work()
    assert hub.rows("SELECT request_id FROM idempotency WHERE principal = 'somebody'") == [("1",)]
