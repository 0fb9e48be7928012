"""Random masters for property tests: small alphabets, so that sources agree, differ and collide."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from google.protobuf.message import Message
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money
from google.type.postal_address_pb2 import PostalAddress
from hypothesis import assume
from hypothesis import strategies as st

from concord.mdm.v1 import (
    account_pb2,
    cost_center_pb2,
    employee_pb2,
    ingest_pb2,
    item_pb2,
    location_pb2,
    pack_pb2,
    party_pb2,
    supplier_pb2,
    workforce_pb2,
)
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.mdm.domain.record_type import Group, RecordType
from services.mdm.domain.validity import violations
from tests.support.samples.contents import sample
from tests.support.samples.periods import period_message

FIRST_DAY = date(2024, 1, 1)
names = st.sampled_from(["", "Acme", "ACME Inc.", "Böhm & Söhne", "a/b", "[x]"])
codes = st.sampled_from(["1", "2", "HQ", "a/b", "50%"])
days = st.integers(0, 12).map(lambda number: FIRST_DAY + timedelta(days=30 * number))


def _unique(elements: st.SearchStrategy, *key: str, most: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(elements, max_size=most, unique_by=lambda element: tuple(getattr(element, part) for part in key))


tax_ids = st.builds(party_pb2.TaxId, country=st.just("US"), scheme=st.sampled_from(["ein", "tin"]), value=codes)
sites = st.builds(party_pb2.SupplierSite, code=codes, display_name=names)
bank_accounts = st.builds(party_pb2.BankAccount, code=codes, account_number=codes)
suppliers = st.builds(
    supplier_pb2.Supplier,
    legal_name=names,
    website=names,
    status=st.sampled_from(range(4)),
    trading_names=st.lists(names.filter(bool), max_size=3, unique=True),
    tax_ids=_unique(tax_ids, "country", "scheme"),
    sites=_unique(sites, "code"),
    bank_accounts=_unique(bank_accounts, "code"),
    payment_terms=st.none() | st.builds(party_pb2.PaymentTerms, net_days=st.none() | st.integers(0, 2)),
)

units = st.sampled_from(["EA", "BX", "CA"])
conversions = st.builds(
    pack_pb2.PackConversion,
    unit=units,
    contained_unit=units,
    numerator=st.integers(1, 3),
    denominator=st.integers(1, 3),
)
items = st.builds(
    item_pb2.Item,
    display_name=names,
    manufacturer_name=names,
    manufacturer_part_number=codes,
    base_unit=units,
    pack_conversions=_unique(conversions, "unit", "contained_unit"),
    trade_items=_unique(st.builds(pack_pb2.TradeItem, unit=units, gtin=codes), "unit"),
    sterile=st.none() | st.booleans(),
)


@st.composite
def slices(draw: st.DrawFn, pieces: st.SearchStrategy[Any]) -> list[Any]:
    """Draw slices that don't overlap, with gaps, in any order."""
    bounds = sorted(draw(st.sets(days, max_size=4)))
    drawn = []
    for start, end in zip([None, *bounds], [*bounds, None], strict=True):
        if draw(st.booleans()):
            piece = draw(pieces)
            if start or end:
                piece.effective_period.CopyFrom(period_message(start, end))
            drawn.append(piece)
    return draw(st.permutations(drawn))


@st.composite
def periods(draw: st.DrawFn) -> EffectivePeriod | None:
    """Draw an effective period, or none."""
    if draw(st.booleans()):
        return None
    start, end = sorted(draw(st.sets(days, min_size=2, max_size=2)))
    return period_message(start if draw(st.booleans()) else None, end if draw(st.booleans()) else None)


def _parents(parent_codes: st.SearchStrategy[str]) -> st.SearchStrategy[list[Any]]:
    hierarchies = st.sampled_from(["management", "legal"])
    parent = st.builds(cost_center_pb2.HierarchyParent, hierarchy=hierarchies, parent_code=parent_codes)
    return _unique(parent, "hierarchy", most=2)


other_codes = st.sampled_from(["above", "a/b [above]"])
"""Codes that no record of ours has: of its parents."""

cost_centers = st.builds(
    cost_center_pb2.CostCenter,
    entity=st.just("entities/mercy"),
    code=codes,
    kind=st.sampled_from(range(3)),
    effective_period=periods(),
    slices=slices(
        st.builds(
            cost_center_pb2.CostCenterSlice,
            display_name=names,
            manager=names,
            blocked_for_posting=st.none() | st.booleans(),
            parents=_parents(codes),
        )
    ),
)

locations = st.builds(
    location_pb2.Location,
    gln=st.sampled_from(["", "4012345000009", "0614141000012"]),
    entity=st.just("entities/mercy"),
    code=codes,
    kind=st.sampled_from(range(8)),
    effective_period=periods(),
    slices=slices(
        st.builds(
            location_pb2.LocationSlice,
            display_name=names,
            address=st.none() | st.builds(PostalAddress, locality=names, postal_code=codes),
            stocking=st.none() | st.booleans(),
            parents=_parents(other_codes),
        )
    ),
)

accounts = st.builds(
    account_pb2.Account,
    ledger=st.just("ledgers/general"),
    account_number=codes,
    type=st.sampled_from(range(8)),
    summary=st.none() | st.booleans(),
    segments=_unique(
        st.builds(account_pb2.AccountSegment, name=st.sampled_from(["natural", "fund"]), value=codes), "name"
    ),
    effective_period=periods(),
    slices=slices(
        st.builds(
            account_pb2.AccountSlice,
            display_name=names,
            blocked_for_posting=st.none() | st.booleans(),
            currency_code=st.sampled_from(["", "EUR", "USD"]),
            parents=_parents(other_codes),
        )
    ),
)


@st.composite
def assignments(draw: st.DrawFn) -> list[workforce_pb2.Assignment]:
    """Draw assignments whose shares are the whole at most: one without a share, or parts of a whole."""
    charged = st.builds(workforce_pb2.Assignment, entity=st.just("entities/mercy"), cost_center_code=codes)
    if draw(st.booleans()):
        return [draw(charged)]
    parts = draw(st.lists(st.integers(1, 3), max_size=3))
    whole = sum(parts) + draw(st.integers(0, 2))
    drawn = [draw(charged) for _ in parts]
    for one, part in zip(drawn, parts, strict=True):
        one.share.numerator, one.share.denominator = part, whole
    return drawn


shifts = st.sampled_from(["night", "weekend"])
shift_differentials = st.builds(
    workforce_pb2.ShiftDifferential,
    code=shifts,
    hourly_amount=st.builds(Money, currency_code=st.just("USD"), units=st.integers(1, 3)),
) | st.builds(
    workforce_pb2.ShiftDifferential,
    code=shifts,
    percentage=st.builds(Decimal, value=st.sampled_from(["12.5", "5"])),
)
work_contacts = st.builds(
    workforce_pb2.WorkContact,
    channel=st.sampled_from([1, 2]),
    label=st.sampled_from(["", "ward"]),
    value=codes,
)
employees = st.builds(
    employee_pb2.Employee,
    entity=st.just("entities/mercy"),
    employee_number=codes,
    display_name=names,
    family_name=names,
    status=st.sampled_from(range(4)),
    work_contacts=_unique(work_contacts, "channel", "label"),
    effective_period=periods(),
    slices=slices(
        st.builds(
            workforce_pb2.EmployeeSlice,
            job_title=names,
            location=names,
            manager_number=other_codes,
            assignments=assignments(),
            shift_differentials=_unique(shift_differentials, "code", most=2),
        )
    ),
)


@st.composite
def engaged(draw: st.DrawFn) -> employee_pb2.Employee:
    """Draw an employee whose worker type fits what is said of the engagement."""
    drawn: employee_pb2.Employee = draw(employees)
    drawn.worker_type = draw(st.sampled_from(list(employee_pb2.Employee.WorkerType.values())))
    if drawn.worker_type != employee_pb2.Employee.WORKER_TYPE_EMPLOYEE:
        drawn.contractor_classification = draw(st.sampled_from(["", "1099"]))
    if drawn.worker_type == employee_pb2.Employee.WORKER_TYPE_AGENCY:
        drawn.agency = draw(st.sampled_from(["", "suppliers/agency"]))
    return drawn


@st.composite
def declared(draw: st.DrawFn, record_type: RecordType) -> Message:
    """Draw a content of any type from its declaration alone, group by group from samples."""
    content = record_type.message()
    _take(draw, content, record_type.groups, [sample(record_type, number) for number in (1, 2)])
    field = record_type.slice_field
    if field is not None:
        ours = [getattr(sample(record_type, number), field)[0] for number in (1, 2)]
        bounds = sorted(draw(st.sets(days, max_size=3)))
        for start, end in zip([None, *bounds], [*bounds, None], strict=True):
            if draw(st.booleans()):
                piece = getattr(content, field).add()
                _take(draw, piece, record_type.slice_groups, ours)
                if start or end:
                    piece.effective_period.CopyFrom(period_message(start, end))
    # What samples say goes together within a group; only rules across groups can be broken, which is rare.
    assume(not violations(record_type, content, strict=False))
    return content


def _take(draw: st.DrawFn, message: Message, groups: Iterable[Group], whole: list[Any]) -> None:
    for group in groups:
        taken = draw(st.sampled_from([None, *whole]))
        if taken is not None:
            part = type(message)()
            part.CopyFrom(taken)
            for field, _ in taken.ListFields():
                if field.name not in group.fields:
                    part.ClearField(field.name)
            message.MergeFrom(part)


_OWN: dict[str, st.SearchStrategy] = {
    "account": accounts,
    "cost_center": cost_centers,
    "employee": engaged(),
    "item": items,
    "location": locations,
    "supplier": suppliers,
}
"""The types with strategies of their own: small alphabets, so that sources agree, differ and collide."""


def contents(record_type: RecordType) -> st.SearchStrategy:
    """Return contents of a type."""
    return _OWN[record_type.name] if record_type.name in _OWN else declared(record_type)


@st.composite
def submissions(draw: st.DrawFn, record_type: RecordType, system: str, key: str = "1") -> ingest_pb2.SourceRecord:
    """Draw what a system says about one thing, withdrawals included."""
    withdrawable = ["legal_name", "sites", "sites[HQ]"] if record_type.name == "supplier" else []
    if record_type.slice_field is not None:
        sliced = record_type.slice_groups[0].name
        withdrawable += [f"{record_type.slice_field}.{sliced}", record_type.slice_field, "effective_period"]
    record = ingest_pb2.SourceRecord(
        name=f"{system}/sourceRecords/{key}",
        system=system,
        key=key,
        content=record_type.pack(draw(contents(record_type))),
        withdrawn_paths=draw(st.lists(st.sampled_from(withdrawable), unique=True)) if withdrawable else [],
    )
    record.source_time.seconds = draw(st.integers(0, 3))
    return record
