"""Refusals, told so that a person can mend them."""

from datetime import timedelta

import grpc
import pytest

from clients.cli.connection.mesh import RefusedError
from clients.cli.display import refusal
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation, Precondition, from_rpc_error

REASONS = [name.removeprefix("ERROR_REASON_") for name, number in reasons.ErrorReason.items() if number]


def refused(reason: str, message: str = "no", **details: object) -> RefusedError:
    number = reasons.ErrorReason.Value(f"ERROR_REASON_{reason}")
    return RefusedError(ConcordError(number, message, **details), "127.0.0.1:1", "GetSupplier")  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_fix_of_its_own(reason: str) -> None:
    assert "error_reason.proto" not in refusal.fix(refused(reason))


def test_a_refusal_names_reason_fields_conditions_and_fix() -> None:
    told = refused(
        "ETAG_MISMATCH",
        "it has changed",
        metadata={"name": "suppliers/1"},
        violations=[FieldViolation("etag", "is not the newest")],
        preconditions=[Precondition("STATE", "suppliers/1", "read it again")],
        retry_after=timedelta(seconds=5),
    )
    assert list(refusal.describe(told)) == [
        "error: it has changed (ETAG_MISMATCH)",
        "  etag: is not the newest",
        "  suppliers/1: read it again",
        "fix: it changed since you read it: concord get suppliers/1, decide again, repeat (in 5 s)",
    ]
    document = refusal.as_document(told)["error"]
    assert (document["reason"], document["exit_status"], document["retry_after_seconds"]) == ("ETAG_MISMATCH", 1, 5.0)


def test_a_fix_takes_what_the_resource_names_and_shows_what_is_missing() -> None:
    assert refusal.fix(refused("SYNC_PAUSED", resource=("system", "systems/erp"))) == "concord sync resume systems/erp"
    assert refusal.fix(refused("SYNC_PAUSED")) == "concord sync resume SYSTEM"


def test_nothing_is_to_be_done_about_a_pin_that_ended() -> None:
    ended = refused("RECORD_DELETED", resource=("pin", "pins/1"))
    assert refusal.fix(ended) == "nothing is left to do: concord get pins/1"
    assert refusal.fix(refused("RECORD_DELETED", resource=("supplier", "suppliers/1"))) == (
        "bring it back first: concord undelete suppliers/1"
    )


def test_who_has_a_permission_for_some_entities_is_not_sent_to_ask_for_it() -> None:
    narrow = refused("PERMISSION_MISSING", metadata={"permission": "mdm.codes.write", "entities": "*"})
    assert refusal.fix(narrow) == (
        "you have it for your own entities: ask for mdm.codes.write for every entity, or use another --context"
    )
    assert refusal.fix(refused("PERMISSION_MISSING", metadata={"permission": "mdm.codes.write"})) == (
        "ask for the permission mdm.codes.write, or use another --context"
    )


def test_exit_statuses_tell_unreachable_from_refused_and_from_not_logged_in() -> None:
    class Gone(grpc.RpcError):
        def trailing_metadata(self) -> tuple[()]:
            return ()

        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNAVAILABLE

        def details(self) -> str:
            return "connection refused"

    assert refusal.exit_status(from_rpc_error(Gone())) == refusal.UNREACHABLE
    assert refusal.exit_status(refused("DEPENDENCY_UNAVAILABLE").error) == refusal.REFUSED
    assert refusal.exit_status(refused("CREDENTIALS_MISSING").error) == refusal.NOT_LOGGED_IN
    assert refusal.exit_status(refused("RECORD_NOT_FOUND").error) == refusal.REFUSED
