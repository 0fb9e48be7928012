"""Documents reach the hub, or quarantine; echoes are named; the cursor never runs ahead."""

from collections.abc import Sequence

import pytest

from concord.adapter.v1.adapter_pb2 import QuarantinedDocument
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1.ingest_pb2 import SourceRecord, SubmitSourceRecordsResponse
from services.adapter.incoming.intake import Counts
from services.adapter.storage import synchronizations
from services.mesh.errors import ConcordError
from tests.support.adapter.fake_hub import LocalHub
from tests.support.adapter.outposts import ERP, Landscape, Session


def test_everything_is_read_once_and_then_only_what_changed(landscape: Landscape) -> None:
    for number in range(7):
        landscape.system.edit(f"vendor/{number}", number=f"{number:09}", name=f"Vendor {number}")
    session = landscape.start()
    assert session.pull() == Counts(read=7, created=7)
    assert session.pull() == Counts()
    landscape.system.edit("vendor/3", phone="555")
    assert landscape.start().pull() == Counts(read=1, updated=1)
    assert session.pull(full=True) == Counts(read=7, unchanged=7)


def test_what_the_hub_accepted_just_so_is_told_again_by_a_full_reading_only(landscape: Landscape) -> None:
    landscape.system.edit("vendor/1", number="000000001", name="Vendor")
    session = landscape.start()
    session.pull()
    landscape.system.edit("vendor/1", name="Vendor")
    assert session.pull() == Counts(read=1, unchanged=1)
    assert len(landscape.hub.submissions) == 1
    assert session.pull(full=True) == Counts(read=1, unchanged=1)
    assert len(landscape.hub.submissions) == 2


def test_an_untranslatable_document_is_quarantined_sealed_and_the_rest_goes_on(landscape: Landscape) -> None:
    landscape.system.edit("vendor/1", number="000000001", name="Fine")
    landscape.system.edit("vendor/2", number="000000002", name="Planted-Secret-77", broken="yes")
    assert landscape.start().pull() == Counts(read=2, created=1, quarantined=1)
    kept = _quarantined(landscape.start())
    assert kept.key == "vendor/2"
    assert b"Planted-Secret-77" in kept.original
    assert kept.error.code == 9
    for table in ("revisions", "changes", "records", "listing", "documents"):
        assert "Planted-Secret-77" not in _dump(landscape, table)


def test_the_same_failure_again_is_no_new_revision_and_another_one_is(landscape: Landscape) -> None:
    landscape.system.edit("vendor/2", broken="yes")
    session = landscape.start()
    session.pull()
    session.pull(full=True)
    assert _quarantined(session).revision == 1
    landscape.system.edit("vendor/2", phone="1")
    session.pull()
    assert _quarantined(session).revision == 2


def test_a_later_version_that_translates_settles_the_quarantine(landscape: Landscape) -> None:
    landscape.system.edit("vendor/2", number="000000002", broken="yes")
    session = landscape.start()
    session.pull()
    landscape.system.edit("vendor/2", broken=None)
    assert session.pull() == Counts(read=1, created=1)
    assert _open(session) == []
    settled = _all(session)[0]
    assert settled.state == QuarantinedDocument.STATE_SETTLED
    assert settled.revision == 2


def test_a_deletion_is_told(landscape: Landscape) -> None:
    landscape.system.edit("vendor/1", number="000000001", name="Gone soon")
    session = landscape.start()
    session.pull()
    landscape.system.remove("vendor/1")
    assert session.pull() == Counts(read=1, updated=1)
    assert landscape.hub.submissions[-1].deleted


def test_the_cursor_stays_where_the_hub_did_not_answer(landscape: Landscape) -> None:
    for number in range(7):
        landscape.system.edit(f"vendor/{number}", number=f"{number:09}", name=f"Vendor {number}")

    class Failing(LocalHub):
        def submit(self, records: Sequence[SourceRecord]) -> list[SubmitSourceRecordsResponse]:
            if any(record.key == "vendor/4" for record in records):
                super().submit(records[:1])
                raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "gone")
            return super().submit(records)

    with pytest.raises(ConcordError):
        landscape.start(hub=Failing(landscape.hub)).pull()
    with landscape.database.reading() as connection:
        assert synchronizations.read(connection, ERP).pull_cursor == "3"
    assert landscape.start().pull() == Counts(read=4, created=3, unchanged=1)


@pytest.mark.parametrize(
    ("lag", "reason"),
    [
        ("postponed", reasons.ERROR_REASON_AUDIT_BEHIND),
        ("unreceipted", reasons.ERROR_REASON_AUDIT_RECEIPT_PENDING),
    ],
)
def test_what_the_hubs_audit_does_not_know_yet_is_submitted_again(
    landscape: Landscape, lag: str, reason: reasons.ErrorReason.ValueType
) -> None:
    for number in range(3):
        landscape.system.edit(f"vendor/{number}", number=f"{number:09}", name=f"Vendor {number}")
    lagging: set[str] = getattr(landscape.hub, lag)
    lagging.add("vendor/1")
    with pytest.raises(ConcordError) as lagged:
        landscape.start().pull()
    assert lagged.value.reason == reason
    with landscape.database.reading() as connection:
        assert not synchronizations.read(connection, ERP).pull_cursor
    lagging.clear()
    counts = landscape.start().pull()
    stored = int(lag == "unreceipted")
    assert counts == Counts(read=3, created=1 - stored, unchanged=2 + stored)
    again = [said.key for said in landscape.hub.submissions]
    assert again.count("vendor/1") == 2
    assert again.count("vendor/0") == 1


def _quarantined(session: Session) -> QuarantinedDocument:
    names = _open(session)
    assert len(names) == 1
    with session.outpost.database.reading() as connection:
        found = session.outpost.ledger.read(connection, names, clear=True)[names[0]]
    assert isinstance(found, QuarantinedDocument)
    return found


def _open(session: Session) -> list[str]:
    with session.outpost.database.reading() as connection:
        return session.outpost.ledger.open_names(connection, ERP, QuarantinedDocument)


def _all(session: Session) -> list[QuarantinedDocument]:
    with session.outpost.database.reading() as connection:
        ledger = session.outpost.ledger
        names = ledger.page(connection, QuarantinedDocument, systems=None, settled=True, before="", limit=10)
        return [
            content for content in ledger.read(connection, names).values() if isinstance(content, QuarantinedDocument)
        ]


def _dump(landscape: Landscape, table: str) -> str:
    with landscape.database.reading() as connection:
        return str(connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall())  # noqa: S608
