"""Pruned leaves as auditors meet them: shown as such, and proven like all others."""

import json
import zipfile
from datetime import timedelta
from pathlib import Path

from concord.audit.v1.audit_pb2 import GetLeafRequest, ListLeavesRequest
from services.audit.storage.leaf_log import LeafLog
from services.audit.storage.pruning import LeafPruning
from services.mesh.postgres.database import Database
from tests.service.audit.auditing import Auditor, Service
from tests.service.audit.conftest import READ, Clients
from tests.support.audit.leaves import history
from tests.support.audit.log_keys import SIGNER


def test_a_pruned_leaf_is_shown_as_such_and_a_bundle_with_it_is_proven_offline(
    clients: Clients, database: Database, tmp_path: Path
) -> None:
    auditor = Auditor(tmp_path, Service(clients))
    auditor.service.record(history("suppliers/one", range(1, 7)))
    kept = auditor.checkpoint(auditor.exported(clients))
    LeafPruning(database, LeafLog(database, SIGNER), timedelta(0)).work()
    auditor.service.record(history("suppliers/one", [7]))
    with clients.stub(clients.granted(READ)) as audit:
        entry = audit.GetLeaf(GetLeafRequest(name="leaves/2")).leaf
        listed = audit.ListLeaves(ListLeavesRequest(record="suppliers/one")).leaves
    assert (entry.pruned, entry.leaf_bytes) == (True, b"")
    assert (entry.leaf.record, entry.leaf.revision, entry.leaf.actor) == ("suppliers/one", 3, "steward")
    assert [each.pruned for each in listed] == [True] * 6 + [False]
    for asked in ({}, {"record": "suppliers/one"}):
        bundle = auditor.exported(clients, earlier_tree_size=6, **asked)
        with zipfile.ZipFile(bundle) as archive:
            leaves = [json.loads(line)["leaf"] for line in archive.read("leaves.jsonl").splitlines()]
        assert leaves[:6] == [None] * 6
        verdict = auditor.verdict(bundle, witnesses=(), earlier=kept)
        assert (verdict.findings, verdict.continues) == ((), 6)
