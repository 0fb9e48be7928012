"""`concord audit checkpoint`, `proof` and `tiles`, against a served audit."""

from pathlib import Path

import pytest

from concord.audit.v1.audit_pb2 import AppendLeavesRequest
from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from services.audit.domain.checkpoint import Checkpoint
from services.audit.domain.leaf import leaf_hash
from services.audit.domain.signed_note import SignedNote, sign
from services.audit.domain.tile import TileAddress, path
from tests.service.audit.conftest import PROVE, READ, Clients
from tests.support.audit.leaves import history
from tests.support.audit.log_keys import KEY, ORIGIN
from tests.support.command_line import CommandLine
from tests.support.merkle.naive_tree import naive_root

LEAVES = history("suppliers/one", range(1, 601))
HASHES = [leaf_hash(leaf) for leaf in LEAVES]


@pytest.fixture
def concord(clients: Clients, tmp_path: Path) -> CommandLine:
    command_line = CommandLine(tmp_path)
    command_line.configure(audit=f"127.0.0.1:{clients.port}")
    command_line.log_in(clients.issuer, (READ, PROVE))
    return command_line


def append(audit: AuditServiceStub, start: int, end: int) -> None:
    audit.AppendLeaves(AppendLeavesRequest(leaves=LEAVES[start:end]))


def files(directory: Path) -> dict[str, bytes]:
    return {str(file.relative_to(directory)): file.read_bytes() for file in directory.rglob("*") if file.is_file()}


def test_a_checkpoint_is_printed_as_the_note_that_was_signed(audit: AuditServiceStub, concord: CommandLine) -> None:
    append(audit, 0, 10)
    append(audit, 10, 20)
    note = SignedNote.parse(concord.done_unbounded("audit", "checkpoint", "--size", "10"))
    assert note.signers([KEY.verifier])
    assert Checkpoint.parse(note.text) == Checkpoint(ORIGIN, 10, naive_root(HASHES[:10]))
    assert concord.done_unbounded("audit", "checkpoint", "--keys") == f"{KEY.verifier}\n"
    assert concord.asked("audit", "checkpoint")["checkpoint"]["tree_size"] == "20"
    assert concord("audit", "checkpoint", "--size", "15").status == 1


def test_evidence_is_proven_by_its_record_and_revision(audit: AuditServiceStub, concord: CommandLine) -> None:
    append(audit, 0, 20)
    by_place = concord.done_unbounded("audit", "proof", "leaves/6")
    assert by_place.startswith("c2sp.org/tlog-proof@v1\nindex 6\n")
    # To find the leaf of a revision is a question, and so a leaf more: the proof is of a larger tree.
    assert concord.done_unbounded("audit", "proof", "suppliers/one@7").startswith("c2sp.org/tlog-proof@v1\nindex 6\n")
    assert concord("audit", "proof", "suppliers/one@99").status == 2


def test_tiles_are_written_as_the_layout_says_and_brought_up_to_date(
    audit: AuditServiceStub, concord: CommandLine, tmp_path: Path
) -> None:
    directory = tmp_path / "tiles"
    append(audit, 0, 300)
    assert concord.asked("audit", "tiles", str(directory)) == {"tree_size": 300, "tiles_written": 3}
    append(audit, 300, 600)
    (directory / "tile/0/000").unlink()
    assert concord.asked("audit", "tiles", str(directory)) == {"tree_size": 600, "tiles_written": 4}
    assert concord.asked("audit", "tiles", str(directory)) == {"tree_size": 600, "tiles_written": 0}
    held = files(directory)
    assert Checkpoint.parse(SignedNote.parse(held["checkpoint"].decode()).text).tree_size == 600
    assert held[path(TileAddress(0, 0))] == b"".join(HASHES[:256])
    assert held[path(TileAddress(0, 1))] == b"".join(HASHES[256:512])
    assert held[path(TileAddress(0, 2), 88)] == b"".join(HASHES[512:])
    assert held[path(TileAddress(1, 0), 2)] == naive_root(HASHES[:256]) + naive_root(HASHES[256:512])


def test_tiles_of_another_log_or_of_a_larger_one_are_not_mixed_in(
    audit: AuditServiceStub, concord: CommandLine, tmp_path: Path
) -> None:
    append(audit, 0, 10)
    for checkpoint, told in (
        (Checkpoint("other.example.org/log", 5, bytes(32)), "other.example.org/log"),
        (Checkpoint(ORIGIN, 11, bytes(32)), "is of 11 leaves, but the log has 10"),
    ):
        (tmp_path / "checkpoint").write_text(sign(checkpoint.text(), [KEY]))
        said = concord("audit", "tiles", str(tmp_path), "--json")
        assert said.status == 2
        assert told in said.error["message"]
        assert not (tmp_path / "tile").exists()
