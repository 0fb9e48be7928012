"""Our SCIM client against a real SCIM service, and against servers that misbehave as real ones do."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from services.adapter.systems.remote_error import RemoteErrorKind
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource, instant, parse, quoted
from services.saas_adapter.connectors.scim.rest import ScimClient
from tools.demo import catalogue
from tools.systems.scim import COST_CENTER_SCHEMA, ScimServer
from tools.systems.workforce_user import ENTERPRISE_SCHEMA

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture
def client(scim: ScimServer) -> Iterator[ScimClient]:
    with ScimClient(scim.url, scim.token_file) as client:
        yield client


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[Answer], ScimClient]:
    token = tmp_path / "token"
    token.write_text("secret\n")
    return lambda answer: ScimClient("http://scim.invalid/v2", token, transport=httpx.MockTransport(answer))


def create(client: ScimClient, **attributes: object) -> Resource:
    code = uuid4().hex[:10]
    document = {"schemas": [COST_CENTER_SCHEMA], "code": code, "displayName": f"Ward {code}", "active": True}
    return client.create("/CostCenters", {**document, **attributes})


def test_a_cost_center_is_created_found_and_read(client: ScimClient) -> None:
    made = create(client, manager='Ann "Annie" O\\Neil')
    [[found]] = client.pages("/CostCenters", f"manager eq {quoted(made.document['manager'])}")
    assert found == made == client.get("/CostCenters", made.id)
    assert made.etag


def test_what_is_not_there_is_none(client: ScimClient) -> None:
    assert client.get("/CostCenters", "../Users") is None


def test_a_second_one_with_the_same_code_is_a_conflict(client: ScimClient) -> None:
    made = create(client)
    with pytest.raises(ScimError) as caught:
        create(client, code=made.document["code"])
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    assert caught.value.scim_type == "uniqueness"


def test_pages_hold_every_resource_once(client: ScimClient) -> None:
    made = {create(client, department="Paged").id for _ in range(7)}
    pages = list(client.pages("/CostCenters", 'department eq "Paged"', page_size=3))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert {each.id for page in pages for each in page} == made


def test_changes_since_a_moment_include_that_moment(client: ScimClient) -> None:
    older, newer = create(client), create(client)
    assert newer.last_modified is not None
    found = {each.id for page in client.changed_since("/CostCenters", newer.last_modified) for each in page}
    assert newer.id in found
    assert older.id not in found


def test_a_patch_answers_with_the_new_revision(client: ScimClient) -> None:
    made = create(client)
    changes: list[dict[str, object]] = [
        {"op": "replace", "path": "active", "value": False},
        {"op": "add", "path": "validTo", "value": "2026-11-30"},
    ]
    closed = client.patch("/CostCenters", made.id, changes, etag=made.etag)
    assert (closed.document["active"], closed.document["validTo"]) == (False, "2026-11-30")
    assert closed.etag != made.etag


def test_a_patch_conflicts_when_someone_changed_the_resource(client: ScimClient) -> None:
    made = create(client)
    operation = {"op": "replace", "path": "displayName", "value": "Renamed"}
    client.patch("/CostCenters", made.id, [operation], etag=made.etag)
    with pytest.raises(ScimError) as caught:
        client.patch("/CostCenters", made.id, [{**operation, "value": "Lost"}], etag=made.etag)
    assert caught.value.kind is RemoteErrorKind.CONFLICT
    assert caught.value.status == 412


def test_a_patch_that_changes_nothing_keeps_the_revision(client: ScimClient) -> None:
    made = create(client)
    operation = {"op": "replace", "path": "displayName", "value": made.document["displayName"]}
    assert client.patch("/CostCenters", made.id, [operation], etag=made.etag) == made


@pytest.mark.parametrize("document", [{"code": "no-name"}, {"code": "x", "displayName": "y", "colour": "red"}])
def test_a_resource_that_the_schema_does_not_allow_is_permanent(client: ScimClient, document: dict[str, str]) -> None:
    with pytest.raises(ScimError) as caught:
        client.create("/CostCenters", {"schemas": [COST_CENTER_SCHEMA], **document})
    assert caught.value.kind is RemoteErrorKind.PERMANENT


def test_a_foreign_token_is_an_authentication_failure(scim: ScimServer, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("foreign")
    with ScimClient(scim.url, token) as client:
        with pytest.raises(ScimError) as caught:
            client.get("/CostCenters", "1")
        assert caught.value.kind is RemoteErrorKind.AUTHENTICATION
        token.write_text(scim.token_file.read_text())
        assert client.get("/CostCenters", "1") is None


def test_the_catalogue_arrives_with_cost_centers_on_users(tmp_path: Path) -> None:
    rows = catalogue.load()
    with ScimServer.start(tmp_path) as server, ScimClient(server.url, server.token_file) as client:
        server.load(rows)
        codes = {each.document["code"] for page in client.pages("/CostCenters") for each in page}
        users = [each.document for page in client.pages("/Users") for each in page]
        token = server.token_file.read_text()
        assert token not in Path(f"/proc/{server._process.pid}/cmdline").read_text()
    assert codes == {each.code for each in rows.workforce_cost_centers}
    assert len(users) == len(rows.workforce_users)
    assert {user[ENTERPRISE_SCHEMA]["costCenter"] for user in users} <= codes


def test_a_service_that_asks_for_a_pause_is_left_alone(scripted: Callable[[Answer], ScimClient]) -> None:
    sent: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(429, headers={"Retry-After": "17"})

    client = scripted(refuse)
    for _ in range(3):
        with pytest.raises(ScimError) as caught:
            client.get("/CostCenters", "1")
        assert caught.value.kind is RemoteErrorKind.TRANSIENT
        assert caught.value.retry_after_s == pytest.approx(17, abs=1)
    assert len(sent) == 1


def test_a_total_that_shrinks_while_paging_begins_again(scripted: Callable[[Answer], ScimClient]) -> None:
    totals = iter([3, 2])

    def answer(request: httpx.Request) -> httpx.Response:
        start = int(request.url.params["startIndex"])
        resources = [{"id": str(start)}]
        return httpx.Response(200, json={"totalResults": next(totals), "Resources": resources})

    with pytest.raises(ScimError, match="went away") as caught:
        list(scripted(answer).pages("/CostCenters", page_size=1))
    assert caught.value.kind is RemoteErrorKind.TRANSIENT


@pytest.mark.parametrize(
    ("status", "kind", "unknown"),
    [
        (400, RemoteErrorKind.PERMANENT, False),
        (403, RemoteErrorKind.AUTHENTICATION, False),
        (500, RemoteErrorKind.TRANSIENT, True),
        (501, RemoteErrorKind.PERMANENT, False),
        (503, RemoteErrorKind.TRANSIENT, False),
    ],
)
def test_a_status_has_its_kind(
    scripted: Callable[[Answer], ScimClient],
    status: int,
    kind: RemoteErrorKind,
    unknown: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    with pytest.raises(ScimError) as caught:
        scripted(lambda _: httpx.Response(status, content=b"<html>")).create("/CostCenters", {})
    assert (caught.value.kind, caught.value.outcome_unknown) == (kind, unknown)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id": 3}', b'{"id":"1","meta":{"lastModified":"x"}}'])
def test_what_is_not_scim_is_refused(scripted: Callable[[Answer], ScimClient], body: bytes) -> None:
    with pytest.raises(ScimError, match="not SCIM"):
        scripted(lambda _: httpx.Response(200, content=body)).get("/CostCenters", "1")


def test_an_unreachable_service_is_transient(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    with ScimClient("http://127.0.0.1:9", token) as client, pytest.raises(ScimError, match="cannot connect") as caught:
        client.get("/CostCenters", "1")
    assert caught.value.kind is RemoteErrorKind.TRANSIENT
    assert not caught.value.outcome_unknown


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        instant(datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=1)
    assert parse({"id": "1", "meta": {"lastModified": instant(moment).strip('"')}}).last_modified == moment
