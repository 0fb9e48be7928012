"""Has the log's checkpoints cosigned, and sees to it that the log is not behind its own witness."""

import logging

from opentelemetry.metrics import Meter

from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.domain.checkpoint import SignedCheckpoint
from services.audit.domain.cosignature import Cosignature, FalseCosignatureError
from services.audit.storage.cosignatures import Cosignatures
from services.audit.storage.tree_reader import TreeReader
from services.audit.witness_client import ContradictedError, OtherSizeError, WitnessClient, WitnessUnreachableError
from services.mesh.errors import ConcordError

_log = logging.getLogger(__name__)


class Witnessing:
    """Sends the newest checkpoint to a witness, and keeps what it answers."""

    def __init__(self, tree: TreeReader, cosignatures: Cosignatures, witness: WitnessClient, meter: Meter) -> None:
        self._contradictions = meter.create_counter(
            "concord.audit.witness.contradictions", "{checkpoint}", "Comparisons that the log failed. An alarm."
        )
        self._contradictions.add(0)
        self._tree = tree
        self._cosignatures = cosignatures
        self._witness = witness

    def check(self) -> None:
        """Compare the log with what the witness has seen of it, before anything is served.

        A witness that does not answer is no reason not to record: it is told, and asked again by `work`. Raises
        ConcordError LOG_CONTRADICTS_WITNESS.
        """
        try:
            self._have_cosigned()
        except (WitnessUnreachableError, FalseCosignatureError) as error:
            _log.warning("not compared with the witness at the start: %s", error)

    def work(self) -> bool:
        """Have the newest checkpoint cosigned if it is not yet; nothing more is to be done at once.

        Raises WitnessUnreachableError, FalseCosignatureError, ConcordError LOG_CONTRADICTS_WITNESS, which is an alarm.
        """
        newest = self._tree.newest()
        if newest is not None and newest.tree_size > self._cosignatures.newest_size(self._witness.key):
            self._have_cosigned()
        return False

    def _have_cosigned(self) -> None:
        newest = self._tree.newest()
        if newest is None:
            return
        known = self._cosignatures.newest_size(self._witness.key)
        try:
            given = self._submitted(newest, known)
        except OtherSizeError as told:
            if told.size < known:
                _log.warning(
                    "%s has lost what it cosigned: %d leaves, not %d", self._witness.key.name, told.size, known
                )
            newest = self._not_behind(told.size)
            try:
                given = self._submitted(newest, told.size)
            except OtherSizeError:
                # Another replica was quicker; the next round sees what it kept.
                return
        self._cosignatures.keep(newest.tree_size, given)

    def _submitted(self, newest: SignedCheckpoint, old_size: int) -> Cosignature:
        if old_size > newest.tree_size:
            raise self._contradiction(newest, old_size, "the log is shorter than what was cosigned")
        proof = self._tree.consistency_proof(old_size, newest.tree_size) if old_size else []
        try:
            return self._witness.cosignature(old_size, proof, newest.note)
        except ContradictedError as error:
            raise self._contradiction(newest, old_size, str(error)) from error

    def _not_behind(self, witnessed: int) -> SignedCheckpoint:
        """Read the newest checkpoint again: another replica may have signed and shown a newer one."""
        newest = self._tree.newest()
        assert newest is not None  # noqa: S101 - there was one, and checkpoints are never removed
        if witnessed > newest.tree_size:
            raise self._contradiction(newest, witnessed, "the log is shorter than what was cosigned")
        return newest

    def _contradiction(self, newest: SignedCheckpoint, witnessed: int, told: str) -> ConcordError:
        name = self._witness.key.name
        self._contradictions.add(1)
        _log.error("alarm: the log of %d leaves contradicts what %s cosigned: %s", newest.tree_size, name, told)
        metadata = {
            "witness": name,
            "tree_size": str(newest.tree_size),
            "witnessed_tree_size": str(witnessed),
        }
        message = f"the log has {newest.tree_size} leaves and contradicts what {name} cosigned at {witnessed}: {told}"
        return ConcordError(reasons.ERROR_REASON_LOG_CONTRADICTS_WITNESS, message, metadata=metadata)
