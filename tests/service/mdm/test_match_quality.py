"""Live precision and recall of automatic links, from audits and stewards' decisions."""

import logging
from collections.abc import Sequence

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_pb2, match_trial_pb2, supplier_pb2
from concord.mdm.v1 import match_quality_pb2 as pb
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.models import quality_watch
from services.mdm.storage.models.quality_watch import QualityWatch
from tests.support.hub.masters import rid
from tests.support.hub.modelling import put_in_force, supplier
from tests.support.hub.served import EVERYTHING, Client, ServedHub, refused

Decision = match_pb2.MatchDecision
NAMES = ("Abbott Laboratories", "Becton Dickinson", "Cardinal Health", "Draeger Medical", "Edwards Lifesciences")


@pytest.fixture
def linked(mesh: ServedHub) -> ServedHub:
    """Five suppliers that two systems know, linked by a model."""
    put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    for number, name in enumerate(NAMES):
        for system in ("systems/erp", "systems/legacy"):
            said = {
                "legal_name": name,
                "phone": f"+1 555 010 10{number}{number}",
                "website": f"https://s{number}.example",
            }
            supplier(mesh.hub, system, str(number), **said)
    assert len({row[0] for row in mesh.hub.rows("SELECT golden FROM crosswalk")}) == len(NAMES)
    return mesh


def _draw(client: Client, size: int = 0, **more: object) -> pb.MatchAudit:
    request = pb.DrawMatchAuditRequest(record_type="supplier", size=size, request_id=rid(), **more)  # type: ignore[arg-type]
    return client.match_models.DrawMatchAudit(request).match_audit


def _quality(client: Client) -> pb.MatchQuality:
    return client.match_models.GetMatchQuality(pb.GetMatchQualityRequest(record_type="supplier")).match_quality


def _confirm(client: Client, source_records: Sequence[str]) -> None:
    decision = Decision(source_records=source_records, kind=Decision.KIND_MUST_LINK, reason="Looked at both")
    request = match_pb2.CreateMatchDecisionRequest(match_decision=decision, request_id=rid())
    client.stewardship.CreateMatchDecision(request)


def _part(client: Client, match: pb.AuditedMatch) -> None:
    golden = client.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=match.golden_record)).supplier
    request = match_pb2.UnmergeSourceRecordRequest(
        name=match.source_records[0], etag=golden.etag, reason="Two houses", request_id=rid()
    )
    client.stewardship.UnmergeSourceRecord(request)


def test_an_audit_is_a_random_sample_of_automatic_links_kept_as_evidence(linked: ServedHub, steward: Client) -> None:
    assert _draw(steward, validate_only=True).link_count == len(NAMES)
    audit = _draw(steward, 3)
    assert (len(audit.matches), audit.link_count, audit.match_model) == (3, len(NAMES), "matchModels/supplier-1")
    pairs = {tuple(match.source_records) for match in audit.matches}
    assert len(pairs) == 3
    assert all(match.millibits >= default_model(SUPPLIER).link_millibits for match in audit.matches)  # type: ignore[operator] # it links
    assert steward.match_models.GetMatchAudit(pb.GetMatchAuditRequest(name=audit.name)).match_audit == audit
    seen: set[tuple[str, ...]] = set()
    for _ in range(40):
        seen |= {tuple(match.source_records) for match in _draw(steward, 2).matches}
    assert len(seen) == len(NAMES)
    listed = steward.match_models.ListMatchAudits(pb.ListMatchAuditsRequest(page_size=2, record_type="supplier"))
    assert (listed.total_count, len(listed.match_audits)) == (41, 2)
    further = pb.ListMatchAuditsRequest(page_token=listed.next_page_token, record_type="supplier")
    assert len(steward.match_models.ListMatchAudits(further).match_audits) == 39
    changes = f"SELECT count(*) FROM changes WHERE record = '{audit.name}'"  # noqa: S608 - a test's own name
    assert linked.hub.rows(changes)[0][0] == 1


@pytest.mark.usefixtures("linked")
def test_precision_is_told_from_decisions_on_drawn_links(steward: Client) -> None:
    before = _quality(steward)
    assert (before.link_count, before.precision.HasField("share")) == (len(NAMES), False)
    assert (before.precision.low, before.precision.high, before.precision_broken) == (0.0, 1.0, False)
    audit = _draw(steward)
    for match in audit.matches[:4]:
        _confirm(steward, match.source_records)
    found = _quality(steward)
    assert (found.precision.right_count, found.precision.decided_count, found.undecided_audit_count) == (4, 4, 1)
    assert (found.precision.share, found.precision.high) == (1.0, 1.0)
    assert round(found.precision.low, 4) == 0.5101
    _part(steward, audit.matches[4])
    worse = _quality(steward)
    assert (worse.precision.share, worse.undecided_audit_count) == (0.8, 0)
    shown = steward.match_models.GetMatchAudit(pb.GetMatchAuditRequest(name=audit.name)).match_audit
    assert [match.verdict for match in shown.matches].count(pb.AuditedMatch.VERDICT_WRONG) == 1
    assert sum(band.same.decided_count for band in worse.bands) == len(NAMES)


def test_recall_counts_what_stewards_had_to_link(linked: ServedHub, steward: Client) -> None:
    for match in _draw(steward).matches:
        _confirm(steward, match.source_records)
    assert _quality(steward).recall.share == 1.0
    pair = [
        supplier(linked.hub, f"systems/{system}", "late", legal_name="Fresenius Kabi") for system in ("erp", "legacy")
    ]
    _confirm(steward, sorted(pair))
    found = _quality(steward)
    assert (found.recall.right_count, found.recall.decided_count) == (1, 1)
    assert found.recall.share == pytest.approx(len(NAMES) / (len(NAMES) + 1))
    assert found.recall.low < found.recall.share < found.recall.high


@pytest.mark.usefixtures("linked")
def test_a_broken_promise_is_told_once_and_when_it_is_kept_again(
    mesh: ServedHub, steward: Client, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[pb.MatchQuality] = []
    watch = QualityWatch(mesh.hub.parts.match_quality, told.append)
    audit = _draw(steward)

    def levels() -> list[str]:
        return [record.levelname for record in caplog.records if record.name == quality_watch.__name__]

    with caplog.at_level(logging.INFO, quality_watch.__name__):
        assert not watch.work()
        assert levels() == []
        for match in audit.matches:
            _part(steward, match)
        for _ in range(2):
            watch.work()
        assert levels() == ["WARNING"]
        for decision in steward.stewardship.ListMatchDecisions(match_pb2.ListMatchDecisionsRequest()).match_decisions:
            withdraw = match_pb2.WithdrawMatchDecisionRequest(
                name=decision.name, etag=decision.etag, reason="Looked again", request_id=rid()
            )
            steward.stewardship.WithdrawMatchDecision(withdraw)
        watch.work()
    assert levels() == ["WARNING", "INFO"]
    assert "precision of automatic links is 0.0000 to 0.4345" in caplog.text
    assert [found.precision_broken for found in told] == [False, True, True, False]


def test_quality_needs_a_model_in_force_and_a_caller_for_every_entity(mesh: ServedHub, steward: Client) -> None:
    assert refused(lambda: _quality(steward)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: _draw(steward)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    put_in_force(mesh.hub, SUPPLIER, default_model(SUPPLIER))
    north = mesh.client(EVERYTHING, entities=["entities/north"], subject="north")
    assert refused(lambda: _quality(north)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: _draw(north)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert _quality(steward).link_count == 0


def test_the_model_in_force_would_change_nothing(linked: ServedHub, steward: Client) -> None:
    """What a trial tells is what ingest did: the same candidates, scores and groups."""
    supplier(linked.hub, "systems/workforce", "1", legal_name="Becton Dickinson")
    request = match_trial_pb2.CompareMatchModelRequest(name="matchModels/supplier-1")
    summary = list(steward.match_models.CompareMatchModel(request))[-1].summary
    assert (summary.merge_count, summary.split_count, summary.value_count) == (0, 0, 0)
    assert (summary.source_record_count, summary.link_count) == (2 * len(NAMES) + 1, len(NAMES))
    assert summary.review_count == _quality(steward).waiting_count == 1
