"""The contracts that are installed: their services and methods, found and not listed, so that new ones appear."""

import functools
import uuid
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from clients.cli.mistake import Mistake, nearest

_ROOT = "concord"
_REQUEST_ID = "request_id"


@functools.cache
def services() -> Mapping[str, ServiceDescriptor]:
    """Return every service of the mesh by its full name; importing them makes their messages known as well."""
    found: dict[str, ServiceDescriptor] = {}
    for folder in import_module(_ROOT).__path__:
        for file in sorted(Path(folder).rglob("*_pb2.py")):
            module = ".".join((_ROOT, *file.relative_to(folder).with_suffix("").parts))
            declared = import_module(module).DESCRIPTOR.services_by_name.values()
            found |= {service.full_name: service for service in declared}
    return found


def method(name: str) -> MethodDescriptor:
    """Return the method `package.Service/Method`. Raises Mistake, which names what there is."""
    service_name, _, method_name = name.strip("/").partition("/")
    service = services().get(service_name)
    if service is None:
        raise Mistake(f"there is no service {service_name!r}", nearest(service_name, services()))
    found: MethodDescriptor | None = service.methods_by_name.get(method_name)
    if found is None:
        raise Mistake(f"{service_name} has no method {method_name!r}", nearest(method_name, service.methods_by_name))
    return found


def request_of(asked: MethodDescriptor, **fields: Any) -> Message:
    """Return a request of a method with these fields; a field whose value is None or empty is left out.

    One that changes something gets an id of its own.
    """
    own = {_REQUEST_ID: str(uuid.uuid4())} if _names_itself(asked) else {}
    return GetMessageClass(asked.input_type)(**own, **{name: value for name, value in fields.items() if value})


def _names_itself(asked: MethodDescriptor) -> bool:
    """Tell whether a method's requests have an id of their own, which makes a repeat one; others ask about requests."""
    field = asked.input_type.fields_by_name.get(_REQUEST_ID)
    return field is not None and bool(field.GetOptions().Extensions[validate_pb2.field].string.uuid)


def has_field(asked: MethodDescriptor, field: str) -> bool:
    """Tell whether a method's request has a field."""
    return field in asked.input_type.fields_by_name


def answered_field(asked: MethodDescriptor) -> FieldDescriptor:
    """Return what a method answers with: the first field of its response that is a message or a list."""
    fields = asked.output_type.fields
    return next(field for field in fields if field.is_repeated or field.message_type is not None)


def name_pattern(asked: MethodDescriptor) -> str:
    """Return the pattern that a method demands of the name in its request; empty when it demands none."""
    field = asked.input_type.fields_by_name.get("name")
    if field is None:
        return ""
    pattern: str = field.GetOptions().Extensions[validate_pb2.field].string.pattern
    return pattern
