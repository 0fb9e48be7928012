"""Channels to other services: deadlines, retries and balancing by the package's policy, tokens, traces.

The policy of a package stands beside its contract, `<package>_grpc_service_config.json`; the channels of this module
read every policy that is installed, so that no caller has to name one.
"""

import functools
import ipaddress
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import grpc
from opentelemetry import propagate

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.calling.following_channel import FollowingChannel
from services.mesh.errors import ConcordError
from services.mesh.identity.followed_files import FollowedFiles

if TYPE_CHECKING:
    # Its libraries take longer to load than a command line that traces nothing has to run.
    from services.mesh.telemetry import Telemetry

DEFAULT_DEADLINE_S = 30.0
# As large as the answers that a mesh server gives; what it takes is bounded on its side.
MAX_MESSAGE_BYTES = 16 * 1024 * 1024

_CONTRACTS = "concord"
_POLICY_SUFFIX = "_grpc_service_config.json"
_BALANCING: list[dict[str, Any]] = [{"round_robin": {}}]
_AUTHORIZATION = "authorization"
_TRACEPARENT = "traceparent"

_OPTIONS: dict[str, int | str] = {
    "grpc.enable_retries": 1,
    "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
    "grpc.max_send_message_length": MAX_MESSAGE_BYTES,
    # A server that vanished without a word is found within a minute, also by a stream that only listens.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 20_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.max_pings_without_data": 0,
    # Replicas come and go by DNS.
    "grpc.dns_min_time_between_resolutions_ms": 1000,
    "grpc.min_reconnect_backoff_ms": 100,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 5000,
}


class TokenSource(Protocol):
    """Where the access token of a client comes from."""

    def token(self) -> str:
        """Return the token to send now. Raises OSError or ConcordError when it can't be had."""


@runtime_checkable
class RenewedToken(TokenSource, Protocol):
    """A source that can get another token before its time."""

    def refused(self) -> None:
        """Be told that a call was refused for its token. Does not wait, raises nothing."""


class TokenFile:
    """A token in a file, read again when the file changes: tokens are renewed without a restart."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read: tuple[tuple[int, int], str] | None = None

    def token(self) -> str:
        """Return the file's present content. Raises OSError."""
        status = self._path.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        with self._lock:
            if self._read is None or self._read[0] != stamp:
                self._read = (stamp, self._path.read_text().strip())
            return self._read[1]


class FixedToken:
    """A token that was handed over once, as a command line gets it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def token(self) -> str:
        """Return the token."""
        return self._token


@dataclass(frozen=True)
class ClientTls:
    """The authority that servers' certificates must come from (None = the system's), and the client's own identity.

    The files are read again when they change: certificates rotate without a restart.
    """

    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse half an identity."""
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")


def service_config(*packages: str) -> str:
    """Return the call policy of the named packages (`concord.mdm.v1`), or of all that are installed, as JSON.

    Raises LookupError for a package without a policy, and when none is installed at all: calls without a policy
    would have no deadline of their own and no retries, and nobody would notice.
    """
    policies = _policies()
    missing = [package for package in packages if package not in policies]
    if missing or not policies:
        raise LookupError(f"no call policy for {', '.join(missing) or 'any package'}: has the code been generated?")
    methods = [method for package in packages or policies for method in policies[package]["methodConfig"]]
    return json.dumps({"loadBalancingConfig": _BALANCING, "methodConfig": methods})


def open_channel(  # noqa: PLR0913 - what a channel can differ in
    target: str,
    *,
    token: TokenSource | None = None,
    policy: str | None = None,
    telemetry: "Telemetry | None" = None,
    tls: ClientTls | None = None,
    default_deadline_s: float = DEFAULT_DEADLINE_S,
    allow_plaintext: bool = False,
) -> grpc.Channel:
    """Open a channel to `host:port`, or to any gRPC target such as `dns:///mdm:443`; the caller closes it.

    `policy` is a service config as JSON; by default that of every installed package. Every unary call has a deadline:
    its own, else the policy's, else `default_deadline_s`. The token goes along with every call, as call
    credentials over TLS, as plain metadata to loopback. Trace context goes along, with a span for calls other than
    pure subscriptions when `telemetry` is given. Raises ValueError for plaintext to other machines unless allowed,
    OSError or ConfigurationError for TLS files of no use.
    """
    if tls is None and not allow_plaintext:
        require_loopback(target)
    policy = policy or service_config()
    deadlines = _Deadlines(policy, default_deadline_s)
    renewed = token if isinstance(token, RenewedToken) else None
    options = list((_OPTIONS | {"grpc.service_config": policy}).items())
    if tls is not None:
        channel: grpc.Channel = FollowingChannel(
            _credentials(tls, token), lambda credentials: grpc.secure_channel(target, credentials, options=options)
        )
        metadata = _CallMetadata(None, deadlines, renewed)
    else:
        channel = grpc.insecure_channel(target, options=options)
        metadata = _CallMetadata(token, deadlines, renewed)
    channel = grpc.intercept_channel(channel, metadata)
    return channel if telemetry is None else telemetry.traced(channel)


@functools.cache
def _policies() -> dict[str, Any]:
    """Read every installed policy, by package, in the order of the packages' names."""
    found: dict[str, Any] = {}
    for package, file in _policy_files(_CONTRACTS, resources.files(_CONTRACTS)):
        found[package] = json.loads(file.read_text())
    return dict(sorted(found.items()))


def _policy_files(package: str, folder: Traversable) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _policy_files(f"{package}.{entry.name}", entry)
        elif entry.name.endswith(_POLICY_SUFFIX):
            yield package, entry


def require_loopback(target: str) -> None:
    """Raise ValueError for a target that plaintext would leave this machine for."""
    if not _is_loopback(target):
        raise ValueError(f"plaintext to {target} is refused: configure TLS or allow plaintext")


def _is_loopback(target: str) -> bool:
    """Say whether a target stays on this machine: `127.0.0.1:1`, `[::1]:1`, `ipv4:127.0.0.1:1`, `unix:…`."""
    scheme, _, rest = target.partition(":")
    if scheme in {"unix", "unix-abstract"}:
        return True
    address = rest if scheme in {"ipv4", "ipv6", "dns"} else target
    hosts = [one.rpartition(":")[0].strip("[]/") for one in address.split(",")]
    return all(_is_loopback_host(host) for host in hosts)


def _is_loopback_host(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(tls: ClientTls, token: TokenSource | None) -> FollowedFiles[grpc.ChannelCredentials]:
    plugin = grpc.metadata_call_credentials(_TokenPlugin(token)) if token is not None else None

    def read() -> grpc.ChannelCredentials:
        key, chain = (None, None)
        if tls.certificate_file is not None and tls.key_file is not None:
            # A command line that calls without a certificate does not wait for its library.
            from services.mesh.identity.certificates import read_identity  # noqa: PLC0415

            key, chain = read_identity(tls.certificate_file, tls.key_file)
        authority = tls.ca_file.read_bytes() if tls.ca_file is not None else None
        transport = grpc.ssl_channel_credentials(authority, key, chain)
        return transport if plugin is None else grpc.composite_channel_credentials(transport, plugin)

    paths = [path for path in (tls.ca_file, tls.certificate_file, tls.key_file) if path is not None]
    return FollowedFiles("the client's TLS identity", paths, read)


class _TokenPlugin(grpc.AuthMetadataPlugin):
    """Adds the token to a call over TLS; the transport sees to it that it goes nowhere else."""

    def __init__(self, token: TokenSource) -> None:
        self._token = token

    def __call__(self, _context: grpc.AuthMetadataContext, callback: grpc.AuthMetadataPluginCallback) -> None:
        try:
            metadata = ((_AUTHORIZATION, f"Bearer {self._token.token()}"),)
        except (OSError, ConcordError) as error:
            callback((), error)
        else:
            callback(metadata, None)


_ANY_METHOD = "//"  # a policy that names nothing holds for everything


class _Deadlines:
    """The seconds that unary calls may take, by what a policy says of their method, their service, or all."""

    def __init__(self, policy: str, default_s: float) -> None:
        self._default_s = default_s
        self._stated = {
            f"/{name.get('service', '')}/{name.get('method', '')}": float(method["timeout"].removesuffix("s"))
            for method in json.loads(policy).get("methodConfig", [])
            for name in method["name"]
            if "timeout" in method
        }

    def of(self, method: str) -> float:
        """Return the limit of a method, named `/package.Service/Method`."""
        service = method[: method.rindex("/") + 1]
        return self._stated.get(method, self._stated.get(service, self._stated.get(_ANY_METHOD, self._default_s)))


class _Details(NamedTuple):
    """What `grpc.ClientCallDetails` has; its own class can't be made."""

    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: bool | None
    compression: Any


class _CallMetadata(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """Gives every call the token and the trace context, and a deadline where it would have none.

    `renewed` is told of calls that end UNAUTHENTICATED.
    """

    def __init__(self, token: TokenSource | None, deadlines: "_Deadlines", renewed: RenewedToken | None) -> None:
        self._token = token
        self._deadlines = deadlines
        self._renewed = renewed

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Send a unary call."""
        details = self._complete(client_call_details, self._deadlines.of(client_call_details.method))
        return self._followed(continuation(details, request))

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Open a stream of responses."""
        return self._followed(continuation(self._complete(client_call_details, None), request))

    def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Open a stream of requests."""
        return self._followed(continuation(self._complete(client_call_details, None), request_iterator))

    def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        """Open a stream both ways."""
        return self._followed(continuation(self._complete(client_call_details, None), request_iterator))

    def _followed(self, call: Any) -> Any:
        if self._renewed is not None:
            call.add_done_callback(self._ended)
        return call

    def _ended(self, call: Any) -> None:
        if self._renewed is not None and call.code() is grpc.StatusCode.UNAUTHENTICATED:
            self._renewed.refused()

    def _complete(self, details: Any, default_deadline_s: float | None) -> _Details:
        metadata = list(details.metadata or ())
        if not any(key == _TRACEPARENT for key, _ in metadata):
            context: dict[str, str] = {}
            propagate.inject(context)
            metadata += context.items()
        if self._token is not None:
            metadata.append((_AUTHORIZATION, f"Bearer {_present(self._token)}"))
        timeout = details.timeout if details.timeout is not None else default_deadline_s
        return _Details(
            details.method, timeout, metadata, details.credentials, details.wait_for_ready, details.compression
        )


def _present(source: TokenSource) -> str:
    try:
        return source.token()
    except OSError as error:
        message = "the client's own access token can't be read"
        raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_MISSING, message) from error
