"""Conflicts as evidence: that somebody sent other bytes than the log holds is a leaf before it is refused."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1.act_pb2 import Denial
from services.audit.domain.leaf import IncomingLeaf, decode
from services.audit.domain.sequencing import LeafConflictError
from services.audit.storage.leaf_log import LeafLog
from services.audit.transport.question_log import SERVICE
from services.audit.transport.rendering import NAME_PREFIX
from services.mesh.identity.caller import Caller
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.leaf import Origin
from services.mesh.server import Call

_REASON = "LEAF_CONFLICT"


class ConflictLog:
    """Keeps of each caller what it sent for each leaf that is held, once: a relay sends again until it is stopped."""

    def __init__(self, log: LeafLog, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._log = log
        self._now = now

    def keep(self, conflict: LeafConflictError, sent_hash: bytes, call: Call) -> None:
        """Append the leaf of a refusal, after which it is on disk; `sent_hash` is that of the leaf that was refused.

        Raises ConcordError as `LeafLog.append`: what cannot be kept yet is sent again, and refused then.
        """
        now = self._now()
        leaf_index = conflict.held.leaf_index
        last_time = Timestamp()
        last_time.FromDatetime(now)
        denial = Denial(
            reason=_REASON,
            resource=f"{NAME_PREFIX}{leaf_index}",
            attempts=1,
            last_time=last_time,
            sent_leaf_hash=sent_hash,
        )
        place = Place(SERVICE, _series(leaf_index, sent_hash, call.caller), 1)
        entities = () if call.caller.sees_every_entity else call.caller.entities
        data = act_leaf(place, denial, Origin.of(call, call.request_id_header), entities, now)
        try:
            self._log.append([IncomingLeaf.of(decode(data), data)])
        except LeafConflictError:
            # The leaf of the first time is held: it says another time, and all else alike.
            return


def _series(leaf_index: int, sent_hash: bytes, caller: Caller) -> str:
    """Return the same name whenever the same caller sends the same."""
    told = "\x00".join((str(leaf_index), sent_hash.hex(), caller.subject, caller.client))
    return hashlib.sha256(told.encode()).hexdigest()
