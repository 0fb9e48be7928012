"""The masters, as their contracts declare them: which services keep golden records, and how they are read.

A master is a service of `concord.mdm.v1` that explains records. Its methods and messages follow from its name, so that
a further master needs nothing here.
"""

import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from concord.mdm import v1

_PAGE = 200  # whole records: a page has to fit a message
_EXPLAIN = "Explain"


@dataclass(frozen=True)
class MasterContract:
    """One master: its record type, such as `cost_center`, its message, and the methods that read many records."""

    record_type: str
    message: type[Message]
    list_method: MethodDescriptor
    batch_method: MethodDescriptor
    plural: str
    """The field of its answers that holds the records, such as `cost_centers`."""

    @property
    def collection(self) -> str:
        """The first part of its records' names, such as `costCenters`."""
        first, *others = self.plural.split("_")
        return first + "".join(map(str.capitalize, others))


@dataclass(frozen=True)
class Master:
    """One master, read over a channel. Raises grpc.RpcError."""

    contract: MasterContract
    get_list: Callable[..., Any]
    get_batch: Callable[..., Any]
    timeout_s: float

    def page(self, token: str) -> tuple[list[PackedAny], str]:
        """Return a page of the records in use and the next page's token."""
        request = GetMessageClass(self.contract.list_method.input_type)(page_size=_PAGE, page_token=token)
        answer = self.get_list(request, timeout=self.timeout_s)
        return [_packed(record) for record in getattr(answer, self.contract.plural)], answer.next_page_token

    def one(self, name: str) -> PackedAny:
        """Return one record."""
        request = GetMessageClass(self.contract.batch_method.input_type)(names=[name])
        answer = self.get_batch(request, timeout=self.timeout_s)
        return _packed(getattr(answer, self.contract.plural)[0])


@cache
def contracts() -> Mapping[str, MasterContract]:
    """Return every master of the contracts by record type."""
    return {contract.record_type: contract for contract in _contracts()}


def masters(channel: grpc.Channel, timeout_s: float) -> Mapping[str, Master]:
    """Return the masters by record type; each call may take `timeout_s` seconds."""
    return {
        name: Master(contract, _call(channel, contract.list_method), _call(channel, contract.batch_method), timeout_s)
        for name, contract in contracts().items()
    }


def _contracts() -> Iterator[MasterContract]:
    for module in pkgutil.iter_modules(v1.__path__, f"{v1.__name__}."):
        if module.name.endswith("_pb2"):
            for service in import_module(module.name).DESCRIPTOR.services_by_name.values():
                yield from _contracts_of(service)


def _contracts_of(service: ServiceDescriptor) -> Iterator[MasterContract]:
    methods = service.methods_by_name
    for name in methods:
        one = name.removeprefix(_EXPLAIN)
        if name == one:
            continue
        record = methods[f"Get{one}"].output_type.fields[0]
        many = next(method for method in methods if method.startswith("BatchGet"))
        plural = methods[many].output_type.fields[0].name
        assert record.message_type is not None  # noqa: S101 - what a master gives is a record
        message = GetMessageClass(record.message_type)
        listing = methods[many.replace("BatchGet", "List", 1)]
        yield MasterContract(record.name, message, listing, methods[many], plural)


def _call(channel: grpc.Channel, method: MethodDescriptor) -> Callable[..., Any]:
    assert method.containing_service is not None  # noqa: S101 - every method has a service
    call: Callable[..., Any] = channel.unary_unary(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    return call


def _packed(record: Any) -> PackedAny:
    packed = PackedAny()
    packed.Pack(record)
    return packed
