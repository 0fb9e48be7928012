"""What a ledger says about its accounts and days: value sets, cross-validation rules, posting periods."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Any

from google.protobuf.message import Message

from concord.mdm.v1 import ledger_pb2 as pb
from services.mdm.domain.effective import at, period_of, to_date
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.violation import Violation

_REQUIRED = ("display_name", "entity", "currency_code")

Kind = pb.PostingViolation.Kind


@dataclass(frozen=True)
class Posting:
    """A posting that somebody wants to make; `currency` is never empty."""

    day: date
    currency: str


@dataclass(frozen=True)
class Booked:
    """A record that a posting names: its name and content, None when there is no such record."""

    record_type: RecordType
    name: str
    content: Message | None


def structure_violations(ledger: pb.Ledger) -> Iterator[Violation]:
    """Give what contradicts itself in a ledger's structure."""
    yield from (Violation(field, "is missing") for field in _REQUIRED if not getattr(ledger, field))
    yield from _repeated("segments", (segment.name for segment in ledger.segments))
    yield from _repeated("rules", (rule.name for rule in ledger.rules))
    yield from _repeated("periods", (period.name for period in ledger.periods))
    yield from _impossible_values(ledger)
    names = {segment.name for segment in ledger.segments}
    for number, rule in enumerate(ledger.rules):
        for part, conditions in (("when", rule.when), ("then", rule.then)):
            for place, condition in enumerate(conditions):
                path = f"rules[{number}].{part}[{place}]"
                if condition.segment not in names:
                    yield Violation(f"{path}.segment", "is no segment of the ledger")
                yield from _impossible_ranges(path, condition)
    yield from _impossible_periods(ledger)


def account_violations(ledger: pb.Ledger, account: Any) -> Iterator[Violation]:
    """Give what of an account's segments is not as its ledger says, by the account's paths.

    An account that only sums up others stands for many combinations: it may lack segments, and no rule binds it.
    """
    values = segment_values(account)
    yield from segment_violations(ledger, values, complete=not account.summary)
    if not account.summary:
        yield from rule_violations(ledger, values)


def segment_values(account: Any) -> dict[str, str]:
    """Return an account's segment values by segment."""
    return {segment.name: segment.value for segment in account.segments}


def segment_violations(
    ledger: pb.Ledger, values: Mapping[str, str], day: date | None = None, *, complete: bool = True
) -> Iterator[Violation]:
    """Give the segments that the ledger does not have, misses, or takes other values in; with a day, in use then."""
    known = {segment.name: segment for segment in ledger.segments}
    if not known:
        return
    for name in values.keys() - known.keys():
        yield Violation(f"segments[{name}]", "is no segment of the ledger")
    for name, segment in known.items():
        if name not in values:
            if complete and not segment.is_optional:
                yield Violation(f"segments[{name}]", "is missing")
        elif not _takes(segment, values[name], day):
            yield Violation(f"segments[{name}]", "has a value that is not in the segment's value set")


def rule_violations(ledger: pb.Ledger, values: Mapping[str, str]) -> Iterator[Violation]:
    """Give the cross-validation rules that refuse a combination of segment values."""
    for rule in ledger.rules:
        applies = all(_holds(condition, values) for condition in rule.when)
        failing = [condition.segment for condition in rule.then if not _holds(condition, values)]
        if applies and failing:
            text = f"is refused by the rule {rule.name}" + (f": {rule.explanation}" if rule.explanation else "")
            yield from (Violation(f"segments[{name}]", text) for name in failing)


def is_open(ledger: pb.Ledger, day: date) -> bool:
    """Tell whether postings are taken for a day."""
    open_days = (period for period in ledger.periods if period.state == pb.PostingPeriod.STATE_OPEN)
    within = (to_date(period.start_date) <= day < to_date(period.end_date) for period in open_days)
    return not ledger.periods or any(within)


def posting_violations(
    ledger: pb.Ledger, account: Booked, cost_center: Booked | None, posting: Posting
) -> list[pb.PostingViolation]:
    """Return everything that stands in the way of a posting."""
    found = list(_of_account(ledger, account, posting))
    if not is_open(ledger, posting.day):
        found.append(_violation(Kind.KIND_PERIOD_CLOSED, f"{posting.day} is in no open period of {ledger.name}"))
    if cost_center is not None:
        found += _of_cost_center(cost_center, posting)
    return found


def _of_account(ledger: pb.Ledger, account: Booked, posting: Posting) -> Iterator[pb.PostingViolation]:
    if account.content is None:
        yield _violation(Kind.KIND_ACCOUNT_UNKNOWN, "no account of the ledger has this number")
        return
    now: Any = at(account.record_type, account.content, posting.day)
    if now is None:
        text = f"the account is not in effect on {posting.day}"
        yield _violation(Kind.KIND_ACCOUNT_NOT_IN_EFFECT, text, account.name)
        return
    piece = now.slices[0] if now.slices else None
    if now.summary or (piece and piece.blocked_for_posting):
        why = "only sums up others" if now.summary else "is blocked"
        yield _violation(Kind.KIND_ACCOUNT_BLOCKED, f"the account {why}", account.name)
    if piece and piece.currency_code not in {"", posting.currency}:
        text = f"the account takes {piece.currency_code} only"
        yield _violation(Kind.KIND_CURRENCY, text, account.name)
    values = segment_values(now)
    for wrong in segment_violations(ledger, values, posting.day):
        yield _violation(Kind.KIND_SEGMENT, f"{wrong.field} {wrong.description}", account.name)
    for wrong in rule_violations(ledger, values):
        yield _violation(Kind.KIND_RULE, f"{wrong.field} {wrong.description}", account.name)


def _of_cost_center(cost_center: Booked, posting: Posting) -> Iterator[pb.PostingViolation]:
    if cost_center.content is None:
        yield _violation(Kind.KIND_COST_CENTER_UNKNOWN, "no cost center has this code")
        return
    now: Any = at(cost_center.record_type, cost_center.content, posting.day)
    if now is None:
        text = f"the cost center is not in effect on {posting.day}"
        yield _violation(Kind.KIND_COST_CENTER_NOT_IN_EFFECT, text, cost_center.name)
        return
    grouping = now.kind == type(now).KIND_DEPARTMENT
    if grouping or any(piece.blocked_for_posting for piece in now.slices):
        why = "only groups others" if grouping else "is blocked"
        yield _violation(Kind.KIND_COST_CENTER_BLOCKED, f"the cost center {why}", cost_center.name)


def _violation(kind: Kind.ValueType, description: str, record: str = "") -> pb.PostingViolation:
    return pb.PostingViolation(kind=kind, description=description, record=record)


def _takes(segment: pb.LedgerSegment, value: str, day: date | None) -> bool:
    fitting = [each for each in segment.values if each.value == value]
    in_use = [each for each in fitting if day is None or period_of(each).contains(day)]
    return not segment.values or bool(in_use)


def _holds(condition: pb.SegmentCondition, values: Mapping[str, str]) -> bool:
    value = values.get(condition.segment)
    if value is None:
        return False
    ranges = (each for each in condition.ranges if len(each.first) == len(value) == len(each.last))
    return value in condition.values or any(each.first <= value <= each.last for each in ranges)


def _repeated(field: str, names: Iterable[str]) -> Iterator[Violation]:
    for name, times in sorted(Counter(names).items()):
        if times > 1:
            yield Violation(f"{field}[{name}]", "is there more than once")


def _impossible_ranges(path: str, condition: pb.SegmentCondition) -> Iterator[Violation]:
    if not condition.values and not condition.ranges:
        yield Violation(path, "is fulfilled by nothing: it names no value and no range")
    for number, each in enumerate(condition.ranges):
        if len(each.first) != len(each.last) or each.first > each.last:
            yield Violation(f"{path}.ranges[{number}]", "does not go from a value to a later one of the same length")


def _impossible_values(ledger: pb.Ledger) -> Iterator[Violation]:
    for number, segment in enumerate(ledger.segments):
        for place, value in enumerate(segment.values):
            try:
                empty = period_of(value).empty
            except ValueError:
                yield Violation(f"segments[{number}].values[{place}]", "has a day that is none of the calendar")
                continue
            if empty:
                yield Violation(f"segments[{number}].values[{place}]", "ends before it begins or on the same day")


def _impossible_periods(ledger: pb.Ledger) -> Iterator[Violation]:
    spans = []
    for number, period in enumerate(ledger.periods):
        try:
            spans.append((to_date(period.start_date), to_date(period.end_date), number))
        except ValueError:
            yield Violation(f"periods[{number}]", "has a day that is none of the calendar")
            continue
        if spans[-1][0] >= spans[-1][1]:
            yield Violation(f"periods[{number}]", "ends before it begins or on the same day")
    for (_, end, _), (start, _, number) in pairwise(sorted(spans)):
        if start < end:
            yield Violation(f"periods[{number}]", "overlaps another one")
