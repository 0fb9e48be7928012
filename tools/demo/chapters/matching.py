"""Chapter: two systems say one supplier differently; a steward decides, and takes back what was a mistake."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from concord.mdm.v1.ingest_pb2 import ListSourceRecordsRequest, SourceRecord, SubmitSourceRecordsRequest
from concord.mdm.v1.match_model_service_pb2 import (
    GetMatchModelRequest,
    MatchModelRecord,
    PromoteMatchModelRequest,
    TrainMatchModelRequest,
)
from concord.mdm.v1.match_pb2 import MatchDecision, UnmergeSourceRecordRequest
from concord.mdm.v1.match_queue_pb2 import DecideMatchCandidateRequest, ListMatchCandidatesRequest, MatchCandidate
from concord.mdm.v1.match_trial_pb2 import MatchTuning
from concord.mdm.v1.merge_pb2 import MergeSuppliersRequest
from concord.mdm.v1.supplier_pb2 import (
    ExplainSupplierRequest,
    GetSupplierRequest,
    LookupSupplierRequest,
    SearchSuppliersRequest,
    Supplier,
)
from concord.mdm.v1.system_pb2 import CreateSystemRequest, System
from tools.demo.catalogue import Supplier as Row
from tools.demo.erp import parties
from tools.demo.story import Story
from tools.landscape.callers import ADMINISTRATOR, CONTROLLER, STEWARD, Hub, Role
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import entity_name
from tools.landscape.settling import await_rest, reach

PROCUREMENT = "systems/procurement"
BUYER = Role("buyer@saltmarsh.example.org", ("mdm.source_records.write",))
TWIN, TWIN_OF = "Arthrex Incorporated", "V100025"
SISTER, SISTER_OF = "Masimo Semiconductor, Inc.", "V100049"
MISTAKEN = ("V100016", "V100007")
REASON = "MDM-1057: the procurement network's suppliers"
_SHOWN_REASONS = 4
_BIT = 1000


@dataclass(frozen=True)
class _Standing:
    """What a supplier says, digested with who said it, and its source records."""

    digest: bytes
    sources: tuple[str, ...]


def tell(story: Story, landscape: Landscape) -> None:
    """Let the queue fill, accept, reject; merge by mistake and unmerge."""
    hub, rows = landscape.callers.hub(STEWARD), {row.code: row for row in landscape.catalogue.suppliers}
    _put_a_model_in_force(story, landscape, hub)
    _submit(landscape, rows)
    _decide(story, hub, rows)
    _merge_by_mistake(story, landscape, hub, rows)


def _put_a_model_in_force(story: Story, landscape: Landscape, hub: Hub) -> None:
    """Train a model that links nothing by itself; a second person promotes it."""
    wanted = TrainMatchModelRequest(record_type="supplier", request_id=str(uuid.uuid4()), rationale=REASON)
    wanted.tuning.CopyFrom(MatchTuning(no_automatic_links=True))
    name = hub.match_models.TrainMatchModel(wanted).match_model.name

    def trained() -> MatchModelRecord:
        return hub.match_models.GetMatchModel(GetMatchModelRequest(name=name)).match_model

    reach("a trained model", lambda: trained().state == MatchModelRecord.STATE_PROPOSED)
    promotion = PromoteMatchModelRequest(name=name, etag=trained().etag, request_id=str(uuid.uuid4()))
    promoted = landscape.callers.hub(CONTROLLER).match_models.PromoteMatchModel(promotion).match_model
    story.expect("who promoted the model", promoted.decider, CONTROLLER.subject)
    story.expect("records it learned from", promoted.model.record_count, len(landscape.catalogue.suppliers))
    reach("every record matched by it", lambda: not trained().behind_count)
    story.done(f"a model was trained on {promoted.model.record_count} suppliers, promoted, and asks about every pair")


def _submit(landscape: Landscape, rows: Mapping[str, Row]) -> None:
    """Register the procurement network and let it say two suppliers."""
    system = System(
        name=PROCUREMENT,
        display_name="Procurement network",
        kind="procurement",
        entity=entity_name(landscape.catalogue.entities[0].id),
        business_owner="Head of supply chain",
        technical_owner="Integration platform team",
        authored_attributes=["supplier"],
        trust_rank=30,
        submitters=[BUYER.subject],
    )
    registrar = landscape.callers.hub(ADMINISTRATOR).systems
    registrar.CreateSystem(CreateSystemRequest(system=system, request_id=str(uuid.uuid4())))
    said = [_said(TWIN, rows[TWIN_OF]), _said(SISTER, rows[SISTER_OF])]
    requests = [SubmitSourceRecordsRequest(sequence=place, source_record=each) for place, each in enumerate(said, 1)]
    list(landscape.callers.hub(BUYER).ingest.SubmitSourceRecords(iter(requests)))


def _said(name: str, row: Row) -> SourceRecord:
    """Return a supplier of another name at the same place, without any identifier."""
    content = Supplier(legal_name=name, website=row.website)
    address = content.sites.add(code="1").address
    address.address_lines.append(row.street.upper())
    address.locality, address.administrative_area = row.city, row.state
    address.postal_code, address.region_code = row.postal_code, row.country
    record = SourceRecord(system=PROCUREMENT, key=name)
    record.source_time.FromDatetime(datetime.now(UTC))
    record.content.Pack(content)
    return record


def _decide(story: Story, hub: Hub, rows: Mapping[str, Row]) -> None:
    queue = _queue(hub)
    story.expect("pairs that wait for the procurement network", sorted(queue), [TWIN, SISTER])
    story.tell(f"Two suppliers of the procurement network wait for a steward; {rows[TWIN_OF].name!r} and {TWIN!r}:")
    story.table(
        ("attribute", "finding", "weight in bits"),
        [(each.attribute, each.finding, _bits(each.weight_millibits)) for each in queue[TWIN].reasons[:_SHOWN_REASONS]]
        + [("all", "", _bits(queue[TWIN].score_millibits))],
    )
    ours, theirs = (_found(hub, rows[code]) for code in (TWIN_OF, SISTER_OF))
    story.expect("the pair is with the ERP's supplier", set(queue[TWIN].golden_records) == {ours, _of(hub, TWIN)}, True)
    story.expect("so is the other", set(queue[SISTER].golden_records) == {theirs, _of(hub, SISTER)}, True)
    _answer(hub, queue[TWIN], MatchDecision.KIND_MUST_LINK)
    _answer(hub, queue[SISTER], MatchDecision.KIND_CANNOT_LINK)
    story.expect("the accepted one is the ERP's supplier", _of(hub, TWIN) == ours, True)
    story.expect("the rejected one is its own", _of(hub, SISTER) != theirs, True)
    story.expect("what waits of them", len(_queue(hub)), 0)
    story.done(f"the steward accepted it, and rejected {SISTER!r}, a sister company")


def _merge_by_mistake(story: Story, landscape: Landscape, hub: Hub, rows: Mapping[str, Row]) -> None:
    await_rest(landscape)
    goldens = [_found(hub, rows[code]) for code in MISTAKEN]
    before, in_erp = [_standing(hub, each) for each in goldens], parties(landscape, MISTAKEN)
    one, other = (_golden(hub, each) for each in goldens)
    merge = MergeSuppliersRequest(name=one.name, etag=one.etag, other_name=other.name, other_etag=other.etag)
    merge.reason, merge.request_id = REASON, str(uuid.uuid4())
    merged = hub.suppliers.MergeSuppliers(merge)
    story.expect("suppliers that both names answer", len({_golden(hub, each).name for each in goldens}), 1)
    await_rest(landscape)
    story.done(f"a mistake: {rows[MISTAKEN[0]].name!r} and {rows[MISTAKEN[1]].name!r} were merged")
    leaving = before[goldens.index(merged.retired_name)].sources
    request = UnmergeSourceRecordRequest(name=leaving[0], along_with=leaving[1:], reason=REASON)
    request.etag, request.request_id = merged.etag, str(uuid.uuid4())
    parted = hub.stewardship.UnmergeSourceRecord(request)
    story.expect("the old name lives again", parted.golden_record == merged.retired_name, True)
    story.expect("values and provenance are back", [_standing(hub, each) for each in goldens] == before, True)
    await_rest(landscape)
    story.expect("Tryton's rows are as before", parties(landscape, MISTAKEN) == in_erp, True)
    story.done("the unmerge gave both back, value by value, in the hub and in Tryton")


def _queue(hub: Hub) -> dict[str, MatchCandidate]:
    """Return the best pair that waits of each supplier of the procurement network, by its key."""
    said = every(hub.ingest.ListSourceRecords, ListSourceRecordsRequest(system=PROCUREMENT), "source_records")
    keys = {each.name: each.key for each in said}
    request = ListMatchCandidatesRequest(record_type="supplier")
    waiting = list(every(hub.stewardship.ListMatchCandidates, request, "match_candidates"))
    waiting.sort(key=lambda candidate: candidate.score_millibits)
    return {keys[name]: candidate for candidate in waiting for name in candidate.source_records if name in keys}


def _answer(hub: Hub, candidate: MatchCandidate, kind: MatchDecision.Kind.ValueType) -> None:
    request = DecideMatchCandidateRequest(name=candidate.name, kind=kind, reason=REASON, request_id=str(uuid.uuid4()))
    hub.stewardship.DecideMatchCandidate(request)


def _found(hub: Hub, row: Row) -> str:
    """Return the golden supplier with a row's LEI."""
    [hit] = hub.suppliers.SearchSuppliers(SearchSuppliersRequest(identifier=row.lei)).hits
    return hit.supplier.name


def _of(hub: Hub, key: str) -> str:
    """Return the golden supplier that a key of the procurement network belongs to."""
    request = LookupSupplierRequest(system=PROCUREMENT, key=key)
    return hub.suppliers.LookupSupplier(request).supplier.name


def _golden(hub: Hub, name: str) -> Supplier:
    return hub.suppliers.GetSupplier(GetSupplierRequest(name=name)).supplier


def _standing(hub: Hub, name: str) -> _Standing:
    explanation = hub.suppliers.ExplainSupplier(ExplainSupplierRequest(name=name)).explanation
    sources = every(hub.ingest.ListSourceRecords, ListSourceRecordsRequest(golden_record=name), "source_records")
    return _Standing(explanation.digest, tuple(sorted(each.name for each in sources)))


def _bits(millibits: int) -> str:
    return f"{millibits / _BIT:+.1f}"
