"""Questions as evidence: each is a leaf in the log before it is answered."""

from collections.abc import Callable
from datetime import UTC, datetime

import uuid_utils
from google.protobuf import json_format
from google.protobuf.message import Message

from concord.audit.v1.act_pb2 import Question
from services.audit.domain.leaf import IncomingLeaf, decode
from services.audit.storage.leaf_log import LeafLog
from services.mesh.records.act import Place, act_leaf
from services.mesh.records.leaf import Origin
from services.mesh.server import Call

SERVICE = "audit"


class QuestionLog:
    """Keeps questions. Keeping one is no question, so no question leads to another."""

    def __init__(self, log: LeafLog, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._log = log
        self._now = now

    def keep(self, request: Message, call: Call) -> int:
        """Append the leaf of a question and return its place, after it is on disk.

        The answer is to be about the leaves before it. Raises ConcordError as `LeafLog.append`: what cannot be kept
        is not answered.
        """
        asked = json_format.MessageToJson(request, preserving_proto_field_name=True, indent=None, ensure_ascii=False)
        place = Place(SERVICE, str(uuid_utils.uuid7()), 1)
        entities = () if call.caller.sees_every_entity else call.caller.entities
        origin = Origin.of(call, call.request_id_header)
        data = act_leaf(place, Question(asked=asked), origin, entities, self._now())
        return self._log.append([IncomingLeaf.of(decode(data), data)]).receipts[0].leaf_index
