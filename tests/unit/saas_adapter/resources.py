"""Resources as the workforce service gives them, and golden cost centers, drawn by hypothesis."""

from datetime import date, timedelta

from google.type.date_pb2 import Date
from hypothesis import strategies as st

from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.saas_adapter.domain.scim.conventions import Conventions

CONVENTIONS = Conventions({"general": "entities/general", "shared": "entities/shared-services"})

_PRINTABLE = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])
TEXT = st.text(_PRINTABLE, max_size=20)
SAID = TEXT.filter(str.strip)
DAY = st.dates(date(2000, 1, 1), date(2040, 1, 1))


RESOURCES = st.fixed_dictionaries(
    {"id": st.uuids().map(str), "code": SAID, "displayName": SAID},
    optional={
        "manager": TEXT | st.none(),
        "department": TEXT,
        "entity": st.sampled_from(["", *CONVENTIONS.entities]),
        "active": st.booleans() | st.none(),
        "validTo": DAY.map(date.isoformat) | st.just(""),
        "nickName": TEXT,
    },
)


@st.composite
def cost_centers(draw: st.DrawFn) -> CostCenter:
    """Draw a cost center with a history, as stewards and other systems write it."""
    start = draw(DAY)
    edges = [start + timedelta(days=days) for days in sorted(draw(st.sets(st.integers(0, 9000), min_size=1)))]
    slices = [_slice(draw, *edges[number : number + 2]) for number in range(len(edges))]
    period = EffectivePeriod(start_date=_date(start)) if draw(st.booleans()) else EffectivePeriod()
    if draw(st.booleans()):
        period.end_date.CopyFrom(_date(edges[-1] + timedelta(days=30)))
    return CostCenter(
        entity=draw(st.sampled_from(["", "entities/general", "entities/shared-services", "entities/elsewhere"])),
        code=draw(TEXT),
        kind=draw(st.sampled_from([CostCenter.KIND_UNSPECIFIED, CostCenter.KIND_POSTING])),
        effective_period=period,
        slices=draw(st.sampled_from([slices, []])),
    )


def _slice(draw: st.DrawFn, begin: date, end: date | None = None) -> CostCenterSlice:
    period = EffectivePeriod(start_date=_date(begin), end_date=_date(end) if end else None)
    piece = CostCenterSlice(effective_period=period, display_name=draw(TEXT), manager=draw(TEXT))
    piece.location, piece.currency_code = draw(TEXT), draw(st.sampled_from(["", "USD"]))
    if draw(st.booleans()):
        piece.blocked_for_posting = draw(st.booleans())
    for hierarchy in draw(st.sets(st.sampled_from(["management", "workforce"]))):
        piece.parents.append(HierarchyParent(hierarchy=hierarchy, parent_code=draw(SAID)))
    return piece


def _date(day: date) -> Date:
    return Date(year=day.year, month=day.month, day=day.day)
