"""Source records of one golden record, as the hub stores them, for tests of survivorship."""

from google.protobuf.message import Message
from hypothesis import strategies as st

from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1 import pin_pb2, supplier_pb2
from services.mdm.domain.assertions import restate
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.golden import Golden, Trust, survive
from services.mdm.domain.survivorship.pinning import Pin
from services.mdm.domain.survivorship.ranking import Criterion, Rules, group_names
from tests.support.samples.strategies import contents, submissions

TRUST = {
    "systems/hub": Trust(1, "systems/hub@1"),
    "systems/erp": Trust(2, "systems/erp@4"),
    "systems/saas": Trust(2, "systems/saas@2"),
    "systems/legacy": Trust(5, "systems/legacy@1"),
}
_KEYS = [("systems/erp", "1"), ("systems/erp", "2"), ("systems/saas", "1"), ("systems/hub", "1")]


def stored(
    record_type: RecordType, submitted: pb.SourceRecord, previous: pb.SourceRecord | None = None
) -> pb.SourceRecord:
    """Return a submission as it is stored."""
    restated = restate(record_type, previous, submitted)
    stored = restated.statement if restated is not None else previous
    assert stored is not None
    return stored


def source(content: Message, system: str, second: int = 1, key: str = "1", *withdrawn: str) -> pb.SourceRecord:
    """Return the stored word of a system."""
    record_type = next(one for one in RECORD_TYPES if isinstance(content, one.message))
    record = pb.SourceRecord(
        name=f"systems/{system}/sourceRecords/{key}",
        system=f"systems/{system}",
        key=key,
        content=record_type.pack(content),
        withdrawn_paths=withdrawn,
    )
    record.source_time.seconds = second
    return stored(record_type, record)


def named(name: str, system: str, second: int = 1, key: str = "1") -> pb.SourceRecord:
    """Return a system's word about a supplier's name."""
    return source(supplier_pb2.Supplier(legal_name=name), system, second, key)


def golden_of(record_type: RecordType, *sources: pb.SourceRecord) -> Golden:
    """Return what survives of sources."""
    golden = survive(record_type, sources, TRUST)
    assert golden is not None
    return golden


def pin(path: str, value: Message | None, number: int = 1) -> Pin:
    """Return a pin in force."""
    statement = pin_pb2.Pin(name=f"pins/{number}", revision=1, path=path, author="ann", reason="by phone")
    statement.pin_time.seconds = 2
    return Pin(statement, value)


@st.composite
def families(
    draw: st.DrawFn, record_types: tuple[RecordType, ...] = RECORD_TYPES
) -> tuple[RecordType, list[pb.SourceRecord]]:
    """Draw stored source records of one golden record, two of them of one system."""
    record_type = draw(st.sampled_from(record_types))
    chosen = draw(st.lists(st.sampled_from(_KEYS), min_size=1, unique=True))
    return record_type, [stored(record_type, draw(submissions(record_type, *key))) for key in chosen]


@st.composite
def rules(draw: st.DrawFn, record_type: RecordType) -> Rules:
    """Draw registered rules, of some groups or of all."""
    some = draw(st.lists(st.sampled_from(group_names(record_type)), unique=True))
    criteria = st.lists(st.sampled_from(Criterion.values()[1:]), min_size=1, unique=True).map(tuple)
    return Rules({group: draw(criteria) for group in some}, f"survivorshipRules/{record_type.name}@3")


@st.composite
def pins(draw: st.DrawFn, record_type: RecordType) -> list[Pin]:
    """Draw pins on distinct slots, some of them empty."""
    offered = slots_of(record_type, draw(contents(record_type)))
    chosen = draw(st.lists(st.sampled_from(sorted(offered)), unique=True, max_size=3)) if offered else []
    return [
        pin(path, draw(st.sampled_from([offered[path], None])), number) for number, path in enumerate(chosen, start=1)
    ]
