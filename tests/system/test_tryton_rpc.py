"""Our JSON-RPC client against a real Tryton, and against servers that misbehave as real ones do."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.adapter.systems.remote_error import RemoteErrorKind
from services.erp_adapter.connectors.tryton import values
from services.erp_adapter.connectors.tryton.errors import TrytonError
from services.erp_adapter.connectors.tryton.rpc import TrytonClient, timestamps
from tools.postgres import PostgresServer
from tools.systems.tryton import Tryton

Answer = Callable[[httpx.Request], httpx.Response]

EVERY = {"company": 1, "active_test": False}


@pytest.fixture
def client(tryton: Tryton) -> Iterator[TrytonClient]:
    with TrytonClient(tryton.url, tryton.database, tryton.user, tryton.password_file) as client:
        yield client


@pytest.fixture
def scripted(tmp_path: Path) -> Callable[[Answer], TrytonClient]:
    password = tmp_path / "password"
    password.write_text("secret\n")

    def connect(answer: Answer) -> TrytonClient:
        transport = httpx.MockTransport(answer)
        return TrytonClient("http://tryton.invalid", "erp", "concord", password, timeout_s=0.5, transport=transport)

    return connect


def test_a_party_is_created_with_its_children_and_read_back(client: TrytonClient) -> None:
    code = f"V{uuid4().hex[:8]}"
    identifiers = [{"type": "us_ein", "code": "042103594"}, {"type": None, "code": "LEI:549300NNRQVZ0OJU1P18"}]
    [party] = client.create(
        "party.party",
        [{"name": "Baxter", "code": code, "identifiers": [("create", identifiers)]}],
        context=EVERY,
    )
    [row] = client.search_read("party.party", [("code", "=", code)], ["name", "identifiers.code"], context=EVERY)
    assert row["id"] == party
    assert [each["code"] for each in row["identifiers."]] == ["04-2103594", "LEI:549300NNRQVZ0OJU1P18"]


def test_decimals_and_timestamps_arrive_exactly(client: TrytonClient) -> None:
    before = datetime.now(UTC) - timedelta(seconds=5)
    row = {"name": "Glove", "type": "goods", "default_uom": 1, "list_price": Decimal("0.1234")}
    [template] = client.create("product.template", [row], context=EVERY)
    [read] = client.read("product.template", [template], ["list_price", "last_modified_at"], context=EVERY)
    assert read["list_price"] == Decimal("0.1234")
    assert read["last_modified_at"] > before
    changed = client.search_read(
        "product.template", [("last_modified_at", ">=", read["last_modified_at"])], ["name"], context=EVERY
    )
    assert template in [each["id"] for each in changed]


def test_an_answer_larger_than_a_packet_is_decompressed(client: TrytonClient) -> None:
    name = "Stryker " * 1000
    [party] = client.create("party.party", [{"name": name}], context=EVERY)
    [row] = client.read("party.party", [party], ["name"], context=EVERY)
    assert row["name"] == name


def test_a_mistake_is_permanent_although_http_says_200(client: TrytonClient) -> None:
    with pytest.raises(TrytonError, match="not valid") as caught:
        client.create("party.party", [{"name": "x", "identifiers": [("create", [{"type": "us_ein", "code": "1"}])]}])
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    assert not caught.value.outcome_unknown


def test_an_unhandled_exception_of_the_server_brings_no_traceback(client: TrytonClient) -> None:
    with pytest.raises(TrytonError) as caught:
        client.read("party.party", [1], ["no_such_field"])
    assert caught.value.kind is RemoteErrorKind.PERMANENT
    assert "Traceback" not in str(caught.value)


def test_a_write_conflicts_when_someone_wrote_since_the_read(client: TrytonClient) -> None:
    [party] = client.create("party.party", [{"name": "first"}], context=EVERY)
    seen = client.read("party.party", [party], ["_timestamp"])
    client.write("party.party", [party], {"name": "second"}, context=timestamps("party.party", seen))
    with pytest.raises(TrytonError) as caught:
        client.write("party.party", [party], {"name": "third"}, context=timestamps("party.party", seen))
    assert caught.value.kind is RemoteErrorKind.CONFLICT


def test_a_session_that_the_server_forgot_is_renewed(client: TrytonClient) -> None:
    client.search_read("party.party", [], ["name"], limit=1)
    client._session = "Y29uY29yZDo0OmV4cGlyZWQ="
    assert client.search_read("company.company", [], ["currency.code"])[0]["currency."]["code"] == "USD"


def test_threads_share_one_session(client: TrytonClient) -> None:
    sessions: list[str] = []
    threads = [threading.Thread(target=lambda: sessions.append(client._current_session())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(sessions)) == 1


def test_a_wrong_password_is_not_tried_again_at_once(tryton: Tryton, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("guess")
    with TrytonClient(tryton.url, tryton.database, f"nobody-{uuid4()}", wrong) as client:
        with pytest.raises(TrytonError) as first:
            client.read("party.party", [1], ["name"])
        with pytest.raises(TrytonError) as second:
            client.read("party.party", [1], ["name"])
    assert first.value.kind is RemoteErrorKind.AUTHENTICATION
    assert second.value.kind is RemoteErrorKind.TRANSIENT
    assert second.value.retry_after_s is not None


def test_too_many_requests_pause_longer_each_time(scripted: Callable[[Answer], TrytonClient]) -> None:
    sent: list[httpx.Request] = []

    def refuse(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(429)

    client = scripted(refuse)
    for _ in range(3):
        with pytest.raises(TrytonError) as caught:
            client.call("model.party.party.read", [1], ["name"])
        assert caught.value.kind is RemoteErrorKind.TRANSIENT
    assert len(sent) == 1
    assert client._pause.begin() == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("status", "kind", "unknown"),
    [
        (400, RemoteErrorKind.PERMANENT, False),
        (403, RemoteErrorKind.PERMANENT, False),
        (404, RemoteErrorKind.TRANSIENT, False),
        (503, RemoteErrorKind.TRANSIENT, False),
        (504, RemoteErrorKind.TRANSIENT, True),
    ],
)
def test_a_status_has_its_kind(
    scripted: Callable[[Answer], TrytonClient],
    status: int,
    kind: RemoteErrorKind,
    unknown: bool,  # noqa: FBT001 - a column of the table above
) -> None:
    with pytest.raises(TrytonError) as caught:
        scripted(lambda _: httpx.Response(status)).call("model.party.party.read", [1], ["name"])
    assert caught.value.kind is kind
    assert caught.value.outcome_unknown is unknown


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"id":1}', b'{"result":{"__class__":"Decimal"}}'])
def test_what_is_not_json_rpc_is_refused(scripted: Callable[[Answer], TrytonClient], body: bytes) -> None:
    with pytest.raises(TrytonError, match="not JSON-RPC"):
        scripted(lambda _: httpx.Response(200, content=body)).call("common.db.list")


def test_a_trickling_answer_ends_at_the_deadline(scripted: Callable[[Answer], TrytonClient]) -> None:
    trickling = threading.Event()

    def trickle() -> Iterator[bytes]:
        while not trickling.wait(0.05):
            yield b" "

    started = time.monotonic()
    with pytest.raises(TrytonError, match="deadline") as caught:
        scripted(lambda _: httpx.Response(200, content=trickle())).call("common.db.list")
    assert caught.value.outcome_unknown
    assert time.monotonic() - started < 30


def test_the_password_is_sent_at_login_only(scripted: Callable[[Answer], TrytonClient]) -> None:
    bodies: list[dict[str, object]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        result = [4, "token", None] if bodies[-1]["method"] == "common.db.login" else 7
        return httpx.Response(200, json={"id": 1, "result": result})

    assert scripted(answer).call("model.party.party.search_count", []) == 7
    assert [body["method"] for body in bodies] == ["common.db.login", "model.party.party.search_count"]
    assert bodies[0]["params"] == ["concord", {"password": "secret"}, "en"]
    assert "secret" not in json.dumps(bodies[1])


exact_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.text(),
    st.binary(),
    st.dates(),
    st.times(),
    st.datetimes(timezones=st.just(UTC)),
    st.decimals(allow_nan=False, allow_infinity=False),
)


@given(st.recursive(exact_values, lambda inner: st.lists(inner) | st.dictionaries(st.text("abc"), inner)))
def test_values_survive_the_wire(value: object) -> None:
    assert values.decode(values.encode(value)) == value


def test_a_datetime_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        values.encode(datetime(2026, 1, 1))  # noqa: DTZ001 - the point
    assert values.decode(values.encode(date(2026, 1, 1))) == date(2026, 1, 1)


def test_a_killed_server_is_a_transient_failure(postgres: PostgresServer, tryton: Tryton, tmp_path: Path) -> None:
    with (
        # One more server on the shared database, which a server that only read from it leaves as it is.
        Tryton.start(tmp_path, postgres, database=tryton.database) as server,
        TrytonClient(server.url, server.database, server.user, server.password_file) as client,
    ):
        client.search_read("party.party", [], ["name"])
        server.kill()
        with pytest.raises(TrytonError) as caught:
            client.search_read("party.party", [], ["name"])
    assert caught.value.kind is RemoteErrorKind.TRANSIENT
