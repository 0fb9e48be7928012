"""LogService over a real channel: what an auditor asks for, and a key that is rotated."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from concord.audit.v1 import log_pb2
from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.audit.v1.log_pb2_grpc import LogServiceStub
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import Checkpoint, LogSigner
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.merkle import is_consistent, is_included
from services.audit.domain.signed_note import SignedNote
from services.development.issuer import DevelopmentIssuer
from services.mesh.configuration import ConfigurationError
from tests.service.audit.conftest import APPEND, PROVE, Clients, refusal, replica
from tests.support.audit.leaves import history, leaf_bytes
from tests.support.audit.log_keys import KEY, NEWER_KEY, ORIGIN, SIGNER
from tests.support.database.databases import MigratedDatabase
from tests.support.merkle.naive_tree import naive_root

LEAVES = history("suppliers/one", range(1, 301))
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


@pytest.fixture
def log(clients: Clients, audit: AuditServiceStub) -> Iterator[LogServiceStub]:
    """Hold a log of three hundred leaves, appended in three requests."""
    for start in range(0, 300, 100):
        audit.AppendLeaves(AppendLeavesRequest(leaves=LEAVES[start : start + 100]))
    with clients.log(PROVE) as stub:
        yield stub


def test_a_checkpoint_and_its_keys_are_shown(log: LogServiceStub) -> None:
    answer = log.GetCheckpoint(log_pb2.GetCheckpointRequest())
    note = SignedNote.parse(answer.checkpoint.note)
    assert note.signers([KEY.verifier])
    assert Checkpoint.parse(note.text) == Checkpoint(ORIGIN, 300, naive_root(HASHES))
    assert (answer.checkpoint.tree_size, answer.checkpoint.root_hash) == (300, naive_root(HASHES))
    assert list(answer.verifier_keys) == [str(KEY.verifier)]
    earlier = log.GetCheckpoint(log_pb2.GetCheckpointRequest(tree_size=200))
    assert earlier.checkpoint.root_hash == naive_root(HASHES[:200])


def test_a_leaf_is_proven_in_the_newest_tree_and_in_an_earlier_one(log: LogServiceStub) -> None:
    for tree_size in (0, 100):
        answer = log.GetInclusionProof(log_pb2.GetInclusionProofRequest(name="leaves/42", tree_size=tree_size))
        checkpoint = answer.checkpoint
        assert is_included(HASHES[42], 42, checkpoint.tree_size, answer.hashes, checkpoint.root_hash)
        assert checkpoint.tree_size == (tree_size or 300)
        assert answer.tlog_proof.startswith("c2sp.org/tlog-proof@v1\nindex 42\n")
        assert answer.tlog_proof.endswith(f"\n\n{checkpoint.note}")


def test_an_earlier_log_is_proven_to_be_the_beginning_of_a_later_one(log: LogServiceStub) -> None:
    answer = log.GetConsistencyProof(log_pb2.GetConsistencyProofRequest(first_tree_size=77))
    roots = naive_root(HASHES[:77]), answer.checkpoint.root_hash
    assert is_consistent(77, 300, *roots, answer.hashes)


def test_tiles_come_with_the_place_where_the_layout_keeps_them(log: LogServiceStub) -> None:
    full = log.GetTile(log_pb2.GetTileRequest(level=0, index=0))
    partial = log.GetTile(log_pb2.GetTileRequest(level=0, index=1))
    above = log.GetTile(log_pb2.GetTileRequest(level=1, index=0))
    earlier = log.GetTile(log_pb2.GetTileRequest(level=0, index=0, tree_size=100))
    assert (full.path, full.hashes) == ("tile/0/000", b"".join(HASHES[:256]))
    assert (partial.path, partial.hashes) == ("tile/0/001.p/44", b"".join(HASHES[256:]))
    assert (above.path, above.hashes) == ("tile/1/000.p/1", naive_root(HASHES[:256]))
    assert (earlier.path, earlier.hashes) == ("tile/0/000.p/100", b"".join(HASHES[:100]))


def test_what_the_log_does_not_have_is_told(log: LogServiceStub) -> None:
    asked = [
        lambda: log.GetCheckpoint(log_pb2.GetCheckpointRequest(tree_size=250)),
        lambda: log.GetInclusionProof(log_pb2.GetInclusionProofRequest(name="leaves/300")),
        lambda: log.GetInclusionProof(log_pb2.GetInclusionProofRequest(name="leaves/150", tree_size=100)),
        lambda: log.GetConsistencyProof(log_pb2.GetConsistencyProofRequest(first_tree_size=7, second_tree_size=250)),
        lambda: log.GetTile(log_pb2.GetTileRequest(level=0, index=2)),
        lambda: log.GetTile(log_pb2.GetTileRequest(level=7, index=2**63 - 1)),
    ]
    assert {refusal(call).reason for call in asked} == {reasons.ERROR_REASON_RECORD_NOT_FOUND}


def test_questions_that_make_no_sense_name_the_field(log: LogServiceStub) -> None:
    asked = {
        "name": lambda: log.GetInclusionProof(log_pb2.GetInclusionProofRequest(name="leaves/-1")),
        "first_tree_size": lambda: log.GetConsistencyProof(
            log_pb2.GetConsistencyProofRequest(first_tree_size=200, second_tree_size=100)
        ),
        "level": lambda: log.GetTile(log_pb2.GetTileRequest(level=8)),
        "tree_size": lambda: log.GetCheckpoint(log_pb2.GetCheckpointRequest(tree_size=-1)),
    }
    assert {field: refusal(call).violations[0].field for field, call in asked.items()} == {each: each for each in asked}


def test_proofs_are_for_those_who_may_ask_for_them(clients: Clients) -> None:
    with clients.log(APPEND) as stub:
        error = refusal(lambda: stub.GetCheckpoint(log_pb2.GetCheckpointRequest()))
    assert error.reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_a_rotated_key_signs_on_and_what_the_old_one_signed_is_still_proven(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer, spans: InMemorySpanExporter
) -> None:
    both = LogSigner.of(ORIGIN, [NEWER_KEY, KEY])
    rotated = LogSigner.of(ORIGIN, [NEWER_KEY], [KEY.verifier])
    notes = []
    for revision, signer in enumerate((SIGNER, both, rotated), 1):
        with replica(migrated, issuer, spans, signer) as clients:
            with clients.stub(clients.granted(APPEND)) as audit:
                audit.AppendLeaves(AppendLeavesRequest(leaves=[leaf_bytes(revision=revision)]))
            with clients.log(PROVE) as log:
                notes.append(SignedNote.parse(log.GetCheckpoint(log_pb2.GetCheckpointRequest()).checkpoint.note))
                keys = list(log.GetCheckpoint(log_pb2.GetCheckpointRequest()).verifier_keys)
                old = log.GetInclusionProof(log_pb2.GetInclusionProofRequest(name="leaves/0", tree_size=1))
    assert keys == [str(NEWER_KEY.verifier), str(KEY.verifier)]
    assert [note.signers(both.verifiers) for note in notes] == [
        [KEY.verifier],
        [NEWER_KEY.verifier, KEY.verifier],
        [NEWER_KEY.verifier],
    ]
    assert SignedNote.parse(old.checkpoint.note).signers([KEY.verifier])


def test_a_log_of_other_keys_or_another_name_is_not_served(
    migrated: MigratedDatabase, issuer: DevelopmentIssuer, spans: InMemorySpanExporter
) -> None:
    with replica(migrated, issuer, spans):
        pass
    stranger = LogSigner.of(ORIGIN, [NEWER_KEY])
    with pytest.raises(ConfigurationError, match="signed by no known key"), replica(migrated, issuer, spans, stranger):
        pass
