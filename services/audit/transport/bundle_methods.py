"""BundleService: evidence and its proofs, as a file."""

import itertools
import logging
from collections.abc import Iterator

from concord.audit.v1 import bundle_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.bundle import (
    CHECKPOINT,
    CONSISTENCY,
    EARLIER_CHECKPOINT,
    LEAVES,
    BundledLeaf,
    Member,
    consistency_lines,
    proof_name,
    written,
)
from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.question import LeafFilter
from services.audit.domain.tlog_proof import tlog_proof
from services.audit.storage.bundle_reader import BundleReader
from services.audit.storage.cosignatures import Cosignatures
from services.audit.storage.tree_reader import TreeReader
from services.audit.transport.absence import checkpoint_of, not_found
from services.audit.transport.asking import filter_of, scope_of
from services.audit.transport.question_log import QuestionLog
from services.mesh.contract.validation import constraint_violated
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server import Call, GrpcService

_log = logging.getLogger(__name__)


class BundleMethods:
    """The handlers of `concord.audit.v1.BundleService`; what they raise is in the contract."""

    def __init__(
        self, tree: TreeReader, reader: BundleReader, cosignatures: Cosignatures, questions: QuestionLog
    ) -> None:
        self._tree = tree
        self._reader = reader
        self._cosignatures = cosignatures
        self._questions = questions

    def service(self) -> GrpcService:
        """Return the handlers by method name."""
        return GrpcService("concord.audit.v1.BundleService", {"ExportBundle": self.export_bundle})

    def export_bundle(
        self, request: bundle_pb2.ExportBundleRequest, call: Call
    ) -> Iterator[bundle_pb2.ExportBundleResponse]:
        """Stream a bundle, of a log as it was before it kept this question."""
        wanted, scope = filter_of(request), scope_of(call)
        checkpoint = checkpoint_of(self._tree, request.tree_size or self._cosignatures.newest_size())
        earlier = self._earlier(request.earlier_tree_size, checkpoint)
        self._keep(request, call)
        leaves = self._reader.leaves(wanted, scope, checkpoint.tree_size)
        if wanted == LeafFilter() and scope is None:
            members = self._complete(checkpoint, leaves)
        else:
            members = self._selection(checkpoint, _not_empty(leaves, checkpoint))
        for piece in written(itertools.chain(members, earlier)):
            yield bundle_pb2.ExportBundleResponse(data=piece)

    def _keep(self, request: bundle_pb2.ExportBundleRequest, call: Call) -> None:
        """Keep the question, unless the log can keep nothing: what shows that it was changed has to come out of it."""
        try:
            self._questions.keep(request, call)
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_LOG_INCONSISTENT:
                raise
            _log.critical("the log is inconsistent: an export for %s is not kept as a question", call.caller.subject)

    def _complete(self, checkpoint: SignedCheckpoint, leaves: Iterator[BundledLeaf]) -> Iterator[Member]:
        yield Member(CHECKPOINT, [self._note(checkpoint)])
        yield Member(LEAVES, (leaf.line() for leaf in leaves))

    def _selection(self, checkpoint: SignedCheckpoint, leaves: Iterator[BundledLeaf]) -> Iterator[Member]:
        places: list[int] = []

        def lines() -> Iterator[bytes]:
            for leaf in leaves:
                places.append(leaf.index)
                yield leaf.line()

        note = self._note(checkpoint)
        yield Member(CHECKPOINT, [note])
        yield Member(LEAVES, lines())
        for place in places:
            hashes = self._tree.inclusion_proof(place, checkpoint.tree_size)
            yield Member(proof_name(place), [tlog_proof(place, hashes, note.decode()).encode()])

    def _earlier(self, tree_size: int, checkpoint: SignedCheckpoint) -> list[Member]:
        if not tree_size:
            return []
        if tree_size > checkpoint.tree_size:
            told = f"must not be above the bundle's own checkpoint, of {checkpoint.tree_size} leaves"
            raise constraint_violated([FieldViolation("earlier_tree_size", told)])
        hashes = self._tree.consistency_proof(tree_size, checkpoint.tree_size)
        note = self._note(checkpoint_of(self._tree, tree_size))
        return [Member(EARLIER_CHECKPOINT, [note]), Member(CONSISTENCY, [consistency_lines(hashes)])]

    def _note(self, checkpoint: SignedCheckpoint) -> bytes:
        return (checkpoint.note + self._cosignatures.lines(checkpoint.tree_size)).encode()


def _not_empty(leaves: Iterator[BundledLeaf], checkpoint: SignedCheckpoint) -> Iterator[BundledLeaf]:
    """Return the leaves below a checkpoint, at least one. Raises ConcordError RECORD_NOT_FOUND."""
    first = next(leaves, None)
    if first is None:
        # The log may be ahead of what a witness has cosigned: whoever has just read a leaf has to be told.
        told = f"none answers the question below the checkpoint of {checkpoint.tree_size} leaves"
        raise not_found("Leaf", "", told)
    return itertools.chain([first], leaves)
