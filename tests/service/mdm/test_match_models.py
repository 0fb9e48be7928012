"""Match models as governed records, over real channels and a real database."""

import hashlib
from collections.abc import Iterator

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2, match_model_pb2, match_pb2, match_queue_pb2, match_trial_pb2
from concord.mdm.v1 import match_model_service_pb2 as pb
from services.mdm.domain.matching.learning.defaults import default_model
from services.mdm.domain.matching.standardising.profile import profile
from services.mdm.domain.matching.stored import from_message
from services.mdm.domain.types.supplier import SUPPLIER as TYPE
from services.mesh.postgres.database import driver
from tests.support.hub.masters import rid
from tests.support.hub.modelling import SUPPLIER, model, promote, put_in_force, supplier, train
from tests.support.hub.served import EVERYTHING, Client, ServedHub, refused

State = pb.MatchModelRecord.State
ACME = {"legal_name": "Acme Surgical Supply, Incorporated"}
ACMY = {"legal_name": "ACME SURGICAL SUPPLY INC"}


@pytest.fixture
def second(mesh: ServedHub) -> Client:
    """Another person who may do everything everywhere."""
    return mesh.client(subject="second@example.org")


@pytest.fixture
def pair(mesh: ServedHub) -> tuple[str, str]:
    """Two source records of one supplier."""
    return supplier(mesh.hub, "systems/erp", "1", **ACME), supplier(mesh.hub, "systems/legacy", "1", **ACMY)


def _score(client: Client, pair: tuple[str, str], model_name: str = "") -> pb.ScoreSourceRecordsResponse:
    asked = [pb.SourceRevision(source_record=name) for name in pair]
    request = pb.ScoreSourceRecordsRequest(source_revisions=asked, match_model=model_name)
    return client.match_models.ScoreSourceRecords(request)


def _leaves(mesh: ServedHub, record: str) -> Iterator[tuple[object, ...]]:
    yield from mesh.hub.rows(f"SELECT revision, operation FROM changes WHERE record = '{record}' ORDER BY revision")  # noqa: S608 - a test's own name


def test_a_model_is_trained_by_a_job_and_waits_for_a_second_person(
    mesh: ServedHub, steward: Client, pair: tuple[str, str]
) -> None:
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, rationale="First look", request_id=rid())
    ordered = steward.match_models.TrainMatchModel(request).match_model
    assert (ordered.name, ordered.state, ordered.author) == ("matchModels/supplier-1", State.STATE_TRAINING, "tester")
    assert not ordered.HasField("model")
    assert steward.match_models.TrainMatchModel(request).match_model == ordered
    assert mesh.hub.parts.model_training.work()
    assert not mesh.hub.parts.model_training.work()
    found = model(steward, ordered.name)
    assert (found.state, found.model.record_count, found.model.revision) == (State.STATE_PROPOSED, len(pair), 1)
    assert (found.promise.precision_permille, found.rationale) == (990, "First look")
    assert not found.HasField("training")
    assert len(list(_leaves(mesh, ordered.name))) == 2


@pytest.mark.usefixtures("pair")
def test_progress_of_a_training_can_be_read(mesh: ServedHub, steward: Client) -> None:
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, request_id=rid())
    name = steward.match_models.TrainMatchModel(request).match_model.name
    told: list[tuple[int, int]] = []
    training = mesh.hub.parts.model_training
    tell = training._tell

    def heard(*said: object) -> None:
        tell(*said)  # type: ignore[arg-type] # the same arguments
        now = model(steward, name).training
        told.append((now.phase, now.done_count))

    training._tell = heard  # type: ignore[method-assign,assignment] # it listens, too
    training.work()
    phases = pb.MatchTraining.Phase
    assert told == [(phases.PHASE_READING, 0), (phases.PHASE_READING, 2), (phases.PHASE_ESTIMATING, 0)]


def test_who_ordered_a_model_does_not_put_it_in_force(mesh: ServedHub, steward: Client, second: Client) -> None:
    proposed = train(mesh, steward)
    error = refused(lambda: promote(steward, proposed))
    assert error.reason == reasons.ERROR_REASON_SECOND_PERSON_REQUIRED
    promoted = promote(second, proposed)
    assert (promoted.state, promoted.decider) == (State.STATE_IN_FORCE, "second@example.org")
    assert [operation for _, operation in _leaves(mesh, proposed.name)] == [1, 2, 2]


def test_one_model_of_a_type_is_in_force(mesh: ServedHub, steward: Client, second: Client) -> None:
    first, later = train(mesh, steward), train(mesh, steward)
    promote(second, first)
    promote(second, later)
    request = pb.ListMatchModelsRequest(record_type=SUPPLIER)
    answer = steward.match_models.ListMatchModels(request)
    assert [(one.number, one.state) for one in answer.match_models] == [
        (2, State.STATE_IN_FORCE),
        (1, State.STATE_RETIRED),
    ]
    assert answer.match_models[1].successor == later.name
    only = pb.ListMatchModelsRequest(state=State.STATE_IN_FORCE)
    assert steward.match_models.ListMatchModels(only).total_count == 1
    error = refused(lambda: promote(second, model(steward, first.name)))
    assert error.reason == reasons.ERROR_REASON_PROPOSAL_SETTLED


def test_an_older_model_does_not_follow_a_newer_one(mesh: ServedHub, steward: Client, second: Client) -> None:
    older, newer = train(mesh, steward), train(mesh, steward)
    promote(second, newer)
    assert refused(lambda: promote(second, older)).reason == reasons.ERROR_REASON_PROPOSAL_INVALID
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, base_model=older.name, request_id=rid())
    again = steward.match_models.TrainMatchModel(request).match_model
    assert promote(second, again).number == 3


def test_models_are_listed_a_page_at_a_time(mesh: ServedHub, steward: Client) -> None:
    names = {train(mesh, steward, record_type=kind).name for kind in (SUPPLIER, "item", SUPPLIER)}
    seen, token = [], ""
    while True:
        request = pb.ListMatchModelsRequest(page_size=1, page_token=token)
        answer = steward.match_models.ListMatchModels(request)
        assert answer.total_count == len(names)
        seen += [one.name for one in answer.match_models]
        token = answer.next_page_token
        if not token:
            break
    assert seen == ["matchModels/item-1", "matchModels/supplier-2", "matchModels/supplier-1"]


def test_a_changed_cut_needs_no_training_and_no_rebuild(
    mesh: ServedHub, steward: Client, second: Client, pair: tuple[str, str]
) -> None:
    """Of the complaints: a tuning run that needs wipe-and-rebuild."""
    first = promote(second, train(mesh, steward))
    before = _score(steward, pair).score
    tuning = match_trial_pb2.MatchTuning(link_millibits=before.millibits + 1)
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, base_model=first.name, tuning=tuning, request_id=rid())
    tuned = steward.match_models.TrainMatchModel(request).match_model
    assert (tuned.state, tuned.model.link_millibits) == (State.STATE_PROPOSED, before.millibits + 1)
    assert tuned.model.weights == model(steward, first.name).model.weights
    promote(second, tuned)
    after = _score(steward, pair).score
    assert (after.millibits, list(after.parts)) == (before.millibits, list(before.parts))
    assert after.band == pb.MatchScore.BAND_REVIEW


def test_a_withdrawn_model_is_not_trained(mesh: ServedHub, steward: Client) -> None:
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, request_id=rid())
    ordered = steward.match_models.TrainMatchModel(request).match_model
    given_up = pb.WithdrawMatchModelRequest(name=ordered.name, etag=ordered.etag, request_id=rid())
    withdrawn = steward.match_models.WithdrawMatchModel(given_up).match_model
    assert withdrawn.state == State.STATE_WITHDRAWN
    assert not mesh.hub.parts.model_training.work()
    error = refused(lambda: promote(steward, withdrawn))
    assert error.reason == reasons.ERROR_REASON_PROPOSAL_SETTLED


def test_a_score_is_recomputed_bit_for_bit_from_the_stored_model_alone(
    mesh: ServedHub, steward: Client, second: Client, pair: tuple[str, str]
) -> None:
    promoted = promote(second, train(mesh, steward))
    answer = _score(steward, pair)
    assert _score(steward, (pair[1], pair[0])) == answer
    whole = model(steward, promoted.name, with_frequencies=True).model
    assert hashlib.sha256(whole.SerializeToString(deterministic=True)).digest() == answer.model_digest
    frozen = from_message(TYPE, match_model_pb2.MatchModel.FromString(whole.SerializeToString()))
    ours, theirs = (profile(TYPE, TYPE.message(**said), mesh.hub.parts.store.sealer.token) for said in (ACME, ACMY))
    elsewhere = frozen.score(ours, theirs)
    assert elsewhere.millibits == answer.score.millibits
    assert [tuple(part) for part in elsewhere.parts] == [
        (part.attribute, part.level, part.millibits) for part in answer.score.parts
    ]


def test_an_earlier_decision_is_recomputed_on_what_was_said_then(
    mesh: ServedHub, steward: Client, pair: tuple[str, str]
) -> None:
    before = _score(steward, pair)
    supplier(mesh.hub, "systems/legacy", "1", legal_name="Something Else Altogether")
    after = _score(steward, pair)
    assert after.score.millibits < before.score.millibits
    again = pb.ScoreSourceRecordsRequest(source_revisions=before.source_revisions)
    assert steward.match_models.ScoreSourceRecords(again) == before


def test_stewards_decisions_are_labels(mesh: ServedHub, steward: Client, pair: tuple[str, str]) -> None:
    same = match_pb2.MatchDecision(
        source_records=sorted(pair), kind=match_pb2.MatchDecision.KIND_MUST_LINK, reason="The same house"
    )
    steward.stewardship.CreateMatchDecision(match_pb2.CreateMatchDecisionRequest(match_decision=same, request_id=rid()))
    assert train(mesh, steward).model.decision_count == 1


@pytest.mark.parametrize("record_type", ["account", "nothing"])
def test_types_that_are_not_matched_have_no_models(steward: Client, record_type: str) -> None:
    request = pb.TrainMatchModelRequest(record_type=record_type, request_id=rid())
    error = refused(lambda: steward.match_models.TrainMatchModel(request))
    assert error.reason == reasons.ERROR_REASON_UNKNOWN_RECORD_TYPE


def test_a_rehearsal_leaves_nothing(steward: Client) -> None:
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, request_id=rid(), validate_only=True)
    assert steward.match_models.TrainMatchModel(request).match_model.number == 1
    assert steward.match_models.ListMatchModels(pb.ListMatchModelsRequest()).total_count == 0


@pytest.mark.parametrize(
    "tuning",
    [
        match_trial_pb2.MatchTuning(link_millibits=5000, no_automatic_links=True),
        match_trial_pb2.MatchTuning(link_millibits=5000, review_millibits=6000),
    ],
)
def test_cuts_that_contradict_each_other_are_refused(steward: Client, tuning: match_trial_pb2.MatchTuning) -> None:
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, tuning=tuning, request_id=rid())
    error = refused(lambda: steward.match_models.TrainMatchModel(request))
    assert error.reason == reasons.ERROR_REASON_INVALID_CONTENT


def test_models_are_for_who_is_scoped_to_every_entity(mesh: ServedHub, steward: Client) -> None:
    north = mesh.client(EVERYTHING, entities=["entities/north"], subject="north")
    request = pb.TrainMatchModelRequest(record_type=SUPPLIER, request_id=rid())
    error = refused(lambda: north.match_models.TrainMatchModel(request))
    assert error.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    proposed = train(mesh, steward)
    assert refused(lambda: promote(north, proposed)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_pair_out_of_scope_is_not_scored(mesh: ServedHub, pair: tuple[str, str]) -> None:
    south = mesh.client(EVERYTHING, entities=["entities/south"], subject="south")
    assert refused(lambda: _score(south, pair)).reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_a_model_that_is_not_as_it_was_promoted_does_not_score(mesh: ServedHub, steward: Client) -> None:
    promoted = train(mesh, steward)
    with mesh.hub.database.transaction() as connection:
        stored = mesh.hub.parts.stored_models
        record = stored.present(stored.find(connection, promoted.name))
        record.model_digest = b"another"
        with pytest.raises(LookupError):
            stored.model(connection, record)
        driver(connection).execute("SELECT 1")


def _golden_names(mesh: ServedHub) -> list[object]:
    return [row[0] for row in mesh.hub.rows("SELECT golden FROM crosswalk ORDER BY source_record")]


def _follow(mesh: ServedHub) -> None:
    while mesh.hub.parts.rematching.work():
        pass


def test_a_promoted_model_matches_what_is_there_and_names_are_stable(
    mesh: ServedHub, steward: Client, second: Client
) -> None:
    """Of the complaints: ids that change when the model is retrained."""
    alike = {"phone": "+1 555 010 2345", "website": "https://acme.example"}
    pair = (
        supplier(mesh.hub, "systems/erp", "1", **ACME, **alike),
        supplier(mesh.hub, "systems/legacy", "1", **ACMY, **alike),
    )
    apart = _golden_names(mesh)
    base = put_in_force(mesh.hub, TYPE, default_model(TYPE))
    name = f"matchModels/supplier-{base}"
    assert model(steward, name).behind_count == len(pair)
    _follow(mesh)
    assert model(steward, name).behind_count == 0
    assert set(_golden_names(mesh)) == {min(map(str, apart))}
    linked = steward.ingest.GetSourceRecord(ingest_pb2.GetSourceRecordRequest(name=pair[1])).source_record
    assert (linked.link_origin, linked.link_model) == (ingest_pb2.SourceRecord.LINK_ORIGIN_MODEL, name)
    again = _score(steward, pair, linked.link_model).score
    assert again.millibits >= model(steward, name).model.link_millibits

    def tune(**cuts: int | bool) -> None:
        tuning = match_trial_pb2.MatchTuning(**cuts)  # type: ignore[arg-type] # as the caller says
        request = pb.TrainMatchModelRequest(record_type=SUPPLIER, base_model=name, tuning=tuning, request_id=rid())
        promote(second, steward.match_models.TrainMatchModel(request).match_model)
        _follow(mesh)

    tune(no_automatic_links=True)
    assert _golden_names(mesh) == apart
    asked = match_queue_pb2.ListMatchCandidatesRequest()
    (candidate,) = steward.stewardship.ListMatchCandidates(asked).match_candidates
    assert (candidate.match_model, candidate.score_millibits) == ("matchModels/supplier-2", again.millibits)
    tune()
    assert set(_golden_names(mesh)) == {min(map(str, apart))}
    tune(no_automatic_links=True)
    cannot = match_pb2.MatchDecision(
        source_records=sorted(pair), kind=match_pb2.MatchDecision.KIND_CANNOT_LINK, reason="Two houses"
    )
    steward.stewardship.CreateMatchDecision(
        match_pb2.CreateMatchDecisionRequest(match_decision=cannot, request_id=rid())
    )
    tune()
    assert _golden_names(mesh) == apart
