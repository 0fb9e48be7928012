"""What-if: a model tried out on the live population, without writing."""

from collections.abc import Iterator

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_model_service_pb2 as pb
from concord.mdm.v1 import match_pb2, match_trial_pb2, supplier_pb2
from services.mdm.storage.models import trial
from tests.support.hub.masters import rid
from tests.support.hub.modelling import supplier, train
from tests.support.hub.served import EVERYTHING, Client, ServedHub, refused

Decision = match_pb2.MatchDecision
Told = match_trial_pb2.CompareMatchModelResponse


@pytest.fixture
def pair(mesh: ServedHub) -> tuple[str, str]:
    """Two golden records of one supplier, the second of which says more."""
    one = supplier(mesh.hub, "systems/erp", "1", legal_name="Acme Surgical Supply, Incorporated")
    return one, supplier(
        mesh.hub, "systems/legacy", "1", legal_name="ACME SURGICAL SUPPLY INC", website="https://acme.example"
    )


def _told(client: Client, name: str, **asked: object) -> list[Told]:
    return list(client.match_models.CompareMatchModel(match_trial_pb2.CompareMatchModelRequest(name=name, **asked)))  # type: ignore[arg-type]


def _of(told: list[Told], kind: str) -> Iterator[object]:
    return (getattr(each, kind) for each in told if each.WhichOneof("told") == kind)


def _values(told: list[Told]) -> Iterator[match_trial_pb2.MatchTrialValue]:
    return (each.value for each in told if each.HasField("value"))


def _rows(mesh: ServedHub) -> object:
    return mesh.hub.rows("SELECT count(*), max(seq), (SELECT count(*) FROM records) FROM changes")


def _low(client: Client, mesh: ServedHub) -> tuple[str, match_trial_pb2.MatchTuning]:
    """Return a model with cuts at which the pair is linked."""
    tuning = match_trial_pb2.MatchTuning(link_millibits=1000, review_millibits=0, margin_millibits=0)
    return train(mesh, client).name, tuning


def test_a_match_can_be_tried_out_without_writing(mesh: ServedHub, steward: Client, pair: tuple[str, str]) -> None:
    """Of the complaints: no dry-run match."""
    name, tuning = _low(steward, mesh)
    before = _rows(mesh)
    told = _told(steward, name, tuning=tuning)
    assert _rows(mesh) == before
    (merge,) = _of(told, "merge")
    goldens = {row[0] for row in mesh.hub.rows("SELECT golden FROM crosswalk")}
    assert isinstance(merge, match_trial_pb2.MatchTrialMerge)
    assert (set(merge.golden_records), [tuple(join.source_records) for join in merge.joins]) == (goldens, [pair])
    assert merge.joins[0].reason == match_trial_pb2.MatchTrialJoin.REASON_MODEL
    assert merge.joins[0].millibits > 1000
    oldest = min(map(str, goldens))
    values = [(value.golden_record, value.path, value.source_record) for value in _values(told)]
    assert values == [(oldest, "website", pair[1])]
    summary = told[-1].summary
    assert (summary.source_record_count, summary.merge_count, summary.split_count) == (2, 1, 0)
    assert (summary.link_count, summary.value_count, summary.golden_record_count) == (1, 1, 1)
    assert {each.progress.phase for each in told if each.HasField("progress")} == {1, 2, 3}


@pytest.mark.usefixtures("pair")
def test_where_more_can_be_linked_together_than_a_write_looks_at_all_stays_as_it_is(
    mesh: ServedHub, steward: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, tuning = _low(steward, mesh)
    assert _told(steward, name, tuning=tuning)[-1].summary.merge_count == 1
    monkeypatch.setattr(trial, "MOST_TOGETHER", 1)
    summary = _told(steward, name, tuning=tuning)[-1].summary
    assert (summary.merge_count, summary.split_count, summary.review_count) == (0, 0, 0)


def test_what_would_wait_is_counted(mesh: ServedHub, steward: Client, pair: tuple[str, str]) -> None:
    del pair
    name = train(mesh, steward).name
    tuning = match_trial_pb2.MatchTuning(no_automatic_links=True, review_millibits=0)
    summary = _told(steward, name, tuning=tuning)[-1].summary
    assert (summary.merge_count, summary.link_count, summary.review_count) == (0, 0, 1)


def test_a_decision_holds_against_a_model_and_what_none_holds_would_be_split(
    mesh: ServedHub, steward: Client, pair: tuple[str, str]
) -> None:
    made = _decide(steward, pair, Decision.KIND_MUST_LINK)
    name = train(mesh, steward).name
    tuning = match_trial_pb2.MatchTuning(no_automatic_links=True, review_millibits=900_000)
    told = _told(steward, name, tuning=tuning)
    # The decision holds: nothing is split, and the model is said to speak against it.
    (against,) = _of(told, "contradiction")
    assert isinstance(against, match_trial_pb2.MatchTrialContradiction)
    assert against.against == match_trial_pb2.MatchTrialContradiction.AGAINST_WOULD_PART
    assert (told[-1].summary.split_count, told[-1].summary.decision_count) == (0, 1)
    withdraw = match_pb2.WithdrawMatchDecisionRequest(
        name=made.name, etag=made.etag, reason="It was the model's word", request_id=rid()
    )
    steward.stewardship.WithdrawMatchDecision(withdraw)
    (split,) = _of(_told(steward, name, tuning=tuning), "split")
    assert isinstance(split, match_trial_pb2.MatchTrialSplit)
    assert [list(part.source_records) for part in split.parts] == [[source] for source in sorted(pair)]


def test_a_model_that_would_link_what_a_steward_parted_is_told_so_and_does_not(
    mesh: ServedHub, steward: Client, pair: tuple[str, str]
) -> None:
    _decide(steward, pair, Decision.KIND_CANNOT_LINK)
    name, tuning = _low(steward, mesh)
    told = _told(steward, name, tuning=tuning)
    (against,) = _of(told, "contradiction")
    assert isinstance(against, match_trial_pb2.MatchTrialContradiction)
    assert against.against == match_trial_pb2.MatchTrialContradiction.AGAINST_WOULD_LINK
    assert told[-1].summary.merge_count == 0


def test_what_a_steward_said_goes_with_the_record_it_was_said_about(
    mesh: ServedHub, steward: Client, pair: tuple[str, str]
) -> None:
    golden = mesh.hub.rows(f"SELECT golden FROM crosswalk WHERE source_record = '{pair[1]}'")[0][0]  # noqa: S608 - a test's own name
    current = steward.suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=str(golden))).supplier
    said = supplier_pb2.Supplier(name=current.name, legal_name="Acme Surgical")
    steward.suppliers.UpdateSupplier(
        supplier_pb2.UpdateSupplierRequest(supplier=said, etag=current.etag, request_id=rid())
    )
    name, tuning = _low(steward, mesh)
    told = _told(steward, name, tuning=tuning)
    summary = told[-1].summary
    assert (summary.source_record_count, summary.merge_count, summary.split_count) == (3, 1, 0)
    changed = {value.path: value.source_record for value in _values(told)}
    assert changed["website"] == pair[1]
    assert "sourceRecords" in changed["legal_name"]
    assert changed["legal_name"] not in pair


def test_only_so_many_findings_are_told_and_all_are_counted(mesh: ServedHub, steward: Client) -> None:
    for number, legal_name in enumerate(("Acme Surgical", "Borealis Pharma", "Cedar Imaging")):
        for system in ("systems/erp", "systems/legacy"):
            supplier(mesh.hub, system, str(number), legal_name=legal_name)
    name, tuning = _low(steward, mesh)
    told = _told(steward, name, tuning=tuning, most_findings=1)
    assert (len(list(_of(told, "merge"))), told[-1].summary.merge_count) == (1, 3)


def test_trials_are_for_who_is_scoped_to_every_entity_and_for_trained_models(mesh: ServedHub, steward: Client) -> None:
    proposed = train(mesh, steward)
    north = mesh.client(EVERYTHING, entities=["entities/north"], subject="north")
    assert refused(lambda: _told(north, proposed.name)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    assert refused(lambda: _told(steward, "matchModels/supplier-9")).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    request = pb.TrainMatchModelRequest(record_type="supplier", request_id=rid())
    untrained = steward.match_models.TrainMatchModel(request).match_model
    assert refused(lambda: _told(steward, untrained.name)).reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    tuning = match_trial_pb2.MatchTuning(link_millibits=1, no_automatic_links=True)
    error = refused(lambda: _told(steward, proposed.name, tuning=tuning))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT


def _decide(client: Client, pair: tuple[str, str], kind: Decision.Kind.ValueType) -> Decision:
    decision = Decision(source_records=sorted(pair), kind=kind, reason="Looked at both")
    request = match_pb2.CreateMatchDecisionRequest(match_decision=decision, request_id=rid())
    return client.stewardship.CreateMatchDecision(request).match_decision
