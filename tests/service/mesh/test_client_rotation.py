"""A client's certificate is replaced while it calls: new calls show the new one, running ones end in peace."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from concord.audit.v1 import audit_pb2, audit_pb2_grpc
from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_pb2, change_pb2_grpc
from services.mesh.calling.client import ClientTls, FixedToken, open_channel
from services.mesh.calling.following_channel import FollowingChannel
from services.mesh.errors import ConcordError
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.server import Call, MeshServer, ServerTls
from tests.support.hub.served import refused
from tests.support.server.certificates import Authority
from tests.support.server.serving import Tokens, service, serving
from tests.support.waiting import eventually

TOKENS = Tokens()
TOKENS.grant("caller", "audit.leaves.read", "mdm.changes.read")


@dataclass
class Served:
    """A server that tells who calls, and whose streams go on until they may end."""

    authority: Authority
    server: MeshServer | None = None
    may_end: threading.Event = field(default_factory=threading.Event)

    def who(self, _request: audit_pb2.GetLeafRequest, call: Call) -> audit_pb2.GetLeafResponse:
        return audit_pb2.GetLeafResponse(leaf=audit_pb2.LeafEntry(name=call.peer_identity))

    def watch(self, _request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[change_pb2.WatchChangesResponse]:
        yield change_pb2.WatchChangesResponse(cursor=call.peer_identity.encode())
        self.may_end.wait(60)
        yield change_pb2.WatchChangesResponse(cursor=b"end")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(Authority(tmp_path))
    own = served.authority.issue("hub")
    handlers = (
        service("concord.audit.v1.AuditService", {"GetLeaf": served.who}),
        service("concord.mdm.v1.ChangeService", {"WatchChanges": served.watch}),
    )
    tls = ServerTls(own.certificate_file, own.key_file, served.authority.ca_file)
    with serving(TOKENS, *handlers, tls=tls) as (server, _):
        served.server = server
        yield served


def channel_of(served: Served, name: str) -> grpc.Channel:
    assert served.server is not None
    mine = served.authority.issue(name, "client")
    tls = ClientTls(served.authority.ca_file, mine.certificate_file, mine.key_file)
    return open_channel(f"127.0.0.1:{served.server.port}", token=FixedToken("caller"), tls=tls)


def who(channel: grpc.Channel) -> str:
    return audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest()).leaf.name


def test_the_next_call_shows_the_new_certificate_and_a_running_stream_goes_on(served: Served) -> None:
    with channel_of(served, "first") as channel:
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        stream = change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(change_pb2.WatchChangesRequest())
        assert b"first" in next(stream).cursor
        served.authority.issue("second", "client")
        assert "second" in stub.GetLeaf(audit_pb2.GetLeafRequest()).leaf.name
        assert "second" in stub.GetLeaf.future(audit_pb2.GetLeafRequest()).result().leaf.name
        served.may_end.set()
        assert [answer.cursor for answer in stream] == [b"end"]


def test_half_a_replacement_leaves_the_old_certificate_in_use(served: Served, tmp_path: Path) -> None:
    with channel_of(served, "first") as channel:
        key = (tmp_path / "client.key").read_bytes()
        served.authority.issue("second", "client")
        (tmp_path / "fresh.key").write_bytes((tmp_path / "client.key").read_bytes())
        (tmp_path / "client.key").write_bytes(key)
        assert "first" in who(channel)
        (tmp_path / "fresh.key").replace(tmp_path / "client.key")
        assert "second" in who(channel)


def test_the_channel_that_was_left_is_closed_when_its_last_call_has_ended(served: Served) -> None:
    assert served.server is not None
    closed: list[str] = []

    class Noted(FollowingChannel):
        def _close_left(self) -> None:
            before = set(self._left)
            super()._close_left()
            closed.extend("closed" for _ in before - self._left)

    mine = served.authority.issue("first", "client")
    credentials = _credentials(served, mine.certificate_file, mine.key_file)
    target = f"127.0.0.1:{served.server.port}"
    with Noted(credentials, lambda each: grpc.secure_channel(target, each)) as channel:
        metadata = (("authorization", "Bearer caller"),)
        watching = change_pb2_grpc.ChangeServiceStub(channel).WatchChanges(
            change_pb2.WatchChangesRequest(), metadata=metadata
        )
        next(watching)
        served.authority.issue("second", "client")
        audit_pb2_grpc.AuditServiceStub(channel).GetLeaf(audit_pb2.GetLeafRequest(), metadata=metadata)
        assert closed == []
        served.may_end.set()
        assert [answer.cursor for answer in watching] == [b"end"]
        assert eventually(lambda: closed == ["closed"])


def test_no_call_fails_or_hangs_while_the_certificate_changes_again_and_again(served: Served) -> None:
    served.may_end.set()
    over, ended, failures = threading.Event(), [0, 0], list[grpc.RpcError]()

    def stream(number: int) -> None:
        while not over.is_set():
            try:
                ended[number] += len(list(watching.WatchChanges(change_pb2.WatchChangesRequest())))
            except grpc.RpcError as error:
                failures.append(error)

    def both_ended(before: tuple[int, ...]) -> bool:
        return all(now > then for now, then in zip(ended, before, strict=True))

    with channel_of(served, "first") as channel:
        watching = change_pb2_grpc.ChangeServiceStub(channel)
        threads = [threading.Thread(target=stream, args=(number,), daemon=True) for number in range(2)]
        for thread in threads:
            thread.start()
        for number in range(30):
            served.authority.issue(f"identity-{number}", "client")
            assert who(channel)
            assert eventually(partial(both_ended, tuple(ended)))
        over.set()
        for thread in threads:
            thread.join(60)
    assert failures == []


def _credentials(served: Served, certificate: Path, key: Path) -> FollowedFiles[grpc.ChannelCredentials]:
    def read() -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(
            served.authority.ca_file.read_bytes(), key.read_bytes(), certificate.read_bytes()
        )

    return FollowedFiles("the test's identity", [certificate, key], read)


def test_half_an_identity_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="belong together"):
        ClientTls(certificate_file=tmp_path / "only.pem")


class NoToken:
    """An issuer that is away."""

    def token(self) -> str:
        raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "the token issuer gives no access token")


def test_without_a_token_no_call_is_made_and_the_reason_is_told(served: Served) -> None:
    assert served.server is not None
    mine = served.authority.issue("mdm", "client")
    tls = ClientTls(served.authority.ca_file, mine.certificate_file, mine.key_file)
    with open_channel(f"127.0.0.1:{served.server.port}", token=NoToken(), tls=tls) as channel:
        told = refused(lambda: who(channel))
    assert told.code is grpc.StatusCode.UNAVAILABLE
    assert "the token issuer gives no access token" in str(told)


def opened_by(credentials: list[grpc.ChannelCredentials], opened: list[grpc.Channel]) -> FollowingChannel:
    """Return a channel that follows the last of some credentials, and notes what it opens."""

    def open_(_credentials: grpc.ChannelCredentials) -> grpc.Channel:
        opened.append(grpc.insecure_channel("127.0.0.1:1"))
        return opened[-1]

    class Followed:
        def present(self) -> grpc.ChannelCredentials:
            return credentials[-1]

    return FollowingChannel(Followed(), open_)  # type: ignore[arg-type] # all that it asks for


def test_after_its_end_a_channel_opens_none_that_nobody_would_close() -> None:
    credentials, opened = [grpc.ssl_channel_credentials()], list[grpc.Channel]()
    channel = opened_by(credentials, opened)
    get = audit_pb2_grpc.AuditServiceStub(channel).GetLeaf
    channel.close()
    credentials.append(grpc.ssl_channel_credentials())
    with pytest.raises(ValueError, match="closed channel"):
        get(audit_pb2.GetLeafRequest())
    assert len(opened) == 1


def test_an_idle_channel_that_is_left_is_closed_although_its_successor_makes_no_method() -> None:
    credentials, opened = [grpc.ssl_channel_credentials()], list[grpc.Channel]()

    def refusing(_channel: grpc.Channel) -> object:
        raise ValueError("no such method")

    with opened_by(credentials, opened) as channel:
        credentials.append(grpc.ssl_channel_credentials())
        with pytest.raises(ValueError, match="no such method"):
            channel.begin(refusing)
        assert not channel._left
    assert len(opened) == 2


def test_who_subscribed_is_told_of_the_channel_that_follows_until_he_unsubscribes() -> None:
    credentials, opened = [grpc.ssl_channel_credentials()], list[grpc.Channel]()
    told: list[grpc.ChannelConnectivity] = []
    with opened_by(credentials, opened) as channel:
        channel.subscribe(told.append)
        eventually(lambda: len(told) == 1)
        credentials.append(grpc.ssl_channel_credentials())
        with pytest.raises(grpc.RpcError):
            who(channel)
        eventually(lambda: grpc.ChannelConnectivity.TRANSIENT_FAILURE in told)
        channel.unsubscribe(told.append)
        assert not channel._subscribed
        _await_end_of_watch(opened[-1])
    assert len(opened) == 2


def _await_end_of_watch(channel: Any) -> None:
    """Wait until grpcio's thread looks no more: on a channel that is closed meanwhile it would fail."""
    eventually(lambda: not channel._connectivity_state.polling)
