"""What callers learn and reach beyond the entities that they are scoped to: nothing."""

import uuid
from dataclasses import replace

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2, supplier_pb2, system_pb2
from services.mdm.domain.types.supplier import SUPPLIER
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.writing.intake import Quarantined
from services.mdm.storage.writing.write_path import Applied
from services.mesh.errors import ConcordError, from_status
from services.mesh.identity.caller import Caller
from tests.storage.mdm.test_stewardship import create, wanted
from tests.support.hub.stored import GROUP, TestHub, decision, statement

LEI = "529900T8BM49AURSDO55"
SOUTH = "entities/south"
SOUTHERN = Caller("south@example.org", "tests", entities=(SOUTH,))


def southern(decided: Decision) -> Decision:
    return replace(decided, entities=frozenset({SOUTH}))


def test_a_taken_identifier_names_no_record_out_of_scope(hub: TestHub) -> None:
    create(hub, wanted(legal_name="BD", lei=LEI))
    desired = supplier_pb2.Supplier(legal_name="BD", lei=LEI, entities=[SOUTH])
    with pytest.raises(ConcordError) as refused:
        create(hub, desired, southern(decision(desired)))
    assert refused.value.reason == reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN
    assert dict(refused.value.metadata) == {"identifier": "lei"}


def test_a_repeat_answers_only_what_its_caller_may_see_by_now(hub: TestHub) -> None:
    desired, request_id = wanted(legal_name="BD"), str(uuid.uuid4())
    create(hub, desired, decision(desired, request_id))
    with pytest.raises(ConcordError) as refused:
        create(hub, desired, southern(decision(desired, request_id)))
    assert refused.value.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND
    system = system_pb2.System(name="systems/new", display_name="New", kind="erp", entity=GROUP, trust_rank=5)
    request_id = str(uuid.uuid4())
    registered = hub.parts.registrations.create_system(system, decision(system, request_id))
    assert hub.parts.registrations.create_system(system, decision(system, request_id)) == registered
    with pytest.raises(ConcordError) as refused:
        hub.parts.registrations.create_system(system, southern(decision(system, request_id)))
    assert refused.value.reason == reasons.ERROR_REASON_RECORD_NOT_FOUND


def test_who_registers_a_part_of_their_entity_gets_the_answer_again(hub: TestHub) -> None:
    ward = system_pb2.Entity(name="entities/ward", display_name="Ward", parent=SOUTH)
    decided = southern(decision(ward, str(uuid.uuid4())))
    assert hub.parts.registrations.create_entity(ward, decided).parent == SOUTH
    assert hub.parts.registrations.create_entity(ward, decided).parent == SOUTH


def test_a_record_that_its_steward_deleted_stays_theirs(hub: TestHub) -> None:
    desired = wanted(legal_name="BD", lei=LEI)
    desired.entities[:] = [SOUTH]
    made = create(hub, desired)
    hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(lei=LEI)))
    for deleted in (True, False):
        before = hub.supplier(made.name)
        decided = southern(decision(before))
        hub.parts.stewardship.delete(SUPPLIER, made.name, before.etag, decided, deleted=deleted)
        assert SOUTH in hub.supplier(made.name).entities


def test_a_submission_for_a_system_out_of_scope_is_kept_apart_from_that_systems_own(hub: TestHub) -> None:
    broken = statement("systems/erp", "1", supplier_pb2.Supplier(lei="wrong"))
    (kept,) = hub.submit(broken)
    foreign = statement("systems/erp", "1", supplier_pb2.Supplier(lei="forged"))
    (answer,) = hub.submit(foreign, caller=SOUTHERN)
    (nowhere,) = hub.submit(statement("systems/nowhere", "1", supplier_pb2.Supplier(lei="forged")), caller=SOUTHERN)
    assert isinstance(kept, Quarantined)
    assert isinstance(answer, Quarantined)
    assert isinstance(nowhere, Quarantined)
    for foreign_answer in (answer, nowhere):
        assert from_status(foreign_answer.error).reason == reasons.ERROR_REASON_SYSTEM_UNKNOWN
        assert foreign_answer.name.startswith("systems/unknown/")
    found = hub.parts.transactions.read(lambda c: hub.parts.quarantine_reader.find(c, kept.name, None))
    assert hub.parts.quarantine.present(found, clear=True).original == broken.SerializeToString()


def test_nobody_speaks_for_the_hub_but_by_deciding(hub: TestHub) -> None:
    made = create(hub, wanted(legal_name="BD"))
    (answer,) = hub.submit(statement("systems/hub", made.name, supplier_pb2.Supplier(legal_name="Forged")))
    assert isinstance(answer, Quarantined)
    assert from_status(answer.error).reason == reasons.ERROR_REASON_SYSTEM_NOT_OWNED
    assert hub.supplier(made.name) == made


def test_a_first_submission_joins_no_golden_record_out_of_scope_by_naming_it(hub: TestHub) -> None:
    (there,) = hub.submit(statement("systems/erp", "1", supplier_pb2.Supplier(legal_name="BD")))
    assert isinstance(there, Applied)
    said = statement("systems/workforce", "1", supplier_pb2.Supplier(legal_name="BD"))
    said.echo.CopyFrom(ingest_pb2.Echo(golden_record=there.golden, golden_revision=1, paths=["legal_name"]))
    (answer,) = hub.submit(said, caller=SOUTHERN)
    assert isinstance(answer, Quarantined)
    assert from_status(answer.error).violations[0].field == "echo.golden_record"
    (joined,) = hub.submit(said)
    assert isinstance(joined, Applied)
    (again,) = hub.submit(said, caller=SOUTHERN)
    assert again == replace(joined, outcome=ingest_pb2.SubmitSourceRecordsResponse.OUTCOME_UNCHANGED)
