"""Registered systems and entities, as callers meet them."""

from collections.abc import Callable

import pytest
from google.protobuf import field_mask_pb2

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ledger_pb2, reference_data_pb2, system_pb2
from tests.support.hub.masters import rid
from tests.support.hub.served import Client, refused
from tests.support.hub.stored import GROUP


def test_what_is_read_can_be_changed(steward: Client) -> None:
    read = steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system
    assert read in steward.systems.ListSystems(system_pb2.ListSystemsRequest()).systems
    assert read.HasField("update_time")
    read.trust_rank = 3
    request = system_pb2.UpdateSystemRequest(
        system=read, update_mask=field_mask_pb2.FieldMask(paths=["trust_rank"]), etag=read.etag, request_id=rid()
    )
    changed = steward.systems.UpdateSystem(request).system
    assert (changed.trust_rank, changed.revision) == (3, 2)
    assert steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system == changed
    entity = steward.systems.GetEntity(system_pb2.GetEntityRequest(name=GROUP)).entity
    assert (entity.revision, bool(entity.etag), entity.HasField("update_time")) == (1, True, True)


def test_an_update_is_about_what_its_mask_names_and_nothing_else(steward: Client) -> None:
    before = steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system

    def updated(etag: str, *paths: str, **said: object) -> system_pb2.System:
        system = system_pb2.System(**{"name": "systems/erp", **said})  # type: ignore[arg-type] # fields of a system
        mask = field_mask_pb2.FieldMask(paths=paths)
        request = system_pb2.UpdateSystemRequest(system=system, update_mask=mask, etag=etag, request_id=rid())
        return steward.systems.UpdateSystem(request).system

    masked = updated(before.etag, "trust_rank", trust_rank=7, display_name="not meant", authored_attributes=["?"])
    assert (masked.trust_rank, masked.display_name) == (7, before.display_name)
    populated = updated(masked.etag, display_name="The ERP")
    assert (populated.trust_rank, populated.display_name, populated.kind) == (7, "The ERP", before.kind)
    wrong: list[tuple[tuple[str, ...], dict[str, object], list[str]]] = [
        (("trust_rank",), {}, ["system.trust_rank"]),
        (("kind", "authored_attributes"), {"authored_attributes": ["?"]}, ["authored_attributes[0]", "kind"]),
        ((), {"name": "nonsense", "trust_rank": 1}, ["system.name"]),
        (("*",), {}, ["display_name", "entity", "kind", "trust_rank"]),
    ]
    for paths, said, fields in wrong:
        error = refused(lambda paths=paths, said=said: updated(populated.etag, *paths, **said))  # type: ignore[misc]
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
        broken = sorted(violation.field for violation in error.violations)
        assert broken == [f"system.{field.removeprefix('system.')}" for field in fields]


def test_updates_of_ledgers_and_code_lists_are_about_what_their_masks_name(steward: Client) -> None:
    displayed = field_mask_pb2.FieldMask(paths=["display_name"])
    ledger = ledger_pb2.Ledger(name="ledgers/masked", display_name="Masked", entity=GROUP, currency_code="USD")
    kept = steward.ledgers.CreateLedger(ledger_pb2.CreateLedgerRequest(ledger=ledger, request_id=rid())).ledger
    said = ledger_pb2.Ledger(name=kept.name, display_name="Renamed", currency_code="not meant")
    update = ledger_pb2.UpdateLedgerRequest(ledger=said, update_mask=displayed, etag=kept.etag, request_id=rid())
    changed = steward.ledgers.UpdateLedger(update).ledger
    assert (changed.display_name, changed.currency_code, changed.entity) == ("Renamed", "USD", GROUP)
    update.update_mask.paths.append("currency_code")
    refusals = {"ledger.currency_code": refused(lambda: steward.ledgers.UpdateLedger(update))}

    values = [reference_data_pb2.CodeValue(code="EA", display_name="each")]
    code_list = reference_data_pb2.CodeList(name="codeLists/masked", display_name="Masked", values=values)
    listed = steward.reference_data.CreateCodeList(
        reference_data_pb2.CreateCodeListRequest(code_list=code_list, request_id=rid())
    ).code_list
    renamed = reference_data_pb2.CodeList(
        name=listed.name, display_name="Renamed", values=[reference_data_pb2.CodeValue(display_name="not meant")]
    )
    request = reference_data_pb2.UpdateCodeListRequest(
        code_list=renamed, update_mask=displayed, etag=listed.etag, request_id=rid()
    )
    after = steward.reference_data.UpdateCodeList(request).code_list
    assert (after.display_name, list(after.values)) == ("Renamed", values)
    request.update_mask.paths.append("values")
    refusals["code_list.values[0].code"] = refused(lambda: steward.reference_data.UpdateCodeList(request))
    nameless = ledger_pb2.UpdateLedgerRequest(etag=changed.etag, request_id=rid())
    refusals["ledger.name"] = refused(lambda: steward.ledgers.UpdateLedger(nameless))
    unlisted = reference_data_pb2.UpdateCodeListRequest(etag=after.etag, request_id=rid())
    refusals["code_list.name"] = refused(lambda: steward.reference_data.UpdateCodeList(unlisted))
    for field, error in refusals.items():
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
        assert [violation.field for violation in error.violations] == [field]
    populated = ledger_pb2.UpdateLedgerRequest(
        ledger=ledger_pb2.Ledger(name=kept.name, display_name="Again"), etag=changed.etag, request_id=rid()
    )
    again = steward.ledgers.UpdateLedger(populated).ledger
    assert (again.display_name, again.currency_code) == ("Again", "USD")


@pytest.mark.parametrize("path", ["revision", "update_time", "update_time.seconds"])
def test_what_the_hub_sets_of_a_registration_is_nobodys_to_set(steward: Client, path: str) -> None:
    read = steward.systems.GetSystem(system_pb2.GetSystemRequest(name="systems/erp")).system
    mask = field_mask_pb2.FieldMask(paths=[path])
    request = system_pb2.UpdateSystemRequest(system=read, update_mask=mask, etag=read.etag, request_id=rid())
    assert refused(lambda: steward.systems.UpdateSystem(request)).reason == reasons.ERROR_REASON_FIELD_NOT_WRITABLE


def test_names_and_codes_have_no_control_characters(steward: Client) -> None:
    system = system_pb2.System(name="systems/new", display_name="New\n", kind="erp", entity=GROUP, trust_rank=9)
    entity = system_pb2.Entity(name="entities/new", display_name="N\tew", parent=GROUP)
    ledger = ledger_pb2.Ledger(name="ledgers/new", display_name="N\x7few", entity=GROUP, currency_code="USD")
    value = reference_data_pb2.CodeValue(code="E\x85A", display_name="each\0")
    code_list = reference_data_pb2.CodeList(name="codeLists/new", display_name="New", values=[value])
    update = system_pb2.UpdateSystemRequest(
        system=system_pb2.System(name="systems/erp", display_name="E\x1bRP"), etag="x", request_id=rid()
    )
    told: list[tuple[Callable[[], object], list[str]]] = [
        (
            lambda: steward.systems.CreateSystem(system_pb2.CreateSystemRequest(system=system, request_id=rid())),
            ["system.display_name"],
        ),
        (
            lambda: steward.systems.CreateEntity(system_pb2.CreateEntityRequest(entity=entity, request_id=rid())),
            ["entity.display_name"],
        ),
        (
            lambda: steward.ledgers.CreateLedger(ledger_pb2.CreateLedgerRequest(ledger=ledger, request_id=rid())),
            ["ledger.display_name"],
        ),
        (
            lambda: steward.reference_data.CreateCodeList(
                reference_data_pb2.CreateCodeListRequest(code_list=code_list, request_id=rid())
            ),
            ["code_list.values[0].code", "code_list.values[0].display_name"],
        ),
        (lambda: steward.systems.UpdateSystem(update), ["system.display_name"]),
    ]
    for call, fields in told:
        error = refused(call)
        assert error.reason == reasons.ERROR_REASON_CONSTRAINT_VIOLATED
        assert sorted(violation.field for violation in error.violations) == fields
