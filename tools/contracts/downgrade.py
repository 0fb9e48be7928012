"""Policies that were weakened since another revision of the contracts; buf does not look at options."""

from collections.abc import Iterator

from google.protobuf.descriptor import EnumDescriptor

from concord.governance.v1 import options_pb2 as governance
from tools.contracts.image import Contracts, EffectivePolicy, effective_policies
from tools.finding import Finding


def downgrades(contracts: Contracts, base: Contracts) -> Iterator[Finding]:
    """Yield every policy of `contracts` that is weaker than the one of the same element in `base`."""
    yield from _weaker_fields(contracts, base)
    yield from _weaker_methods(contracts, base)
    yield from _disowned_services(contracts, base)


def _weaker_fields(contracts: Contracts, base: Contracts) -> Iterator[Finding]:
    before = {element.name: policy for element, policy in effective_policies(base)}
    for element, policy in effective_policies(contracts):
        if element.name not in before:
            continue
        for rule, message in _weakenings(before[element.name], policy):
            yield Finding(element.path, element.line, rule, f"{element.name}: {message}", element.name)


def _weakenings(old: EffectivePolicy, new: EffectivePolicy) -> Iterator[tuple[str, str]]:
    # The numbers of these enums grow with care, so a smaller one is a weaker one.
    if new.classification < old.classification:
        yield (
            "classification-lowered",
            _became(governance.Classification.DESCRIPTOR, old.classification, new.classification),
        )
    if new.treatment < old.treatment:
        yield "treatment-weakened", _became(governance.Treatment.DESCRIPTOR, old.treatment, new.treatment)
    if new.retention < old.retention:
        yield "retention-cut", _became(governance.Retention.DESCRIPTOR, old.retention, new.retention)
    if new.residency < old.residency:
        yield "residency-widened", _became(governance.Residency.DESCRIPTOR, old.residency, new.residency)
    for boundary in sorted(new.boundaries - old.boundaries):
        yield (
            "boundary-added",
            f"its values may now cross {governance.Boundary.DESCRIPTOR.values_by_number[boundary].name}",
        )
    if old.payment_critical and not new.payment_critical:
        yield "two-person-control-dropped", "a change needs no second person any more"


def _became(enum: EnumDescriptor, old: int, new: int) -> str:
    names = enum.values_by_number
    return f"{names[old].name} became {names[new].name}"


def _weaker_methods(contracts: Contracts, base: Contracts) -> Iterator[Finding]:
    for name, method in contracts.methods.items():
        if name not in base.methods:
            continue
        old, new = (each.methods[name].proto.options.Extensions[governance.method] for each in (base, contracts))
        weakened = []
        if new.permission != old.permission:
            # Whoever holds the new permission may call it without having been granted the old one.
            weakened.append(("permission-changed", f"{old.permission} became {new.permission}"))
        if new.layer == governance.LAYER_PARTNER and old.layer != new.layer:
            weakened.append(("layer-opened", "it is now open to partners"))
        if new.audit == governance.AUDIT_CATEGORY_READ and old.audit != new.audit:
            weakened.append(("audit-weakened", "it is now audited as a mere read"))
        for rule, message in weakened:
            yield Finding(method.path, method.line, rule, f"{name}: {message}", name)


def _disowned_services(contracts: Contracts, base: Contracts) -> Iterator[Finding]:
    for name, service in contracts.services.items():
        if name not in base.services:
            continue
        old, new = (each.services[name].proto.options.Extensions[governance.service] for each in (base, contracts))
        for owner in ("business_owner", "technical_owner"):
            if getattr(old, owner) and not getattr(new, owner):
                yield Finding(service.path, service.line, "owner-removed", f"{name}: its {owner} is gone", name)
