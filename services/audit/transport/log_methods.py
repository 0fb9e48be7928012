"""LogService: checkpoints, proofs and tiles."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1 import log_pb2
from services.audit.domain import tile
from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.signed_note import VerifierKey
from services.audit.domain.tile import TileAddress
from services.audit.domain.tlog_proof import tlog_proof
from services.audit.storage.tree_reader import TreeReader
from services.audit.transport.absence import checkpoint_of, not_found
from services.audit.transport.asking import leaf_index_of
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import FieldViolation
from services.mesh.server import Call, GrpcService


class LogMethods:
    """The handlers of `concord.audit.v1.LogService`; what they raise is in the contract."""

    def __init__(self, tree: TreeReader, verifiers: Sequence[VerifierKey]) -> None:
        self._tree = tree
        self._verifiers = [str(key) for key in verifiers]

    def service(self) -> GrpcService:
        """Return the handlers by method name."""
        return GrpcService(
            "concord.audit.v1.LogService",
            {
                "GetCheckpoint": self.get_checkpoint,
                "GetInclusionProof": self.get_inclusion_proof,
                "GetConsistencyProof": self.get_consistency_proof,
                "GetTile": self.get_tile,
            },
        )

    def get_checkpoint(self, request: log_pb2.GetCheckpointRequest, _call: Call) -> log_pb2.GetCheckpointResponse:
        """Return a checkpoint and the keys to compare with one's own."""
        checkpoint = checkpoint_of(self._tree, request.tree_size)
        return log_pb2.GetCheckpointResponse(checkpoint=_message(checkpoint), verifier_keys=self._verifiers)

    def get_inclusion_proof(
        self, request: log_pb2.GetInclusionProofRequest, _call: Call
    ) -> log_pb2.GetInclusionProofResponse:
        """Prove that a leaf is at its place."""
        leaf_index = leaf_index_of(request.name)
        newest, tiles = self._tree.newest_near(leaf_index)
        checkpoint = newest if newest and not request.tree_size else checkpoint_of(self._tree, request.tree_size)
        if leaf_index >= checkpoint.tree_size:
            raise not_found("Leaf", request.name, f"the checkpoint of {checkpoint.tree_size} leaves does not cover it")
        hashes = self._tree.inclusion_proof(leaf_index, checkpoint.tree_size, tiles)
        return log_pb2.GetInclusionProofResponse(
            hashes=hashes,
            checkpoint=_message(checkpoint),
            tlog_proof=tlog_proof(leaf_index, hashes, checkpoint.note),
        )

    def get_consistency_proof(
        self, request: log_pb2.GetConsistencyProofRequest, _call: Call
    ) -> log_pb2.GetConsistencyProofResponse:
        """Prove that a tree is the beginning of a larger one."""
        checkpoint = checkpoint_of(self._tree, request.second_tree_size)
        if request.first_tree_size > checkpoint.tree_size:
            told = f"must not be above the later one's, {checkpoint.tree_size}"
            raise constraint_violated([FieldViolation("first_tree_size", told)])
        hashes = self._tree.consistency_proof(request.first_tree_size, checkpoint.tree_size)
        return log_pb2.GetConsistencyProofResponse(hashes=hashes, checkpoint=_message(checkpoint))

    def get_tile(self, request: log_pb2.GetTileRequest, _call: Call) -> log_pb2.GetTileResponse:
        """Return hashes of the tree."""
        address = TileAddress(request.level, request.index)
        hashes = self._tree.tile(address, checkpoint_of(self._tree, request.tree_size).tree_size)
        if not hashes:
            raise not_found("Tile", tile.path(address), "the tree does not reach so far")
        return log_pb2.GetTileResponse(hashes=b"".join(hashes), path=tile.path(address, len(hashes)))


def _message(checkpoint: SignedCheckpoint) -> log_pb2.Checkpoint:
    sign_time = Timestamp()
    sign_time.FromDatetime(checkpoint.signed_at)
    return log_pb2.Checkpoint(
        tree_size=checkpoint.tree_size, root_hash=checkpoint.root, note=checkpoint.note, sign_time=sign_time
    )
