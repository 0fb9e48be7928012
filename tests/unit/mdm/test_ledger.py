from datetime import date

import pytest
from google.protobuf.json_format import ParseDict
from google.type.date_pb2 import Date

from concord.mdm.v1 import account_pb2, cost_center_pb2, ledger_pb2
from services.mdm.domain.ledger import (
    Booked,
    Posting,
    account_violations,
    is_open,
    posting_violations,
    structure_violations,
)
from services.mdm.domain.types.account import ACCOUNT
from services.mdm.domain.types.cost_center import COST_CENTER

STRUCTURE = {
    "name": "ledgers/general",
    "displayName": "General ledger",
    "entity": "entities/group",
    "currencyCode": "USD",
    "segments": [
        {"name": "natural", "values": [{"value": "1000"}, {"value": "6000"}, {"value": "6100"}]},
        {"name": "fund", "isOptional": True},
    ],
    "rules": [
        {
            "name": "expenses need a fund",
            "explanation": "grants are audited",
            "when": [{"segment": "natural", "ranges": [{"first": "6000", "last": "6099"}]}],
            "then": [{"segment": "fund", "values": ["A", "B"]}],
        }
    ],
    "periods": [
        {"name": "2026-06", "startDate": {"year": 2026, "month": 6, "day": 1},
         "endDate": {"year": 2026, "month": 7, "day": 1}, "state": "STATE_CLOSED"},
        {"name": "2026-07", "startDate": {"year": 2026, "month": 7, "day": 1},
         "endDate": {"year": 2026, "month": 8, "day": 1}, "state": "STATE_OPEN"},
    ],
}  # fmt: skip
LEDGER = ParseDict(STRUCTURE, ledger_pb2.Ledger())
JULY = Posting(date(2026, 7, 15), "USD")
Kind = ledger_pb2.PostingViolation


def account(**values: str) -> account_pb2.Account:
    segments = [account_pb2.AccountSegment(name=name, value=value) for name, value in values.items()]
    return account_pb2.Account(ledger=LEDGER.name, account_number="-".join(values.values()), segments=segments)


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"natural": "1000"}, []),
        ({"natural": "6000", "fund": "A"}, []),
        ({"natural": "6100"}, []),
        ({"natural": "6000"}, ["segments[fund]"]),
        ({"natural": "6000", "fund": "C"}, ["segments[fund]"]),
        ({"natural": "7777"}, ["segments[natural]"]),
        ({"fund": "A"}, ["segments[natural]"]),
        ({"natural": "1000", "site": "9"}, ["segments[site]"]),
    ],
)
def test_an_account_has_the_segments_values_and_combinations_of_its_ledger(
    values: dict[str, str], fields: list[str]
) -> None:
    assert [v.field for v in account_violations(LEDGER, account(**values))] == fields


def test_an_account_that_sums_up_others_may_lack_segments_and_is_bound_by_no_rule() -> None:
    summing = account(natural="6000")
    summing.summary = True
    assert not list(account_violations(LEDGER, summing))
    assert not list(account_violations(LEDGER, account_pb2.Account(summary=True)))
    summing.segments[0].value = "7777"
    assert [v.field for v in account_violations(LEDGER, summing)] == ["segments[natural]"]


def test_a_ledger_without_segments_takes_no_number_apart() -> None:
    assert not list(account_violations(ledger_pb2.Ledger(), account(anything="1")))


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2026, 6, 30), False), (date(2026, 7, 1), True), (date(2026, 7, 31), True), (date(2026, 8, 1), False)],
)
def test_a_day_is_open_in_an_open_period_alone(day: date, *, expected: bool) -> None:
    assert is_open(LEDGER, day) is expected
    assert is_open(ledger_pb2.Ledger(), day)


def test_nothing_stands_in_the_way_of_a_good_posting() -> None:
    center = cost_center_pb2.CostCenter(entity="entities/group", code="1", kind=cost_center_pb2.CostCenter.KIND_POSTING)
    booked = Booked(COST_CENTER, "costCenters/1", center)
    assert posting_violations(LEDGER, Booked(ACCOUNT, "accounts/1", account(natural="1000")), booked, JULY) == []


def test_everything_that_stands_in_the_way_is_told_at_once() -> None:
    wrong = account(natural="6000")
    wrong.summary = True
    wrong.slices.add(currency_code="EUR")
    center = cost_center_pb2.CostCenter(kind=cost_center_pb2.CostCenter.KIND_DEPARTMENT)
    found = posting_violations(
        LEDGER,
        Booked(ACCOUNT, "accounts/1", wrong),
        Booked(COST_CENTER, "costCenters/1", center),
        Posting(date(2026, 6, 1), "USD"),
    )
    assert [(each.kind, each.record) for each in found] == [
        (Kind.KIND_ACCOUNT_BLOCKED, "accounts/1"),
        (Kind.KIND_CURRENCY, "accounts/1"),
        (Kind.KIND_RULE, "accounts/1"),
        (Kind.KIND_PERIOD_CLOSED, ""),
        (Kind.KIND_COST_CENTER_BLOCKED, "costCenters/1"),
    ]


def test_what_is_not_there_or_not_in_effect_is_told() -> None:
    ended = account(natural="1000")
    ended.effective_period.end_date.CopyFrom(Date(year=2026, month=7, day=1))
    center = cost_center_pb2.CostCenter()
    center.effective_period.CopyFrom(ended.effective_period)
    late = posting_violations(LEDGER, Booked(ACCOUNT, "a", ended), Booked(COST_CENTER, "c", center), JULY)
    assert [each.kind for each in late] == [Kind.KIND_ACCOUNT_NOT_IN_EFFECT, Kind.KIND_COST_CENTER_NOT_IN_EFFECT]
    nothing = posting_violations(LEDGER, Booked(ACCOUNT, "", None), Booked(COST_CENTER, "", None), JULY)
    assert [each.kind for each in nothing] == [Kind.KIND_ACCOUNT_UNKNOWN, Kind.KIND_COST_CENTER_UNKNOWN]


def test_a_structure_that_contradicts_itself_is_told() -> None:
    assert list(structure_violations(LEDGER)) == []
    wrong = ParseDict(STRUCTURE, ledger_pb2.Ledger())
    wrong.segments.add(name="natural")
    wrong.currency_code = ""
    wrong.rules[0].then[0].segment = "nothing"
    wrong.rules[0].when[0].ranges[0].last = "59"
    wrong.rules[0].when.add(segment="fund")
    wrong.periods[1].start_date.day = 0
    wrong.periods[0].end_date.month = 6
    wrong.periods.add(name="x", start_date=Date(year=2026, month=6, day=1), end_date=Date(year=2026, month=9, day=1))
    assert [v.field for v in structure_violations(wrong)] == [
        "currency_code",
        "segments[natural]",
        "rules[0].when[0].ranges[0]",
        "rules[0].when[1]",
        "rules[0].then[0].segment",
        "periods[0]",
        "periods[1]",
    ]
    wrong.periods[0].end_date.month = 7
    assert [v.field for v in structure_violations(wrong)][-1] == "periods[2]"


def test_a_value_is_in_use_during_a_period_that_the_calendar_has() -> None:
    wrong = ParseDict(STRUCTURE, ledger_pb2.Ledger())
    wrong.segments[0].values[0].effective_period.start_date.CopyFrom(Date(year=2026, month=2, day=30))
    day = Date(year=2026, month=3, day=1)
    for bound in ("start_date", "end_date"):
        getattr(wrong.segments[0].values[1].effective_period, bound).CopyFrom(day)
    assert [v.field for v in structure_violations(wrong)] == ["segments[0].values[0]", "segments[0].values[1]"]
