"""A master as a declaration: everything that the engine needs to know of one record type."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from services.mdm.domain.matching.declaration import Matching
from services.mdm.domain.sensitivity import is_restricted
from services.mdm.domain.violation import Violation

METADATA = frozenset({"name", "etag", "revision", "state", "create_time", "update_time", "entities"})
"""Fields that the hub itself keeps: no source says them, no group holds them."""

ELEMENT_ITSELF = ("",)
"""The element key of a repeated scalar: every value is its own key."""

PARENTS = "parents"
"""The field of slices that holds a record's parent in each hierarchy."""

HIERARCHY = ("hierarchy",)
"""The element key of parents."""

Validator = Callable[[Any], Iterable[Violation]]
"""Checks a content of its type."""


def _never(_content: Any) -> bool:
    return False


@dataclass(frozen=True)
class Group:
    """Fields that survive together.

    With an `element_key` it is a keyed collection instead: one repeated field whose elements each
    survive on their own, told apart by the named fields of the element (`ELEMENT_ITSELF` for
    scalars). Its name is then the field's name.
    """

    name: str
    fields: tuple[str, ...]
    element_key: tuple[str, ...] = ()

    @property
    def keyed(self) -> bool:
        """Whether each element survives on its own."""
        return bool(self.element_key)


def single(*fields: str) -> tuple[Group, ...]:
    """Return one group for each of the fields, named after it."""
    return tuple(Group(field, (field,)) for field in fields)


def keyed(field: str, *element_key: str) -> Group:
    """Return the group of a keyed collection; no key = scalars that are their own key."""
    return Group(field, (field,), element_key or ELEMENT_ITSELF)


@dataclass(frozen=True)
class StrongIdentifier:
    """A kind of identifier that links records by itself.

    `values` gives a content's valid values of the kind, normalised. Of an `exclusive` kind a thing
    has at most one value, so that two different ones mean two different things.
    """

    kind: str
    values: Callable[[Any], Iterable[str]]
    exclusive: bool = False


@dataclass(frozen=True)
class Reference:
    """A field by which records refer to others: by the key that those have within their scope.

    `field` is one of the slices, or of the record for types without slices: a text that is the key
    itself, or a keyed collection whose elements hold it in `key`. `scope` names the element's field
    that says within what the key counts; None, or an empty one = within the referring record's own.
    """

    field: str
    target: str
    """The name of the record type that is referred to."""
    key: str = ""
    scope: str | None = None


@dataclass(frozen=True)
class Coded:
    """A text field, or a list of texts, whose values are codes of a code list.

    `path` leads to it from the record (`trade_items.unit`). With a `scheme` the list is named after what that field
    beside the code says: classifications are coded by their own scheme's list.
    """

    path: str
    code_list: str = ""
    """The list's id: `units` of `codeLists/units`."""
    scheme: str = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The names along the path."""
        return tuple(self.path.split("."))


@dataclass(frozen=True, eq=False)
class RecordType:
    """One master, equal to itself only. Raises ValueError when the declaration does not fit its message."""

    name: str
    """`cost_center`: the type's name in the feed, in registrations and in the index."""
    singular: str
    """The field of a request or response that holds one record."""
    plural: str
    """The field of a response that holds several."""
    collection: str
    """`costCenters`: the first part of a record's name."""
    message: type[Message]
    service: str
    """The full name of the typed gRPC service."""
    groups: tuple[Group, ...]
    slice_field: str | None = None
    """The repeated field of effective slices; None = the type is not effective-dated."""
    slice_groups: tuple[Group, ...] = ()
    """Survivorship groups within a slice; the slice field itself is in no group."""
    period_field: str | None = None
    """The field that says when there is such a thing at all."""
    filterable: tuple[str, ...] = ()
    """Dotted paths that a filter or an order may name."""
    searchable: tuple[str, ...] = ()
    """Dotted paths of identifiers that Search looks at."""
    multi_line: tuple[str, ...] = ()
    """Dotted paths of texts of several lines, which may have tabs and ends of lines; no other text may."""
    known_by: tuple[str, ...] = ()
    """Dotted paths of what people call one; whoever speaks of one says one of them, or an identifier."""
    identifiers: tuple[StrongIdentifier, ...] = ()
    identity: tuple[str, str] | None = None
    """The fields with the scope and the key by which other records refer to one; None = none does."""
    references: tuple[Reference, ...] = ()
    coded: tuple[Coded, ...] = ()
    """The fields whose values code maps translate."""
    is_over: Callable[[Any], bool] = _never
    """Whether a content says that what it refers to counts no longer."""
    validators: tuple[Validator, ...] = ()
    """What no content may say."""
    strict_validators: tuple[Validator, ...] = ()
    """What a steward's content may not say: identifiers with wrong check digits."""
    matching: Matching | None = None
    """How records without a strong identifier in common are compared; None = they never are."""

    def __post_init__(self) -> None:
        """Refuse a declaration that does not fit its message."""
        _check_groups(self.descriptor, self.groups, METADATA | ({self.slice_field} if self.slice_field else set()))
        if self.slice_field is not None:
            _check_groups(self.slice_descriptor, self.slice_groups, frozenset({"effective_period"}))
        compared = [
            path for attribute in (self.matching.attributes if self.matching else ()) for path in attribute.paths
        ]
        named = (*self.filterable, *self.searchable, *self.multi_line, *self.known_by, *(self.identity or ()))
        for path in (*named, *compared):
            self.fields_of(path)
        for reference in self.references:
            if reference.field not in (self.slice_group_by_field if self.slice_field else self.group_by_field):
                raise ValueError(f"{self.name}: no field {reference.field} to refer by")
        for coded in self.coded:
            self._check_coded(coded)

    def _check_coded(self, coded: Coded) -> None:
        """Refuse what is no text, what nobody may know the codes of, and what tells records apart."""
        descriptor: Descriptor = self.descriptor
        for step in self.fields_of(coded.path):
            field = descriptor.fields_by_name[step]
            if is_restricted(field) or field.name in (self.identity or ()):
                raise ValueError(f"{self.name}: {coded.path} is not to be coded")
            if field.message_type is not None:
                descriptor = field.message_type
        if field.type != FieldDescriptor.TYPE_STRING or (coded.scheme not in {"", *descriptor.fields_by_name}):
            raise ValueError(f"{self.name}: {coded.path} holds no codes")
        if bool(coded.scheme) == bool(coded.code_list):
            raise ValueError(f"{self.name}: {coded.path} needs a code list or a scheme")

    @cached_property
    def descriptor(self) -> Descriptor:
        """The message's descriptor."""
        descriptor: Descriptor = self.message.DESCRIPTOR  # type: ignore[assignment]  # the stubs' two names of one class
        return descriptor

    @cached_property
    def slice_descriptor(self) -> Descriptor:
        """The slice message's descriptor. Raises ValueError for types without slices."""
        field = self.descriptor.fields_by_name.get(self.slice_field or "")
        if field is None or field.message_type is None or not field.is_repeated:
            raise ValueError(f"{self.name}: {self.slice_field} is no repeated message field")
        return field.message_type

    @cached_property
    def type_url(self) -> str:
        """The type url of a packed content."""
        return f"type.googleapis.com/{self.descriptor.full_name}"

    @property
    def pattern(self) -> str:
        """The resource pattern, such as `suppliers/{supplier}`."""
        return f"{self.collection}/{{{self.name}}}"

    def name_of(self, record_id: str) -> str:
        """Return the record's name from its id."""
        return f"{self.collection}/{record_id}"

    def owns(self, name: str) -> bool:
        """Tell whether a record's name is one of this type."""
        collection, separator, record_id = name.partition("/")
        return collection == self.collection and bool(separator) and bool(record_id) and "/" not in record_id

    def pack(self, content: Message) -> PackedMessage:
        """Return the content packed, with the same bytes for the same content."""
        return PackedMessage(type_url=self.type_url, value=content.SerializeToString(deterministic=True))

    def unpack(self, packed: PackedMessage) -> Message:
        """Return the packed content. Raises ValueError for another type's or for broken bytes."""
        if packed.type_url.rpartition("/")[2] != self.descriptor.full_name:
            raise ValueError(f"{packed.type_url} is no {self.descriptor.full_name}")
        content = self.message()
        try:
            content.ParseFromString(packed.value)
        except Exception as error:  # DecodeError differs between the protobuf implementations
            raise ValueError(f"the bytes are no {self.descriptor.full_name}") from error
        return content

    def fields_of(self, path: str) -> tuple[str, ...]:
        """Return the names along a dotted path. Raises ValueError when there is no such field."""
        descriptor: Descriptor | None = self.descriptor
        names = tuple(path.split("."))
        for name in names:
            field = descriptor.fields_by_name.get(name) if descriptor is not None else None
            if field is None:
                raise ValueError(f"{self.name} has no field {path}")
            descriptor = field.message_type
        return names

    @property
    def hierarchical(self) -> bool:
        """Whether its records hang together in named hierarchies: by `parents` in their slices."""
        group = self.slice_group_by_field.get(PARENTS)
        return group is not None and group.element_key == HIERARCHY

    @property
    def refers(self) -> bool:
        """Whether its records refer to others or are referred to by a key."""
        return bool(self.identity or self.references)

    @cached_property
    def group_by_path(self) -> Mapping[str, Group]:
        """The group of every path of a group or of a field, such as `sites` or `slices.manager`."""
        plain = self.group_by_field | {group.name: group for group in self.groups}
        sliced = self.slice_group_by_field | {group.name: group for group in self.slice_groups}
        return plain | {f"{self.slice_field}.{name}": group for name, group in sliced.items()}

    @cached_property
    def group_by_field(self) -> dict[str, Group]:
        """The group of every field but those of slices."""
        return {field: group for group in self.groups for field in group.fields}

    @cached_property
    def slice_group_by_field(self) -> dict[str, Group]:
        """The group of every field of a slice."""
        return {field: group for group in self.slice_groups for field in group.fields}


def _check_groups(descriptor: Descriptor, groups: tuple[Group, ...], outside: Iterable[str]) -> None:
    grouped = [field for group in groups for field in group.fields]
    wanted = set(descriptor.fields_by_name) - set(outside)
    if wrong := sorted({field for field in grouped if grouped.count(field) > 1} | (set(grouped) ^ wanted)):
        raise ValueError(f"{descriptor.full_name}: not in exactly one survivorship group: {', '.join(wrong)}")
    for group in groups:
        if group.keyed:
            _check_keyed(descriptor, group)
    names = [group.name for group in groups]
    if len(set(names)) < len(names):
        raise ValueError(f"{descriptor.full_name}: two survivorship groups of one name")


def _check_keyed(descriptor: Descriptor, group: Group) -> None:
    field = descriptor.fields_by_name[group.fields[0]]
    if group.fields != (group.name,) or not field.is_repeated:
        raise ValueError(f"{descriptor.full_name}: {group.name} is no repeated field")
    if (group.element_key == ELEMENT_ITSELF) != (field.message_type is None):
        raise ValueError(f"{descriptor.full_name}: elements of {group.name} have another kind of key")
    if field.message_type is not None and not set(group.element_key) <= set(field.message_type.fields_by_name):
        raise ValueError(f"{descriptor.full_name}: {group.name} has no {', '.join(group.element_key)}")
