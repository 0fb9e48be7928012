"""Policies, compiled from the contracts: what an RPC demands and how sensitive each field is.

Governed are the messages that carry a message policy. Messages of others (`google.type.Date`, `google.rpc.Status`)
are governed by the policy of the field they stand in, as a whole.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as PackedAny
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import DecodeError, Message

from concord.governance.v1 import options_pb2 as options

_ANY = PackedAny.DESCRIPTOR.full_name


@dataclass(frozen=True)
class MethodPolicy:
    """The policy of one RPC; `full_name` is `/package.Service/Method` as on the wire."""

    full_name: str
    layer: options.Layer.ValueType
    permission: str
    audit: options.AuditCategory.ValueType
    idempotency: options.Idempotency.ValueType
    interaction: options.Interaction.ValueType
    latency_objective: timedelta

    @property
    def restricted_permission(self) -> str:
        """The permission to see RESTRICTED fields: `mdm.restricted.read` for the RPCs of `mdm.…`."""
        return f"{self.permission.partition('.')[0]}.restricted.read"


@dataclass(frozen=True)
class FieldPolicy:
    """The effective policy of one field: its own option over the one of its message; the class is never inherited."""

    classification: options.Classification.ValueType
    treatment: options.Treatment.ValueType
    retention: options.Retention.ValueType
    residency: options.Residency.ValueType
    boundaries: frozenset[options.Boundary.ValueType]
    payment_critical: bool

    @property
    def hidden(self) -> bool:
        """Whether the field is left out for callers without the permission for RESTRICTED fields."""
        return self.classification in _HIDDEN


_HIDDEN = (options.CLASSIFICATION_RESTRICTED, options.CLASSIFICATION_UNSPECIFIED)


def method_policy(method: MethodDescriptor) -> MethodPolicy | None:
    """Return the policy of an RPC; None when it has none or names no permission: then it must not be served."""
    extensions = method.GetOptions().Extensions
    policy = extensions[options.method]
    if not policy.permission or method.containing_service is None:
        return None
    return MethodPolicy(
        full_name=f"/{method.containing_service.full_name}/{method.name}",
        layer=policy.layer,
        permission=policy.permission,
        audit=policy.audit,
        idempotency=policy.idempotency,
        interaction=policy.interaction,
        latency_objective=policy.latency_objective.ToTimedelta(),
    )


def field_policy(field: FieldDescriptor) -> FieldPolicy:
    """Return the effective policy of a field of a governed message."""
    own = field.GetOptions().Extensions[options.field]
    owner = field.containing_type
    inherited = owner.GetOptions().Extensions[options.message] if owner is not None else options.MessagePolicy()
    return FieldPolicy(
        classification=own.classification,
        treatment=own.treatment or inherited.treatment or options.TREATMENT_DROP,
        retention=own.retention or inherited.retention,
        residency=own.residency or inherited.residency,
        boundaries=frozenset(own.boundaries or inherited.boundaries),
        payment_critical=own.payment_critical,
    )


def is_governed(descriptor: Descriptor) -> bool:
    """Say whether a message type carries a policy of its own."""
    return bool(descriptor.GetOptions().HasExtension(options.message))


@functools.cache
def restricted_paths(descriptor: Descriptor) -> tuple[tuple[str, ...], ...]:
    """Return the paths of all RESTRICTED fields of a message type, as tuples of field names, in field order.

    Repeated fields and maps are crossed without an element in the path; a type that contains itself is entered once.
    What is packed in an Any is not looked into.
    """
    return tuple(_fields_below(descriptor, _is_restricted, (), frozenset()))


@functools.cache
def payment_critical_paths(descriptor: Descriptor) -> tuple[tuple[str, ...], ...]:
    """Return the paths of all fields of a message type that money follows, as `restricted_paths` does.

    A message that is payment-critical as a whole is one path.
    """
    return tuple(_fields_below(descriptor, _is_payment_critical, (), frozenset()))


def clear_restricted(message: Message) -> None:
    """Remove every RESTRICTED and every unannotated field from a message, in place, at every depth.

    Repeated fields, maps and messages packed in an Any are covered; an Any of a type that is unknown here or carries
    no policy is emptied. Fields that the message's descriptor does not know are removed as well.
    """
    descriptor: Any = message.DESCRIPTOR
    plan = _plan(descriptor)
    message.DiscardUnknownFields()
    if plan.acts:
        plan.apply(message)


def _is_restricted(policy: FieldPolicy) -> bool:
    return policy.classification == options.CLASSIFICATION_RESTRICTED


def _is_payment_critical(policy: FieldPolicy) -> bool:
    return policy.payment_critical


def _fields_below(
    descriptor: Descriptor, wanted: Callable[[FieldPolicy], bool], path: tuple[str, ...], entered: frozenset[str]
) -> Iterator[tuple[str, ...]]:
    if not is_governed(descriptor) or descriptor.full_name in entered:
        return
    for field in descriptor.fields:
        here = (*path, field.name)
        if wanted(field_policy(field)):
            yield here
        elif (inner := _content_type(field)) is not None:
            yield from _fields_below(inner, wanted, here, entered | {descriptor.full_name})


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _content_type(field: FieldDescriptor) -> Descriptor | None:
    """Return the message type that a field holds: its own, its elements', or its map values'."""
    content: Descriptor | None = field.message_type
    if content is not None and content.GetOptions().map_entry:
        return content.fields_by_name["value"].message_type
    return content


class _Plan:
    """What clearing does to one message type, worked out once.

    `acts` is false when there is nothing to do at any depth: the common case costs one look-up.
    """

    def __init__(self) -> None:
        self.cleared: tuple[str, ...] = ()
        self.single: tuple[tuple[str, _Plan], ...] = ()
        self.repeated: tuple[tuple[str, _Plan], ...] = ()
        self.maps: tuple[tuple[str, _Plan], ...] = ()

    @property
    def inner(self) -> "tuple[tuple[str, _Plan], ...]":
        return self.single + self.repeated + self.maps

    @property
    def acts(self) -> bool:
        return bool(self.cleared or self.single or self.repeated or self.maps)

    def apply(self, message: Message) -> None:
        for name in self.cleared:
            message.ClearField(name)
        for name, plan in self.single:
            if message.HasField(name):
                plan.apply(getattr(message, name))
        for name, plan in self.repeated:
            for element in getattr(message, name):
                plan.apply(element)
        for name, plan in self.maps:
            for element in getattr(message, name).values():
                plan.apply(element)


class _PackedPlan(_Plan):
    """Clears what is packed in an Any."""

    @property
    def acts(self) -> bool:
        return True

    def apply(self, message: Message) -> None:
        packed: Any = message
        content = _unpacked(packed)
        if content is None:
            packed.Clear()
            return
        clear_restricted(content)
        packed.value = content.SerializeToString(deterministic=True)


def _unpacked(packed: PackedAny) -> Message | None:
    """Return what is packed, None when it is of no governed type or not of the type that it claims."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.type_url.rpartition("/")[2])
        if not is_governed(descriptor):
            return None
        content = message_factory.GetMessageClass(descriptor)()
        content.ParseFromString(packed.value)
    except (KeyError, DecodeError):
        return None
    return content


_plans: dict[Descriptor, _Plan] = {}


def _plan(descriptor: Descriptor) -> _Plan:
    plan = _plans.get(descriptor)
    if plan is None:
        drafts: dict[Descriptor, _Plan] = {}
        plan = _draft(descriptor, drafts)
        _prune(drafts)
        _plans.update(drafts)
    return plan


def _draft(descriptor: Descriptor, drafts: dict[Descriptor, _Plan]) -> _Plan:
    if descriptor in drafts:
        return drafts[descriptor]
    plan = drafts[descriptor] = _PackedPlan() if descriptor.full_name == _ANY else _Plan()
    if not is_governed(descriptor):
        return plan
    for field in descriptor.fields:
        content = _content_type(field)
        if field_policy(field).hidden:
            plan.cleared += (field.name,)
        elif content is not None:
            branch = ((field.name, _draft(content, drafts)),)
            if _is_map(field):
                plan.maps += branch
            elif field.is_repeated:
                plan.repeated += branch
            else:
                plan.single += branch
    return plan


def _prune(drafts: dict[Descriptor, _Plan]) -> None:
    """Drop every branch that nothing is cleared in, also where types contain one another."""
    acting = {plan for plan in drafts.values() if plan.cleared or isinstance(plan, _PackedPlan)}
    growing = True
    while growing:
        more = {plan for plan in drafts.values() if any(inner in acting for _, inner in plan.inner)}
        growing = not more <= acting
        acting |= more
    for plan in drafts.values():
        plan.single = tuple(pair for pair in plan.single if pair[1] in acting)
        plan.repeated = tuple(pair for pair in plan.repeated if pair[1] in acting)
        plan.maps = tuple(pair for pair in plan.maps if pair[1] in acting)
