"""Records as other systems and stewards write them, drawn by hypothesis."""

from datetime import date, timedelta

from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from google.type.postal_address_pb2 import PostalAddress
from hypothesis import strategies as st

from concord.mdm.v1.account_pb2 import Account, AccountSlice
from concord.mdm.v1.cost_center_pb2 import CostCenter, CostCenterSlice, HierarchyParent
from concord.mdm.v1.item_pb2 import Item
from concord.mdm.v1.location_pb2 import Location, LocationSlice
from concord.mdm.v1.pack_pb2 import PackConversion, PriceReference, TradeItem
from concord.mdm.v1.party_pb2 import Classification, PaymentTerms, SupplierSite, TaxId
from concord.mdm.v1.record_pb2 import EffectivePeriod
from concord.mdm.v1.supplier_pb2 import Supplier
from services.erp_adapter.domain.tryton.item import FLAGS

PRINTABLE = st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"])
TEXT = st.text(PRINTABLE, max_size=20)
SAID = TEXT.filter(str.strip)
NUMBER = st.text("0123456789", min_size=1, max_size=14)
CODE = st.text("ABC-./[]%019", min_size=1, max_size=8).filter(str.strip)
DAY = st.dates(date(2000, 1, 1), date(2040, 1, 1))

SITES = st.builds(
    SupplierSite,
    code=CODE,
    gln=st.sampled_from(["", "9528496044939"]),
    purposes=st.lists(st.sampled_from([1, 2]), unique=True),
    address=st.builds(
        PostalAddress,
        region_code=st.sampled_from(["", "US", "DE"]),
        administrative_area=st.sampled_from(["", "MN"]),
        locality=TEXT,
        postal_code=TEXT,
        address_lines=st.lists(TEXT, max_size=3),
        sublocality=st.sampled_from(["", "", "", "Mitte"]),
    ),
)

SUPPLIERS = st.builds(
    Supplier,
    legal_name=TEXT,
    lei=st.sampled_from(["", "999900ASRF40Z39SI135", "rubbish"]),
    duns=st.sampled_from(["", "822372249"]),
    gln=st.sampled_from(["", "9528496044939"]),
    npi=st.sampled_from(["", "2132104995"]),
    phone=TEXT,
    email=TEXT,
    website=TEXT,
    status=st.sampled_from(list(Supplier.Status.values())),
    payment_terms=st.builds(PaymentTerms, display_name=TEXT, net_days=st.none() | st.integers(0, 90)),
    tax_ids=st.lists(
        st.builds(
            TaxId,
            country=st.sampled_from(["US", "DE"]),
            scheme=st.sampled_from(["ein", "vat", "A b"]),
            value=st.sampled_from(["", "999999999", "04-2103594"]),
        ),
        unique_by=lambda each: (each.country, each.scheme),
    ),
    classifications=st.lists(
        st.builds(Classification, scheme=st.sampled_from(["vendor_category", "naics"]), code=SAID.map(str.strip)),
        unique_by=lambda each: (each.scheme, each.code),
        max_size=3,
    ),
    sites=st.lists(SITES, unique_by=lambda each: each.code, max_size=3),
)


@st.composite
def items(draw: st.DrawFn) -> Item:
    base = draw(st.sampled_from(["", "EA", "VI", "BX"]))
    units = ["EA", "BX", "CA", "PL"]
    edges = st.builds(
        PackConversion,
        unit=st.sampled_from(units),
        contained_unit=st.sampled_from(units),
        numerator=st.integers(1, 500),
        denominator=st.sampled_from([1, 1, 2]),
    )
    money = st.builds(
        Money,
        currency_code=st.sampled_from(["USD", "USD", "EUR"]),
        units=st.integers(0, 10**6),
        nanos=st.sampled_from([0, 500_000_000, 123_400_000, 100]),
    )
    item = Item(
        base_unit=base,
        pack_conversions=draw(st.lists(edges, max_size=3, unique_by=lambda edge: edge.unit)),
        display_name=draw(TEXT),
        description=draw(TEXT),
        manufacturer_name=draw(TEXT),
        manufacturer_part_number=draw(CODE),
        ndc=draw(st.sampled_from(["", "0270-2971-01"])),
        unspsc_code=draw(st.sampled_from(["", "42142501"])),
        hcpcs_codes=draw(st.lists(st.sampled_from(["A4338", "B1000"]), unique=True)),
        status=draw(st.sampled_from(list(Item.Status.values()))),
    )
    for unit in draw(st.sets(st.sampled_from(units))):
        item.trade_items.add().CopyFrom(TradeItem(unit=unit, gtin=draw(NUMBER).zfill(14)))
    for kind in draw(st.sets(st.sampled_from(["list", "cost", "contract"]))):
        unit = draw(st.sampled_from([base, "PL"]))
        item.prices.add().CopyFrom(PriceReference(kind=kind, price=draw(money), unit=unit))
    for flag in FLAGS:
        if draw(st.booleans()):
            setattr(item, flag, draw(st.booleans()))
    return item


def day_message(day: date) -> Date:
    return Date(year=day.year, month=day.month, day=day.day)


def _periods(draw: st.DrawFn) -> list[EffectivePeriod]:
    """Draw periods of slices, one after the other."""
    start = draw(DAY)
    bounds = [start + timedelta(days=days) for days in sorted(draw(st.sets(st.integers(1, 9000), max_size=3)))]
    edges = [start, *bounds]
    periods = []
    for number, begin in enumerate(edges):
        period = EffectivePeriod(start_date=day_message(begin))
        if number + 1 < len(edges):
            period.end_date.CopyFrom(day_message(edges[number + 1]))
        periods.append(period)
    return periods


def _whole(draw: st.DrawFn, periods: list[EffectivePeriod]) -> EffectivePeriod:
    period = EffectivePeriod(start_date=periods[0].start_date)
    if draw(st.booleans()):
        last = periods[-1].start_date
        period.end_date.CopyFrom(day_message(date(last.year, last.month, last.day) + timedelta(days=30)))
    return period


@st.composite
def cost_centers(draw: st.DrawFn) -> CostCenter:
    periods, slices = _periods(draw), []
    for period in periods:
        piece = CostCenterSlice(effective_period=period, display_name=draw(SAID), manager=draw(TEXT))
        piece.location = draw(TEXT)
        if draw(st.booleans()):
            piece.blocked_for_posting = draw(st.booleans())
        if draw(st.booleans()):
            scope = draw(st.sampled_from(["", "entities/general", "entities/shared"]))
            piece.parents.append(HierarchyParent(hierarchy="management", parent_code=draw(CODE), parent_scope=scope))
        slices.append(piece)
    return CostCenter(
        entity=draw(st.sampled_from(["entities/general", "entities/shared"])),
        code=draw(CODE),
        kind=draw(st.sampled_from([CostCenter.KIND_POSTING, CostCenter.KIND_DEPARTMENT])),
        effective_period=_whole(draw, periods),
        slices=slices,
    )


@st.composite
def locations(draw: st.DrawFn) -> Location:
    slices = []
    for period in _periods(draw):
        piece = LocationSlice(effective_period=period, display_name=draw(SAID), stocking=draw(st.booleans()))
        for hierarchy in draw(st.sets(st.sampled_from(["stock", "legal"]))):
            piece.parents.append(HierarchyParent(hierarchy=hierarchy, parent_code=draw(CODE).strip()))
        slices.append(piece)
    return Location(
        gln=draw(st.sampled_from(["", "9528496044939"])),
        entity=draw(st.sampled_from(["entities/general", "entities/other"])),
        code=draw(CODE).strip(),
        kind=draw(st.sampled_from(list(Location.Kind.values()))),
        slices=slices,
    )


@st.composite
def accounts(draw: st.DrawFn) -> Account:
    periods, slices = _periods(draw), []
    for period in periods:
        piece = AccountSlice(effective_period=period, display_name=draw(SAID), currency_code="CAD")
        if draw(st.booleans()):
            piece.blocked_for_posting = draw(st.booleans())
        for hierarchy in draw(st.sets(st.sampled_from(["chart", "legal"]))):
            piece.parents.append(HierarchyParent(hierarchy=hierarchy, parent_code=draw(CODE).strip()))
        slices.append(piece)
    account = Account(
        ledger=draw(st.sampled_from(["ledgers/main", "ledgers/other"])),
        account_number=draw(CODE).strip(),
        type=draw(st.sampled_from(list(Account.Type.values()))),
        effective_period=_whole(draw, periods),
        slices=slices,
    )
    if draw(st.booleans()):
        account.summary = draw(st.booleans())
    return account
