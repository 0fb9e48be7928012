"""Rebuilding: every stored golden record is what its inputs make, and one that is not is found."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from concord.audit.v1 import audit_pb2
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_pb2, merge_pb2, pin_pb2, rebuild_pb2, record_pb2, supplier_pb2
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import slots_of
from services.mdm.domain.survivorship.golden import canonical_digest
from services.mdm.domain.survivorship.ranking import group_names
from services.mdm.domain.types.cost_center import COST_CENTER
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.stewardship.merging import Marked, Ruling
from services.mdm.storage.stewardship.pins import Asked
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError
from services.mesh.records.store import RevisionDraft
from tests.support.database.databases import Databases
from tests.support.hub.ruling import Criterion, enact, rule, settle, trust
from tests.support.hub.stored import A_DAY, ORIGIN, TestHub, decision, statement, test_hub
from tests.support.samples.strategies import contents

Kind = rebuild_pb2.GoldenDifference.Kind
NEVER = A_DAY.replace(year=2100)


@pytest.fixture(scope="module")
def lasting(databases: Databases) -> Iterator[TestHub]:
    """One hub for many random histories."""
    with test_hub(databases) as opened:
        yield opened


def differing(hub: TestHub, record_type: RecordType = SUPPLIER) -> list[rebuild_pb2.GoldenDifference]:
    """Return what differs among all golden records of a type, in chunks."""
    found, after, more = list[rebuild_pb2.GoldenDifference](), "", True
    while more:
        some, seen, more = hub.parts.rebuilding.differences(record_type, after, 2)
        found += some
        after = seen[-1] if seen else after
    return found


def plant(hub: TestHub, key: str = "1") -> str:
    content = supplier_pb2.Supplier(legal_name="Acme", website="https://acme.example")
    (answer,) = hub.submit(statement("systems/erp", key, content))
    assert isinstance(answer, Applied)
    return answer.golden


def falsify(hub: TestHub, name: str, content: Message, inputs: record_pb2.Explanation | None = None) -> None:
    """Append a revision of a golden record as nothing but a fault of ours would, with its evidence."""
    store = hub.parts.store
    with hub.database.transaction() as connection:
        revision = store.read(connection, [name])[name]
        draft = RevisionDraft(
            record=name,
            record_type=revision.record_type,
            operation=audit_pb2.OPERATION_UPDATE,
            content=content,
            head=revision.head,
            entities=revision.entities,
            inputs=inputs.SerializeToString() if inputs else store.inputs(revision),
        )
        store.append(connection, [draft], ORIGIN)


def stated(hub: TestHub, name: str) -> record_pb2.Explanation:
    def read(connection: object) -> record_pb2.Explanation:
        revision = hub.parts.reader.read(connection, [name], None)[name]  # type: ignore[arg-type]
        return hub.parts.reader.stated(revision)

    return hub.parts.transactions.read(read)


def bare(hub: TestHub, name: str) -> supplier_pb2.Supplier:
    content = supplier_pb2.Supplier()
    for part in slots_of(SUPPLIER, hub.supplier(name)).values():
        content.MergeFrom(part)  # type: ignore[arg-type]
    return content


def test_a_planted_content_is_found_and_put_right_only_when_told(hub: TestHub) -> None:
    name = plant(hub)
    for number in range(2, 5):
        plant(hub, str(number))
    truth = bare(hub, name)
    falsify(hub, name, supplier_pb2.Supplier(legal_name="Acne", website="https://acme.example"))
    for _ in range(2):
        (found,) = differing(hub)
        assert (found.golden_record, found.revision, found.kind) == (name, 2, Kind.KIND_CONTENT)
        assert list(found.paths) == ["legal_name"]
        assert found.rebuilt_digest == canonical_digest(SUPPLIER, truth)
        assert found.stored_digest != found.rebuilt_digest
    assert hub.parts.rebuilding.mend(SUPPLIER, [name], ORIGIN) == {name: 3}
    assert (bare(hub, name), differing(hub)) == (truth, [])


def test_a_planted_explanation_a_missing_input_and_a_stale_record_are_told_apart(hub: TestHub) -> None:
    wrong, lost, stale = (plant(hub, key) for key in ("1", "2", "3"))
    digest = stated(hub, wrong)
    digest.digest = b"something else"
    falsify(hub, wrong, bare(hub, wrong), digest)
    missing = stated(hub, lost)
    missing.source_revisions[0] = missing.source_revisions[0].replace("@1", "@9")
    falsify(hub, lost, bare(hub, lost), missing)
    before, content = stated(hub, stale), bare(hub, stale)
    hub.submit(statement("systems/erp", "3", supplier_pb2.Supplier(legal_name="New"), at=A_DAY + timedelta(days=1)))
    falsify(hub, stale, content, before)
    found = {each.golden_record: each for each in differing(hub)}
    assert {name: each.kind for name, each in found.items()} == {
        wrong: Kind.KIND_EXPLANATION,
        lost: Kind.KIND_INPUT_MISSING,
        stale: Kind.KIND_STALE,
    }
    assert found[lost].missing_input == missing.source_revisions[0]
    assert list(found[stale].paths) == ["legal_name", "website"]
    hub.parts.rebuilding.mend(SUPPLIER, list(found), ORIGIN)
    assert (differing(hub), hub.supplier(stale).legal_name) == ([], "New")


def test_a_golden_record_that_forgot_its_pin_is_found_and_put_right(hub: TestHub) -> None:
    name = plant(hub)
    value, before = supplier_pb2.Supplier(legal_name="Pinned"), stated(hub, name)
    asked = Asked(SUPPLIER, name, hub.supplier(name).etag, "legal_name", value, "T-17", NEVER)
    truth = bare(hub, name)
    hub.parts.pins.pin(asked, decision(value))
    assert differing(hub) == []
    falsify(hub, name, truth, before)
    assert [(each.kind, list(each.paths)) for each in differing(hub)] == [(Kind.KIND_STALE, ["legal_name"])]
    hub.parts.rebuilding.mend(SUPPLIER, [name], ORIGIN)
    assert (differing(hub), hub.supplier(name).legal_name) == ([], "Pinned")


def test_deleted_records_and_records_without_a_living_source_are_rebuilt_too(hub: TestHub) -> None:
    name = plant(hub)
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(), at=A_DAY + timedelta(days=1), deleted=True))
    assert (hub.supplier(name).state, differing(hub)) == (supplier_pb2.Supplier.STATE_DELETED, [])
    falsify(hub, name, supplier_pb2.Supplier(legal_name="Acne"))
    assert [each.kind for each in differing(hub)] == [Kind.KIND_CONTENT]


def test_a_merged_record_stays_as_it_is_and_comes_back_with_its_pins(hub: TestHub) -> None:
    (kept, gone), said = (plant(hub, key) for key in ("1", "2")), "systems/erp/sourceRecords"
    pinned = supplier_pb2.Supplier(legal_name="Pinned")
    pin = Asked(SUPPLIER, gone, hub.supplier(gone).etag, "legal_name", pinned, "T-17", NEVER)
    hub.parts.pins.pin(pin, decision(pinned))
    one, other = (Marked(name, hub.supplier(name).etag) for name in (kept, gone))
    merging, request = hub.parts.merging, merge_pb2.MergeSuppliersRequest()
    merging.merge(SUPPLIER, one, other, Ruling("the same", withdraw=True), decision(request))
    assert hub.supplier(kept).legal_name == "Acme"
    before = hub.supplier(gone).revision
    enact(hub, "supplier", rule("legal_name", Criterion.CRITERION_RECENCY))
    settle(hub)
    assert (hub.supplier(gone).state, hub.supplier(gone).revision) == (supplier_pb2.Supplier.STATE_MERGED, before)
    assert differing(hub) == []
    asked = Asked(SUPPLIER, gone, hub.supplier(gone).etag, "website", None, "T-17", NEVER)
    with pytest.raises(ConcordError) as refused:
        hub.parts.pins.pin(asked, decision(request))
    assert refused.value.reason == reasons.ERROR_REASON_RECORD_MERGED
    ((source,),) = hub.rows("SELECT source_record FROM crosswalk WHERE key = '2'")
    assert str(source).startswith(said)
    etag = hub.supplier(kept).etag
    merging.unmerge(str(source), etag, (), "not the same", decision(match_pb2.UnmergeSourceRecordRequest()))
    assert (hub.supplier(gone).legal_name, hub.supplier(kept).legal_name) == ("Pinned", "Acme")
    assert differing(hub) == []


# One history of golden records: what is done one after the other.
_numbers = itertools.count(1)
_SYSTEMS = ("systems/erp", "systems/legacy", "systems/workforce")
_REFUSALS = {
    reasons.ERROR_REASON_INVALID_CONTENT,
    reasons.ERROR_REASON_RECORD_DELETED,
    reasons.ERROR_REASON_RECORD_EXISTS,
    reasons.ERROR_REASON_RECORD_STILL_REFERENCED,
    reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN,
}
_criteria = st.lists(st.sampled_from(Criterion.values()[1:]), min_size=1, unique=True)


@dataclass
class History:
    """What happened to one golden record of a type."""

    hub: TestHub
    record_type: RecordType
    key: str
    golden: str = ""
    pins: list[pin_pb2.Pin] = field(default_factory=list)

    def submit(self, system: str, content: Message, day: int, *, deleted: bool) -> None:
        said = statement(system, self.key, content, at=A_DAY + timedelta(days=day), deleted=deleted)
        if self.golden:
            said.echo.golden_record, said.echo.golden_revision = self.golden, 1
        (answer,) = self.hub.submit(said)
        if isinstance(answer, Applied) and answer.golden:
            self.golden = answer.golden

    def pin(self, content: Message, choice: int) -> None:
        """Pin one of the values of a content."""
        slots = slots_of(self.record_type, content)
        if not self.golden or not slots:
            return
        path = sorted(slots)[choice % len(slots)]
        etag: str = self.hub.golden(self.golden).etag  # type: ignore[attr-defined]
        asked = Asked(self.record_type, self.golden, etag, path, slots[path], "T-17", NEVER)
        with self.refusals():
            self.pins.append(self.hub.parts.pins.pin(asked, decision(content)))

    def update(self, content: Message) -> None:
        """Have a steward say all that a content says."""
        if not self.golden:
            return
        etag: str = self.hub.golden(self.golden).etag  # type: ignore[attr-defined]
        fields = [each.name for each, _ in content.ListFields()]
        with self.refusals():
            stewardship, made = self.hub.parts.stewardship, decision(content)
            stewardship.update(self.record_type, self.golden, etag, lambda _: (content, fields), None, made)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Let a steward be refused what makes no sense: nothing is changed then."""
        try:
            yield
        except ConcordError as error:
            if error.reason not in _REFUSALS:
                raise

    def look(self) -> None:
        """See what became of the pins."""

        def read(connection: object) -> list[pin_pb2.Pin]:
            found = [self.hub.parts.pins.find(connection, pin.name, None) for pin in self.pins]  # type: ignore[arg-type]
            return [self.hub.parts.pins.present(each, clear=True) for each in found]

        self.pins = self.hub.parts.transactions.read(read)

    def unpin(self) -> None:
        for pin in self.pins:
            if pin.state == pin_pb2.Pin.STATE_ACTIVE:
                self.hub.parts.pins.unpin(pin.name, pin.etag, decision(pin))
                return

    def enact(self, group: str, criteria: list[Criterion.ValueType]) -> None:
        enact(self.hub, self.record_type.name, rule(group, *criteria))


@pytest.mark.parametrize("record_type", [SUPPLIER, COST_CENTER], ids=lambda record_type: record_type.name)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_after_any_history_every_golden_record_is_what_its_inputs_make(
    lasting: TestHub, record_type: RecordType, data: st.DataObject
) -> None:
    history = History(lasting, record_type, f"history/{next(_numbers)}")
    said = contents(record_type)
    history.submit(data.draw(st.sampled_from(_SYSTEMS)), data.draw(said), 0, deleted=False)
    for _ in range(data.draw(st.integers(3, 12))):
        match data.draw(st.sampled_from(["submit", "submit", "pin", "pin", "update", "unpin", "rules", "trust"])):
            case "submit":
                system, day = data.draw(st.sampled_from(_SYSTEMS)), data.draw(st.integers(0, 3))
                history.submit(system, data.draw(said), day, deleted=data.draw(st.integers(0, 5)) == 0)
            case "pin":
                history.pin(data.draw(said), data.draw(st.integers(0, 20)))
            case "update":
                history.update(data.draw(said))
            case "unpin":
                history.unpin()
            case "rules":
                history.enact(data.draw(st.sampled_from(group_names(record_type))), data.draw(_criteria))
            case _:
                trust(lasting, data.draw(st.sampled_from(_SYSTEMS)), data.draw(st.sampled_from([10, 20, 30])))
        history.look()
    assert [each for each in differing(lasting, record_type) if each.kind != Kind.KIND_STALE] == []
    settle(lasting)
    assert differing(lasting, record_type) == []
