"""No table of an adapter can change without evidence, but those listed with a reason."""

from services.adapter.storage.schema import OPERATIONAL_TABLES as OWN
from services.mesh.records.schema import OPERATIONAL_TABLES as LEDGER
from tests.support.adapter.outposts import Landscape
from tests.support.database.inspection import tables_without_change_trigger


def test_every_mutable_table_has_the_trigger_or_a_reason(landscape: Landscape) -> None:
    with landscape.database.reading() as connection:
        assert tables_without_change_trigger(connection, {**LEDGER, **OWN}) == []
