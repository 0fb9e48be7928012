"""Call any method of the mesh with JSON: `python -m tools.call concord.mdm.v1.SupplierService/ListSuppliers '{}'`.

The request comes as an argument or on stdin and is read as protobuf's JSON, with the contract's own field names or
their camel-case form. Answers are printed as JSON, those of a stream one a line. An error is printed to stderr as the
mesh types it, and the exit status is 1.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from services.mesh.client import TokenFile, open_channel
from services.mesh.errors import ConcordError, from_rpc_error
from services.mesh.purpose import with_purpose
from tools.up import running

_REFUSED, _MISTAKEN = 1, 2

_Metadata: TypeAlias = tuple[tuple[str, str], ...]


class MistakeError(Exception):
    """The command line can't be carried out; the message says why."""


def main() -> int:
    """Make the call and return the exit status."""
    arguments = _parser().parse_args()
    try:
        method = find_method(arguments.method)
        request = read_request(method, arguments.request if arguments.request is not None else sys.stdin.read())
        target, token_file = _place(arguments)
        metadata = with_purpose(arguments.purpose, arguments.reason)
        with open_channel(target, token=TokenFile(token_file) if token_file else None) as channel:
            _print_answers(channel, method, request, metadata)
    except MistakeError as error:
        print(error, file=sys.stderr)
        return _MISTAKEN
    except grpc.RpcError as error:
        print(describe(from_rpc_error(error)), file=sys.stderr)
        return _REFUSED
    return 0


def find_method(name: str) -> MethodDescriptor:
    """Return the method `package.Service/Method` of the generated contracts. Raises MistakeError."""
    service_name, _, method_name = name.strip("/").partition("/")
    package, _, service = service_name.rpartition(".")
    services = dict(_services(package))
    if service not in services:
        raise MistakeError(f"no service {service!r} in {package!r}; there is {', '.join(sorted(services)) or 'none'}")
    methods = services[service].methods_by_name
    if method_name not in methods:
        raise MistakeError(f"no method {method_name!r} in {service}; there is {', '.join(methods)}")
    method: MethodDescriptor = methods[method_name]
    return method


def read_request(method: MethodDescriptor, text: str) -> Message:
    """Read a method's request from JSON. Raises MistakeError."""
    try:
        return json_format.Parse(text or "{}", GetMessageClass(method.input_type)())
    except json_format.ParseError as error:
        raise MistakeError(f"not a {method.input_type.name}: {error}") from error


def describe(error: ConcordError) -> str:
    """Say an error plainly: code, reason, message, and what exactly is wrong."""
    lines = [f"{error.code.name} {error.reason_name}: {error.message}"]
    lines += [f"  {violation.field}: {violation.description}" for violation in error.violations]
    lines += [f"  {name} = {value}" for name, value in error.metadata.items()]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.call", description="Call a method of the mesh with JSON.")
    parser.add_argument("method", help="such as concord.mdm.v1.SupplierService/ListSuppliers")
    parser.add_argument("request", nargs="?", help="the request as JSON; without it, it is read from stdin")
    parser.add_argument("--target", help="host:port; default: the service of the mesh that `make up` started")
    parser.add_argument("--token-file", type=Path, help="file with the access token")
    parser.add_argument("--purpose", default="", help="what the call is for; it becomes part of the evidence")
    parser.add_argument("--reason", default="", help="why it is made, such as a ticket; part of the evidence, too")
    return parser


def _services(package: str) -> Iterator[tuple[str, Any]]:
    """Yield the services of a package by name; nothing for a package that there is not."""
    if not package.startswith("concord."):
        return
    with contextlib.suppress(ModuleNotFoundError):
        for folder in import_module(package).__path__:
            for file in sorted(Path(folder).glob("*_pb2.py")):
                descriptor = import_module(f"{package}.{file.stem}").DESCRIPTOR
                yield from descriptor.services_by_name.items()


def _place(arguments: argparse.Namespace) -> tuple[str, Path | None]:
    """Return target and token file: those named, else those of the mesh that `make up` started."""
    if arguments.target:
        return arguments.target, arguments.token_file
    mesh = running.read()
    if mesh is None:
        raise MistakeError("no mesh is running here: `make up` starts one, or name a --target")
    domain = arguments.method.strip("/").split(".")[1]
    serving = {name: target for name, target in mesh.services.items() if name.endswith(domain)}
    if len(serving) != 1:
        choice = " or ".join(f"{target} ({name})" for name, target in serving.items())
        raise MistakeError(f"name a --target: {choice}")
    return next(iter(serving.values())), arguments.token_file or Path(mesh.token_file)


def _print_answers(channel: grpc.Channel, method: MethodDescriptor, request: Message, metadata: _Metadata) -> None:
    for answer in _answers(channel, method, request, metadata):
        document = json_format.MessageToDict(answer, preserving_proto_field_name=True)
        indent = None if method.server_streaming else 2
        print(json.dumps(document, indent=indent, ensure_ascii=False), flush=True)


def _answers(
    channel: grpc.Channel, method: MethodDescriptor, request: Message, metadata: _Metadata
) -> Iterator[Message]:
    assert method.containing_service is not None  # noqa: S101 - every method has a service
    kind = f"{'stream' if method.client_streaming else 'unary'}_{'stream' if method.server_streaming else 'unary'}"
    call: Any = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=type(request).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    answer = call(iter([request]) if method.client_streaming else request, metadata=metadata)
    yield from answer if method.server_streaming else [answer]


if __name__ == "__main__":
    sys.exit(main())
