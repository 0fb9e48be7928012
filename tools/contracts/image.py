"""The contracts as protoc read them: every declared element with its place and comment."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Generic, TypeVar

from google.protobuf import descriptor_pb2 as pb

from concord.governance.v1 import options_pb2 as governance
from tools.contracts.generate import contract_files, protoc

P = TypeVar("P")

OWN = "concord/"
_MESSAGE, _ENUM, _SERVICE = 4, 5, 6  # FileDescriptorProto
_FIELD, _NESTED, _NESTED_ENUM = 2, 3, 4  # DescriptorProto
_MEMBER = 2  # EnumDescriptorProto.value and ServiceDescriptorProto.method


@dataclass(frozen=True)
class Element(Generic[P]):
    """One declaration: its full name, the name it stands in, its place, its comment and its descriptor."""

    name: str
    parent: str
    path: str
    line: int
    comment: str
    proto: P


@dataclass(frozen=True)
class Contracts:
    """The declarations of the files below `concord/`, by full name. Entry types of maps are left out."""

    prefix: str = "protos/"
    messages: dict[str, Element[pb.DescriptorProto]] = field(default_factory=dict)
    fields: dict[str, Element[pb.FieldDescriptorProto]] = field(default_factory=dict)
    enums: dict[str, Element[pb.EnumDescriptorProto]] = field(default_factory=dict)
    values: dict[str, Element[pb.EnumValueDescriptorProto]] = field(default_factory=dict)
    services: dict[str, Element[pb.ServiceDescriptorProto]] = field(default_factory=dict)
    methods: dict[str, Element[pb.MethodDescriptorProto]] = field(default_factory=dict)

    def fields_of(self, message: str) -> dict[str, Element[pb.FieldDescriptorProto]]:
        """Return the fields of a message (full name, with or without leading dot) by their own names."""
        return self._by_message.get(message.removeprefix("."), {})

    @cached_property
    def _by_message(self) -> dict[str, dict[str, Element[pb.FieldDescriptorProto]]]:
        grouped: dict[str, dict[str, Element[pb.FieldDescriptorProto]]] = {}
        for element in self.fields.values():
            grouped.setdefault(element.parent, {})[element.proto.name] = element
        return grouped


def compile_image(protos: Path, target: Path) -> None:
    """Write the descriptor image of every contract below `protos`; raise CalledProcessError when protoc refuses."""
    with tempfile.TemporaryDirectory() as working:
        protoc(
            protos,
            Path(working),
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={target}",
            *contract_files(protos),
        )


def read_contracts(image: Path, prefix: str = "protos/") -> Contracts:
    """Read the declarations of Concord's own files; `prefix` leads to them from where the reader stands."""
    contracts = Contracts(prefix)
    for file in pb.FileDescriptorSet.FromString(image.read_bytes()).file:
        if file.name.startswith(OWN):
            _Reader(contracts, file).read()
    return contracts


class _Reader:
    """Walks one file; `path` is the place of an element in the numbering of SourceCodeInfo."""

    def __init__(self, contracts: Contracts, file: pb.FileDescriptorProto) -> None:
        self._contracts = contracts
        self._file = file
        self._locations = {tuple(location.path): location for location in file.source_code_info.location}

    def read(self) -> None:
        package = self._file.package
        for index, message in enumerate(self._file.message_type):
            self._read_message(package, message, (_MESSAGE, index))
        for index, enum in enumerate(self._file.enum_type):
            self._read_enum(package, enum, (_ENUM, index))
        for index, service in enumerate(self._file.service):
            name = f"{package}.{service.name}"
            self._contracts.services[name] = self._element(name, package, (_SERVICE, index), service)
            for number, method in enumerate(service.method):
                full_name = f"{name}.{method.name}"
                place = (_SERVICE, index, _MEMBER, number)
                self._contracts.methods[full_name] = self._element(full_name, name, place, method)

    def _read_message(self, parent: str, message: pb.DescriptorProto, path: tuple[int, ...]) -> None:
        if message.options.map_entry:
            return
        name = f"{parent}.{message.name}"
        self._contracts.messages[name] = self._element(name, parent, path, message)
        for index, member in enumerate(message.field):
            full_name = f"{name}.{member.name}"
            self._contracts.fields[full_name] = self._element(full_name, name, (*path, _FIELD, index), member)
        for index, nested in enumerate(message.nested_type):
            self._read_message(name, nested, (*path, _NESTED, index))
        for index, enum in enumerate(message.enum_type):
            self._read_enum(name, enum, (*path, _NESTED_ENUM, index))

    def _read_enum(self, parent: str, enum: pb.EnumDescriptorProto, path: tuple[int, ...]) -> None:
        name = f"{parent}.{enum.name}"
        self._contracts.enums[name] = self._element(name, parent, path, enum)
        for index, value in enumerate(enum.value):
            full_name = f"{name}.{value.name}"
            self._contracts.values[full_name] = self._element(full_name, name, (*path, _MEMBER, index), value)

    def _element(self, name: str, parent: str, path: tuple[int, ...], proto: P) -> Element[P]:
        location = self._locations[path]
        place = f"{self._contracts.prefix}{self._file.name}"
        return Element(name, parent, place, location.span[0] + 1, location.leading_comments, proto)


@dataclass(frozen=True)
class EffectivePolicy:
    """What holds for one field once its message's policy is inherited."""

    classification: int
    treatment: int
    retention: int
    residency: int
    boundaries: frozenset[int]
    payment_critical: bool


def effective_policies(contracts: Contracts) -> Iterator[tuple[Element[pb.FieldDescriptorProto], EffectivePolicy]]:
    """Yield every field with its effective policy: a message without treatment drops, without boundaries stays in."""
    for element in contracts.fields.values():
        own = element.proto.options.Extensions[governance.field]
        inherited = contracts.messages[element.parent].proto.options.Extensions[governance.message]
        yield (
            element,
            EffectivePolicy(
                own.classification,
                own.treatment or inherited.treatment or governance.TREATMENT_DROP,
                own.retention or inherited.retention,
                own.residency or inherited.residency,
                frozenset(own.boundaries or inherited.boundaries or (governance.BOUNDARY_INTERNAL,)),
                own.payment_critical,
            ),
        )
