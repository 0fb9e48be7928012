"""One RPC that a server serves: its contract, its policy, its handler."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from services.mesh.call import Call
from services.mesh.contract.governance import MethodPolicy, method_policy
from services.mesh.server.service import GrpcService, Handler

Single = Callable[[Any, Call], Any]
"""A stage of RPCs with one response."""

Streamed = Callable[[Any, Call], Iterator[Any]]
"""A stage of RPCs with a stream of responses."""


@dataclass(frozen=True)
class Method:
    """What the stages know of an RPC when they wrap its handler."""

    policy: MethodPolicy
    request_type: type[Message]
    response_type: type[Message]
    takes_stream: bool
    gives_stream: bool
    validated: bool
    handler: Handler


def methods_of(services: Sequence[GrpcService]) -> list[Method]:
    """Match handlers with contracts.

    Raises ValueError, naming all of them, for services and methods that are unknown, carry no policy, or have no
    handler: a server that would serve less or more than its contract does not start.
    """
    mistakes: list[str] = []
    methods: list[Method] = []
    for service in services:
        methods += _methods_of(service, mistakes)
    if mistakes:
        raise ValueError("can't be served: " + "; ".join(mistakes))
    return methods


def _methods_of(service: GrpcService, mistakes: list[str]) -> list[Method]:
    try:
        descriptor = descriptor_pool.Default().FindServiceByName(service.full_name)
    except KeyError:
        mistakes.append(f"{service.full_name} is in no contract that is loaded here")
        return []
    declared = {method.name for method in descriptor.methods}
    named = {*service.handlers, *service.self_validated}
    mistakes += [f"{service.full_name} has no method {name}" for name in sorted(named - declared)]
    mistakes += [f"{service.full_name}.{name} has no handler" for name in sorted(declared - {*service.handlers})]
    found = []
    for method in descriptor.methods:
        policy = method_policy(method)
        if policy is None:
            mistakes.append(f"{service.full_name}.{method.name} carries no policy")
        elif method.name in service.handlers:
            found.append(_method(service, method, policy))
    return found


def _method(service: GrpcService, method: MethodDescriptor, policy: MethodPolicy) -> Method:
    return Method(
        policy=policy,
        request_type=message_factory.GetMessageClass(method.input_type),
        response_type=message_factory.GetMessageClass(method.output_type),
        takes_stream=method.client_streaming,
        gives_stream=method.server_streaming,
        validated=method.name not in service.self_validated,
        handler=service.handlers[method.name],
    )
