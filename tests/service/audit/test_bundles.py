"""Bundles as the audit hands them out: what is in them, to whom, and that the verifier proves them."""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from clients.verifier.bundle import Bundle
from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.app import started_witnessing
from services.audit.domain.bundle import PIECE_BYTES
from services.mesh.postgres.database import Database, driver
from tests.service.audit.auditing import EXPORT, Auditor, Service, exported
from tests.service.audit.conftest import READ, Clients, refusal
from tests.support.audit import witnesses
from tests.support.audit.evidence import WITNESS
from tests.support.audit.leaves import BEGINNING, history, leaf_bytes
from tests.support.audit.log_keys import KEY
from tests.support.command_line import CommandLine
from tests.support.database.databases import MigratedDatabase

NORTH, SOUTH = ({"entities": [f"entities/{name}"]} for name in ("north", "south"))


@pytest.fixture
def auditor(clients: Clients, tmp_path: Path) -> Auditor:
    """Let a service record the history of two records, and an auditor come."""
    auditor = Auditor(tmp_path, Service(clients))
    auditor.service.record(history("suppliers/one", range(1, 7), actor="one", **NORTH))
    auditor.service.record(history("suppliers/two", range(1, 5), actor="two", **SOUTH))
    return auditor


def names(bundle: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(bundle)).namelist()


def places(bundle: bytes) -> list[int]:
    return [int(Path(name).stem) for name in names(bundle) if name.startswith("proofs/")]


def test_the_whole_log_is_handed_out_and_proven(clients: Clients, auditor: Auditor) -> None:
    bundle = auditor.exported(clients)
    assert names(bundle.read_bytes()) == ["checkpoint", "leaves.jsonl"]
    verdict = auditor.verdict(bundle, witnesses=())
    assert (verdict.holds, verdict.is_complete, verdict.leaves, verdict.receipts) == (True, True, 10, 10)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"record": "suppliers/two"}, [6, 7, 8, 9]),
        ({"actor": "one", "source_service": "mdm"}, [0, 1, 2, 3, 4, 5]),
        ({"record": "suppliers/one", "tree_size": 6}, [0, 1, 2, 3, 4, 5]),
        ({"entities": ("entities/south",)}, [6, 7, 8, 9]),
    ],
)
def test_what_answers_a_question_is_handed_out_with_its_proofs(
    clients: Clients, auditor: Auditor, asked: dict[str, Any], found: list[int]
) -> None:
    bundle = auditor.exported(clients, **asked)
    assert places(bundle.read_bytes()) == found
    verdict = auditor.verdict(bundle, witnesses=())
    assert (verdict.holds, verdict.is_complete, verdict.leaves) == (True, False, len(found))


@pytest.mark.usefixtures("auditor")
def test_a_time_selects(clients: Clients) -> None:
    start, end = Timestamp(), Timestamp()
    start.FromDatetime(BEGINNING + timedelta(seconds=4))
    end.FromDatetime(BEGINNING + timedelta(seconds=6))
    assert places(exported(clients, start_time=start, end_time=end)) == [3, 4, 9]


def test_a_bundle_continues_the_checkpoint_that_the_auditor_keeps(clients: Clients, auditor: Auditor) -> None:
    kept = auditor.checkpoint(auditor.exported(clients, tree_size=6))
    bundle = auditor.exported(clients, record="suppliers/two", earlier_tree_size=6)
    verdict = auditor.verdict(bundle, witnesses=(), earlier=kept)
    assert (verdict.holds, verdict.continues) == (True, 6)
    assert auditor.verdict(auditor.exported(clients), witnesses=(), earlier=kept).holds


def test_the_same_question_gives_the_same_bytes(clients: Clients, auditor: Auditor) -> None:
    asked: dict[str, Any] = {"record": "suppliers/one", "tree_size": 10, "earlier_tree_size": 6}
    first = exported(clients, **asked)
    auditor.service.record(history("suppliers/one", [7]))
    assert exported(clients, **asked) == first


def test_a_large_log_comes_in_pieces_and_is_proven(clients: Clients, auditor: Auditor) -> None:
    for batch in range(3):
        revisions = range(batch * 750 + 1, batch * 750 + 751)
        auditor.service.record(history("suppliers/large", revisions, reason="x" * 300))
    bundle = auditor.exported(clients)
    assert bundle.stat().st_size > 4 * PIECE_BYTES
    assert auditor.verdict(bundle, witnesses=()).holds


def test_the_newest_cosigned_checkpoint_is_handed_out_with_its_cosignature(
    clients: Clients, auditor: Auditor, database: Database, tmp_path: Path
) -> None:
    with witnesses.witness(tmp_path) as witness:
        started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
    auditor.service.record(history("suppliers/one", [7]))
    verdict = auditor.verdict(auditor.exported(clients, record="suppliers/two"))
    assert (verdict.holds, verdict.checkpoint.size) == (True, 10)
    assert [each.witness for each in verdict.cosignatures] == [WITNESS.name]


def test_who_asks_for_a_leaf_that_is_not_yet_cosigned_is_told_which_checkpoint_was_looked_below(
    clients: Clients, auditor: Auditor, database: Database, tmp_path: Path
) -> None:
    with witnesses.witness(tmp_path) as witness:
        started_witnessing(database, witnesses.settings(tmp_path, witness.port))()
    auditor.service.record(history("suppliers/new", [1]))
    error = refusal(lambda: exported(clients, record="suppliers/new"))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert "below the checkpoint of 10 leaves" in error.message


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"record": "suppliers/none"}, reasons.ERROR_REASON_RECORD_NOT_FOUND),
        ({"entities": ("entities/none",)}, reasons.ERROR_REASON_RECORD_NOT_FOUND),
        ({"tree_size": 7}, reasons.ERROR_REASON_RECORD_NOT_FOUND),
        ({"earlier_tree_size": 7}, reasons.ERROR_REASON_RECORD_NOT_FOUND),
        ({"earlier_tree_size": 11}, reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        ({"tree_size": -1}, reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        ({"record": "a\x00b"}, reasons.ERROR_REASON_CONSTRAINT_VIOLATED),
        ({"permissions": (READ,)}, reasons.ERROR_REASON_PERMISSION_MISSING),
    ],
)
@pytest.mark.usefixtures("auditor")
def test_what_cannot_be_handed_out_is_told(clients: Clients, asked: dict[str, Any], reason: int) -> None:
    assert refusal(lambda: exported(clients, **asked)).reason == reason


def test_an_export_is_evidence_of_who_asked_for_what(clients: Clients, auditor: Auditor) -> None:
    first = auditor.verdict(auditor.exported(clients, record="suppliers/two"), witnesses=())
    with Bundle(auditor.exported(clients, source_service="audit")) as opened:
        (kept,) = (Leaf.FromString(leaf.data or b"") for leaf in opened.leaves())
    assert first.checkpoint.size == 10
    assert json.loads(kept.question.asked) == {"record": "suppliers/two"}
    assert (kept.actor, kept.method) == ("tester", "/concord.audit.v1.BundleService/ExportBundle")


def test_a_log_that_can_keep_nothing_hands_out_what_shows_it(
    clients: Clients, auditor: Auditor, migrated: MigratedDatabase
) -> None:
    with migrated.opened_by_owner() as owner, owner.transaction() as connection:
        driver(connection).execute("ALTER TABLE leaves DISABLE TRIGGER ALL")
        driver(connection).execute("DELETE FROM leaves WHERE leaf_index = 9")
    verdict = auditor.verdict(auditor.exported(clients), witnesses=())
    assert not verdict.holds


@pytest.mark.usefixtures("auditor")
def test_the_command_line_exports_and_verifies(clients: Clients, tmp_path: Path) -> None:
    concord = CommandLine(tmp_path)
    concord.configure(audit=f"127.0.0.1:{clients.port}")
    concord.log_in(clients.issuer, (EXPORT,))
    key, kept, bundle = tmp_path / "log.vkey", tmp_path / "kept.checkpoint", tmp_path / "two.zip"
    key.write_text(f"{KEY.verifier}\n")
    kept.write_bytes(zipfile.ZipFile(io.BytesIO(exported(clients, tree_size=6))).read("checkpoint"))
    concord.done("audit", "export", str(bundle), "--record", "suppliers/two", "--earlier", str(kept))
    told = concord.done_unbounded("audit", "verify", str(bundle), "--key", str(key), "--earlier", str(kept))
    assert told.startswith("Proven: 4 of 11 leaves are in the log audit.example.org/log")
    assert "continues the checkpoint of 6 leaves that you hold" in " ".join(told.split())
    shown = concord.asked("audit", "verify", str(bundle), "--key", str(key))
    assert (shown["holds"], shown["leaves"], shown["complete"]) == (True, 4, False)
    bundle.write_bytes(bundle.read_bytes().replace(b'"revision":3', b'"revision":9'))
    refused = concord("audit", "verify", str(bundle), "--key", str(key))
    assert refused.status == 2
    assert concord("audit", "export", str(bundle), "--record", "suppliers/none").status == 1


def test_leaves_of_a_record_with_signs_of_every_kind_are_proven(clients: Clients, auditor: Auditor) -> None:
    auditor.service.record([leaf_bytes('suppliers/"ü\n\u2028', 1)])
    assert auditor.verdict(auditor.exported(clients), witnesses=()).holds
