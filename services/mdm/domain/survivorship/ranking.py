"""Whose word goes before whose: the criteria that a record type's rules name for an attribute group.

A pin stands before everything. Under registered rules a steward's word stands before what systems say; then the
criteria decide in their order, at last the order of systems and keys. Groups without a rule of their own go by trust,
then recency, then that order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from concord.mdm.v1 import record_pb2, survivorship_pb2
from services.mdm.domain.effective import canonical_bytes
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.stewarding import HUB
from services.mdm.domain.survivorship.claim import Claim
from services.mdm.domain.violation import Violation

Rule = record_pb2.ValueExplanation.Rule
Criterion = survivorship_pb2.GroupRule.Criterion

PINNED = 0
"""The rank of a pin; those of systems begin with 1."""

_RULES = {
    Criterion.CRITERION_TRUST: Rule.RULE_TRUST,
    Criterion.CRITERION_RECENCY: Rule.RULE_RECENCY,
    Criterion.CRITERION_COMPLETENESS: Rule.RULE_COMPLETENESS,
    Criterion.CRITERION_AGREEMENT: Rule.RULE_AGREEMENT,
}


@dataclass(frozen=True)
class Rules:
    """The registered rules of a record type: criteria by group, and the revision that says so; none = the default."""

    criteria: Mapping[str, tuple[Criterion.ValueType, ...]] = field(default_factory=dict)
    revision: str = ""

    def of(self, path: str) -> tuple[Criterion.ValueType, ...] | None:
        """Return the criteria for a slot's group; None = the default."""
        return self.criteria.get(path.partition("[")[0])


DEFAULT = Rules()


def rules_of(groups: Iterable[survivorship_pb2.GroupRule], revision: str) -> Rules:
    """Return rules from what is kept of them."""
    return Rules({rule.group: tuple(rule.criteria) for rule in groups}, revision)


def group_names(record_type: RecordType) -> tuple[str, ...]:
    """Return the names of all attribute groups of a type, as explanations name them without their key."""
    slices = (f"{record_type.slice_field}.{group.name}" for group in record_type.slice_groups)
    return (*(group.name for group in record_type.groups), *slices)


def rule_violations(record_type: RecordType, groups: Sequence[survivorship_pb2.GroupRule]) -> Iterator[Violation]:
    """Give what is wrong with rules: groups that the type does not have, or that come twice."""
    known, seen = group_names(record_type), set[str]()
    for number, rule in enumerate(groups):
        if rule.group not in known:
            yield Violation(f"groups[{number}].group", f"is no group of {record_type.name}: {', '.join(known)}")
        elif rule.group in seen:
            yield Violation(f"groups[{number}].group", "comes twice")
        seen.add(rule.group)


def ranked(claims: Sequence[Claim], criteria: Sequence[Criterion.ValueType]) -> tuple[list[Claim], Rule.ValueType]:
    """Return two claims or more on one value, the winner first, and the rule that told it from the next other value."""
    measures = _measures(claims, criteria)
    order = sorted(claims, key=lambda claim: (*(measure(claim) for _, measure in measures), claim.order[2:]))
    first, won = order[0], _value(order[0])
    second = next((claim for claim in order if _value(claim) != won), order[1])
    deciding = (rule for rule, measure in measures if measure(first) != measure(second))
    return order, next(deciding, Rule.RULE_ORDER)


def completeness(value: Message | None) -> int:
    """Count the fields that a value fills, however deep; a withdrawal fills none."""
    if value is None:
        return 0
    return sum(
        completeness(part) if isinstance(part, Message) else 1
        for field, said in value.ListFields()
        for part in (said if field.is_repeated else (said,))
    )


_Measure = tuple["Rule.ValueType", Callable[[Claim], int]]


def _measures(claims: Sequence[Claim], criteria: Sequence[Criterion.ValueType]) -> list[_Measure]:
    """Return what is measured of claims, the less the better, with the rule that names it."""
    systems: dict[bytes, set[str]] = {}
    for claim in claims:
        if claim.rank != PINNED:
            systems.setdefault(_value(claim), set()).add(claim.system)
    measures: Mapping[Criterion.ValueType, Callable[[Claim], int]] = {
        Criterion.CRITERION_TRUST: lambda claim: claim.rank,
        Criterion.CRITERION_RECENCY: lambda claim: -claim.source_time_ns,
        Criterion.CRITERION_COMPLETENESS: lambda claim: -completeness(claim.value),
        Criterion.CRITERION_AGREEMENT: lambda claim: -len(systems.get(_value(claim), ())),
    }
    return [
        (Rule.RULE_PIN, lambda claim: claim.rank != PINNED),
        (Rule.RULE_STEWARD, lambda claim: claim.system != HUB),
        *((_RULES[criterion], measures[criterion]) for criterion in criteria),
    ]


def _value(claim: Claim) -> bytes:
    """Return what equal values have in common; a withdrawal is a value of its own."""
    return b"" if claim.value is None else b"=" + canonical_bytes(claim.value)
