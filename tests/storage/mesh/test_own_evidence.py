"""A service's own side of reconciliation: cut without a hole, summed up as the contract says, by the bytes."""

import hashlib
import struct
from collections.abc import Sequence

import pytest

from services.mesh.evidence.comparison import Entry, RecordRange, Summary
from services.mesh.evidence.own import OwnEvidence
from services.mesh.postgres.database import Database, driver
from tests.support.database.record_service import AuditInMemory, Ledger, publish_everything

EVERYTHING = RecordRange()


@pytest.fixture
def own(ledger: Ledger) -> OwnEvidence:
    """Three records in an order of bytes that no language has, one of them with four revisions."""
    for names in (("suppliers/Z", "suppliers/a", "suppliers/ä"), ("suppliers/a",), ("suppliers/a",), ("suppliers/a",)):
        ledger.write(*names)
    return OwnEvidence(ledger.database)


def summed_up(entries: Sequence[Entry]) -> Summary:
    """Sum up as RangeSummary in the audit's contract says."""
    parts = (e.leaf_hash + struct.pack(">q", e.revision) + e.record.encode() + b"\0" for e in entries)
    return Summary(len(entries), hashlib.sha256(b"".join(parts)).digest())


def test_a_range_is_cut_into_whole_records_in_the_order_of_bytes(own: OwnEvidence) -> None:
    assert [each.key for each in own.entries(EVERYTHING)] == [
        ("suppliers/Z", 1),
        *(("suppliers/a", revision) for revision in (1, 2, 3, 4)),
        ("suppliers/ä", 1),
    ]
    assert list(own.cut(EVERYTHING, 2)) == [
        RecordRange("", "suppliers/a"),
        RecordRange("suppliers/a", ""),
    ]
    assert list(own.cut(RecordRange("", "suppliers/a"), 1)) == [
        RecordRange("", "suppliers/Z"),
        RecordRange("suppliers/Z", "suppliers/a"),
    ]
    assert list(own.cut(EVERYTHING, 100)) == [EVERYTHING]
    assert list(own.cut(RecordRange("suppliers/ä"), 1)) == [RecordRange("suppliers/ä")]


def test_a_sum_is_what_the_contract_says(own: OwnEvidence) -> None:
    ranges = [EVERYTHING, RecordRange("", "suppliers/a"), RecordRange("suppliers/a"), RecordRange("x", "y")]
    assert own.summaries(ranges) == [summed_up(own.entries(each)) for each in ranges]
    assert own.summaries([RecordRange("x", "y")]) == [Summary(0, hashlib.sha256().digest())]


def test_hashes_are_over_the_frozen_bytes_and_published_is_what_left_the_spool(
    own: OwnEvidence, ledger: Ledger, database: Database
) -> None:
    publish_everything(database, AuditInMemory())
    ledger.write("suppliers/Z")
    leaves = "SELECT record, revision, leaf FROM changes"
    with database.reading() as connection:
        stored = {(record, revision): leaf for record, revision, leaf in driver(connection).execute(leaves)}
    entries = own.entries(EVERYTHING)
    assert {each.key: each.leaf_hash for each in entries} == {
        key: hashlib.sha256(b"\0" + leaf).digest() for key, leaf in stored.items()
    }
    assert [each.key for each in entries if not each.published] == [("suppliers/Z", 2)]
    assert own.entry("suppliers/Z", 2) == entries[1]
    assert own.entry("suppliers/Z", 3) is None
