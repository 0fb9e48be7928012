"""Responses: each RPC answers with a message of its own."""

from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.mesh.server import Call


class Responses:
    """Makes the response of whatever RPC of a service is being called."""

    def __init__(self, service: str) -> None:
        methods = descriptor_pool.Default().FindServiceByName(service).methods
        self._classes = {f"/{service}/{method.name}": GetMessageClass(method.output_type) for method in methods}

    def __call__(self, call: Call, **fields: object) -> Message:
        """Return the response of the RPC that is being called, with these fields."""
        return self._classes[call.policy.full_name](**fields)
