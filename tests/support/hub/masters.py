"""One master as callers meet it: the standard methods of any record type, by the names that its service gives them."""

import itertools
import uuid
from collections.abc import Sequence
from typing import Any

from google.protobuf import descriptor_pool
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from concord.mdm.v1 import change_pb2
from services.mdm.domain.record_type import RecordType
from tests.support.hub.served import Client, ServedHub
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import for_stewards, sample
from tests.support.waiting import eventually

numbers = itertools.count(1)
"""Numbers for samples: each is given once, so that tests that share a hub don't meet each other's records."""


def rid() -> str:
    """Return a request id."""
    return str(uuid.uuid4())


class Master:
    """The methods of one record type, for one caller."""

    def __init__(self, record_type: RecordType, client: Client, mesh: ServedHub) -> None:
        self.record_type = record_type
        self.client = client
        self.mesh = mesh
        one = record_type.descriptor.name
        many = "".join(word.capitalize() for word in record_type.plural.split("_"))
        names = {
            "get": f"Get{one}",
            "batch_get": f"BatchGet{many}",
            "list": f"List{many}",
            "lookup": f"Lookup{one}",
            "search": f"Search{many}",
            "explain": f"Explain{one}",
            "list_revisions": f"List{one}Revisions",
            "create": f"Create{one}",
            "update": f"Update{one}",
            "delete": f"Delete{one}",
            "undelete": f"Undelete{one}",
            "merge": f"Merge{many}",
            **({"close": f"Close{one}"} if record_type.period_field else {}),
        }
        service = descriptor_pool.Default().FindServiceByName(record_type.service)
        self._methods = {verb: service.methods_by_name[name] for verb, name in names.items()}

    @property
    def verbs(self) -> Sequence[str]:
        """The methods that the type has."""
        return tuple(self._methods)

    def as_caller(self, client: Client) -> "Master":
        """Return the same for another caller."""
        return Master(self.record_type, client, self.mesh)

    def request(self, verb: str, **fields: Any) -> Any:
        """Return a request; `record` is the field that holds the record."""
        message = GetMessageClass(self._methods[verb].input_type)
        if "record" in fields:
            fields[self.record_type.singular] = fields.pop("record")
        if "request_id" in message.DESCRIPTOR.fields_by_name:
            fields.setdefault("request_id", rid())
        if isinstance(fields.get("update_mask"), list):
            fields["update_mask"] = FieldMask(paths=fields["update_mask"])
        return message(**fields)

    def send(self, verb: str, request: Message) -> Any:
        """Send a request; return the response."""
        return self.send_bytes(verb, request.SerializeToString())

    def send_bytes(self, verb: str, request: bytes) -> Any:
        """Send a request as it goes over the wire; return the response."""
        method = self._methods[verb]
        call: Any = self.client.channel.unary_unary(
            f"/{self.record_type.service}/{method.name}",
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        return call(request)

    def call(self, verb: str, **fields: Any) -> Any:
        """Call a method with a request of these fields; return the response."""
        return self.send(verb, self.request(verb, **fields))

    def record(self, verb: str, **fields: Any) -> Any:
        """Call a method; return the record in its response."""
        return getattr(self.call(verb, **fields), self.record_type.singular)

    def records(self, verb: str, **fields: Any) -> list[Any]:
        """Call a method; return the records in its response."""
        return list(getattr(self.call(verb, **fields), self.record_type.plural))

    def listed(self, **fields: Any) -> list[str]:
        """Return the names of all records that a list gives."""
        return [record.name for record in self.records("list", page_size=1000, **fields)]

    def created(self) -> Any:
        """Create a record as a steward."""
        return self.record("create", record=for_stewards(self.record_type, next(numbers)))

    def submitted(self, number: int | None = None) -> Any:
        """Let the ERP submit a whole sample, under the key of its number; return the golden record."""
        number = next(numbers) if number is None else number
        said = statement("systems/erp", self.key(number), sample(self.record_type, number))
        (answer,) = submit(self.client, said)
        return self.record("get", name=answer.golden_record)

    def key(self, number: int) -> str:
        """Return a system's key for a sample."""
        return f"{self.record_type.name} {number}"

    def published_time(self) -> Timestamp:
        """Wait until everything is published; return when the last of it was."""
        state = change_pb2.GetFeedStateRequest()
        eventually(lambda: self.client.changes.GetFeedState(state).unpublished_count == 0)
        moment: Any = self.mesh.hub.rows("SELECT max(published_at) FROM positions")[0][0]
        time = Timestamp()
        time.FromDatetime(moment)
        return time
