"""Writing to a real SCIM service: conflicts, closing, refusals, and a service that is gone."""

import json
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from google.type.date_pb2 import Date

from concord.mdm.v1.cost_center_pb2 import CostCenter
from concord.mdm.v1.record_pb2 import EffectivePeriod
from services.adapter.systems.connector import Value
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.saas_adapter.connectors.scim.connector import ScimConnector
from services.saas_adapter.connectors.scim.resource import quoted
from tests.support.systems.scim_workforce import CATALOGUE, DEADLINE_S, Workforce, golden_record, running
from tools.systems.scim import ScimServer


@pytest.fixture(scope="module")
def workforce(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workforce]:
    with running(tmp_path_factory.mktemp("workforce"), CATALOGUE) as workforce:
        yield workforce


def test_departments_are_not_written(workforce: Workforce) -> None:
    current = workforce.current("departments/general/General - Lab")
    with pytest.raises(RemoteError) as caught:
        workforce.write(current, {"slices.display_name": "Lab"})
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    golden = CostCenter(entity="entities/general", code="General - Lab", kind=CostCenter.KIND_DEPARTMENT)
    assert workforce.connector.find("cost_center", golden) == current.key
    golden.code = "Laboratory"
    assert workforce.connector.find("cost_center", golden) is None
    with pytest.raises(RemoteError, match="only as texts"):
        workforce.write(None, {}, golden)


def test_an_edit_in_between_is_told_by_its_version_and_not_overwritten(workforce: Workforce) -> None:
    key = workforce.new()
    outdated = workforce.current(key)
    workforce.edit(key, manager="Adaeze Abernath")
    with pytest.raises(RemoteError) as caught:
        workforce.write(outdated, {"slices.manager": "Nobody"})
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    assert workforce.translated(workforce.current(key)).slices[0].manager == "Adaeze Abernath"


def test_a_cost_center_deleted_in_between_is_a_conflict(workforce: Workforce) -> None:
    key = workforce.new()
    outdated = workforce.current(key)
    workforce.remove("/CostCenters", key.partition("/")[2])
    for values in ({"slices.manager": "Nobody"}, {}):
        with pytest.raises(RemoteError) as caught:
            workforce.write(outdated, values)
        assert caught.value.kind is RemoteErrorKind.CONFLICT


def test_only_what_differs_is_written(workforce: Workforce) -> None:
    key = workforce.new()
    before = workforce.current(key)
    same = workforce.write(before, {"slices.manager": "Gideon Mossgrove", "slices.blocked_for_posting": False})
    assert same == before
    after = workforce.write(before, {"slices.manager": None, "slices.display_name": "Critical care"})
    left = {**json.loads(before.original), "displayName": "Critical care"}
    left.pop("manager")
    assert {**json.loads(after.original), "meta": None} == {**left, "meta": None}


def test_what_is_delivered_shows_when_it_is_pulled_again(workforce: Workforce) -> None:
    key = workforce.new()
    _, cursor = workforce.pull()
    golden = golden_record(workforce.code(key))
    wanted = workforce.expressed(golden)
    workforce.write(workforce.current(key), wanted, golden)
    shown = workforce.expressed(workforce.translated(workforce.pull(cursor)[0][key]))
    assert {path: shown.get(path) for path in wanted} == dict(wanted)


def test_a_closed_cost_center_is_inactive_and_has_a_last_day(workforce: Workforce) -> None:
    key = workforce.new()
    period = EffectivePeriod(end_date=Date(year=2026, month=11, day=1))
    golden = workforce.translated(workforce.current(key))
    golden.effective_period.CopyFrom(period)
    golden.slices[0].effective_period.CopyFrom(period)
    wanted = workforce.expressed(golden)
    closed = workforce.write(workforce.current(key), wanted, golden)
    [page] = workforce.client.pages("/CostCenters", f"code eq {quoted(golden.code)}")
    assert (page[0].document["active"], page[0].document["validTo"]) == (False, "2026-10-31")
    assert workforce.translated(closed).effective_period == period


def test_a_code_that_another_entity_uses_is_refused_for_good(workforce: Workforce) -> None:
    golden = golden_record(workforce.code(workforce.new(entity="fernhollow")))
    wanted = workforce.expressed(golden)
    assert workforce.connector.find("cost_center", golden) is None
    with pytest.raises(RemoteError, match="another entity") as caught:
        workforce.write(None, wanted, golden)
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def test_a_cost_center_created_in_between_is_found_instead(workforce: Workforce) -> None:
    golden = golden_record(workforce.code(key := workforce.new()))
    wanted = workforce.expressed(golden)
    with pytest.raises(RemoteError) as caught:
        workforce.write(None, wanted, golden)
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    assert workforce.connector.find("cost_center", golden) == key


def test_a_code_can_not_become_that_of_another(workforce: Workforce) -> None:
    taken, key = workforce.code(workforce.new()), workforce.new()
    with pytest.raises(RemoteError, match="another cost center") as caught:
        workforce.write(workforce.current(key), {"identity": {"entity": "entities/general", "code": taken}})
    assert caught.value.kind is RemoteErrorKind.PERMANENT


@pytest.mark.parametrize("values", [{}, {"slices.display_name": "x"}])
def test_what_the_service_can_not_do_without_is_refused_for_good(
    workforce: Workforce, values: Mapping[str, Value]
) -> None:
    with pytest.raises(RemoteError, match="needs identity") as caught:
        workforce.write(None, values, golden_record("x"))
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def test_a_service_that_is_gone_is_transient_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as workforce:
        current = workforce.current(workforce.new())
        workforce.server.kill()
        asked = time.monotonic()
        _fails(RemoteErrorKind.TRANSIENT, workforce.pull)
        _fails(RemoteErrorKind.TRANSIENT, lambda: workforce.current(current.key))
        _fails(RemoteErrorKind.TRANSIENT, lambda: workforce.write(current, {"slices.manager": "Nobody"}))
        assert time.monotonic() - asked < DEADLINE_S


def test_a_service_that_does_not_answer_is_transient_within_the_deadline(scim: ScimServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        told = {"url": f"http://127.0.0.1:{mute.getsockname()[1]}", "token_file": str(scim.token_file)}
        connector = ScimConnector.configured("systems/workforce", {**told, "timeout_seconds": 0.5})
        asked = time.monotonic()
        _fails(RemoteErrorKind.TRANSIENT, lambda: connector.current(["CostCenters/1"]))
        assert time.monotonic() - asked < 0.5 + DEADLINE_S / 2
        connector.close()


def test_a_token_that_is_not_there_is_an_authentication_failure(scim: ScimServer, tmp_path: Path) -> None:
    told = {"url": scim.url, "token_file": str(tmp_path / "none")}
    connector = ScimConnector.configured("systems/workforce", told)
    _fails(RemoteErrorKind.AUTHENTICATION, lambda: list(connector.pull("", full=False)))
    connector.close()


def _fails(kind: RemoteErrorKind, call: Callable[[], object]) -> None:
    with pytest.raises(RemoteError) as caught:
        call()
    assert caught.value.kind is kind
