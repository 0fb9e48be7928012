"""Random masters for property tests: small alphabets, so that sources agree, differ and collide."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.type.date_pb2 import Date
from hypothesis import assume
from hypothesis import strategies as st

from concord.mdm.v1 import cost_center_pb2, ingest_pb2, item_pb2, pack_pb2, party_pb2, supplier_pb2
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.mdm.domain.record_type import Group, RecordType
from services.mdm.domain.validity import violations

FIRST_DAY = date(2024, 1, 1)
names = st.sampled_from(["", "Acme", "ACME Inc.", "Böhm & Söhne", "a/b", "[x]"])
codes = st.sampled_from(["1", "2", "HQ", "a/b", "50%"])
days = st.integers(0, 12).map(lambda number: FIRST_DAY + timedelta(days=30 * number))


def date_message(day: date) -> Date:
    """Return a day as google.type.Date."""
    return Date(year=day.year, month=day.month, day=day.day)


def period_message(start: date | None, end: date | None) -> EffectivePeriod:
    """Return a period as the contract's message."""
    return EffectivePeriod(
        start_date=date_message(start) if start else None, end_date=date_message(end) if end else None
    )


def _unique(elements: st.SearchStrategy, *key: str) -> st.SearchStrategy[list[Any]]:
    return st.lists(elements, max_size=3, unique_by=lambda element: tuple(getattr(element, part) for part in key))


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
def slices(draw: st.DrawFn) -> list[cost_center_pb2.CostCenterSlice]:
    """Draw slices that don't overlap, with gaps, in any order."""
    bounds = sorted(draw(st.sets(days, max_size=4)))
    pieces = []
    for start, end in zip([None, *bounds], [*bounds, None], strict=True):
        if draw(st.booleans()):
            hierarchies = draw(st.sets(st.sampled_from(["management", "legal"])))
            pieces.append(
                cost_center_pb2.CostCenterSlice(
                    effective_period=period_message(start, end) if start or end else None,
                    display_name=draw(names),
                    manager=draw(names),
                    blocked_for_posting=draw(st.none() | st.booleans()),
                    parents=[
                        cost_center_pb2.HierarchyParent(hierarchy=hierarchy, parent_code=draw(codes))
                        for hierarchy in sorted(hierarchies)
                    ],
                )
            )
    return draw(st.permutations(pieces))


@st.composite
def periods(draw: st.DrawFn) -> EffectivePeriod | None:
    """Draw an effective period, or none."""
    if draw(st.booleans()):
        return None
    start, end = sorted(draw(st.sets(days, min_size=2, max_size=2)))
    return period_message(start if draw(st.booleans()) else None, end if draw(st.booleans()) else None)


cost_centers = st.builds(
    cost_center_pb2.CostCenter,
    entity=st.just("entities/mercy"),
    code=codes,
    kind=st.sampled_from(range(3)),
    effective_period=periods(),
    slices=slices(),
)


@st.composite
def _declared(draw: st.DrawFn, record_type: RecordType) -> Message:
    """Draw a content of any type from its declaration alone: every text, flag and keyed collection that it has."""
    content = record_type.message()
    _fill(draw, content, record_type.groups, record_type)
    if record_type.slice_field is not None:
        bounds = sorted(draw(st.sets(days, max_size=3)))
        for start, end in zip([None, *bounds], [*bounds, None], strict=True):
            if draw(st.booleans()):
                piece = getattr(content, record_type.slice_field).add()
                if start or end:
                    piece.effective_period.CopyFrom(period_message(start, end))
                _fill(draw, piece, record_type.slice_groups, record_type)
    assume(not violations(record_type, content, strict=False))
    return content


def _fill(draw: st.DrawFn, message: Message, groups: Iterable[Group], record_type: RecordType) -> None:
    for group in groups:
        for name in group.fields:
            field: Any = message.DESCRIPTOR.fields_by_name[name]
            if name == record_type.period_field:
                if (period := draw(periods())) is not None:
                    getattr(message, name).CopyFrom(period)
            elif group.element_key == ("",):
                getattr(message, name).extend(draw(st.lists(names.filter(bool), max_size=2, unique=True)))
            elif group.keyed:
                _add_elements(draw, message, field, group.element_key)
            elif field.message_type is None and not field.is_repeated and draw(st.booleans()):
                setattr(message, name, draw(_scalar(field)))


def _add_elements(draw: st.DrawFn, message: Message, field: Any, key: tuple[str, ...]) -> None:
    seen = set()
    for _ in range(draw(st.integers(0, 2))):
        element = GetMessageClass(field.message_type)()
        for inner in field.message_type.fields:
            if inner.message_type is None and not inner.is_repeated:
                setattr(element, inner.name, draw(_scalar(inner)))
        identity = tuple(getattr(element, part) for part in key)
        if identity not in seen:
            seen.add(identity)
            getattr(message, field.name).append(element)


def _scalar(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values][1:])
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return st.booleans()
    return codes if field.cpp_type == FieldDescriptor.CPPTYPE_STRING else st.integers(0, 3)


def contents(record_type: RecordType) -> st.SearchStrategy:
    """Return contents of a type."""
    known = {"supplier": suppliers, "item": items, "cost_center": cost_centers}
    return known.get(record_type.name, _declared(record_type))


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
