"""Logging in from a terminal: the device authorization grant of OAuth 2.0 (RFC 8628).

The person approves in a browser, on whatever device, while the command line asks the issuer until it has an answer.
The issuer's endpoints are read from its metadata (RFC 8414, or OpenID Connect's).
"""

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from clients.cli.connection.credentials import Grant
from clients.cli.mistake import Mistake

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
_METADATA = ("oauth-authorization-server", "openid-configuration")
_TIMEOUT_S = 15.0
_INTERVAL_S = 5.0
_SLOWER_S = 5.0
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_AGAIN = "concord login"


@dataclass(frozen=True)
class Endpoints:
    """Where an issuer takes device authorizations and gives tokens."""

    device_authorization: str
    token: str


@dataclass(frozen=True)
class Authorization:
    """What the person has to do, and what the command line asks with meanwhile; times in seconds."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float


class Issuer:
    """The issuer of access tokens, over HTTPS; plain HTTP only to this machine itself."""

    def __init__(self, http: httpx.Client, client_id: str) -> None:
        self._http = http
        self._client_id = client_id

    def discover(self, issuer: str) -> Endpoints:
        """Read the endpoints from the issuer's metadata. Raises Mistake when it publishes none."""
        parts = urlsplit(issuer)
        for kind in _METADATA:
            path = parts.path.rstrip("/")
            places = [f"/.well-known/{kind}{path}", f"{path}/.well-known/{kind}"]
            for place in dict.fromkeys(places):
                answer = self._get(f"{parts.scheme}://{parts.netloc}{place}")
                if answer is not None:
                    return _endpoints(issuer, answer)
        raise Mistake(f"{issuer} publishes no metadata", "name --device-endpoint and --token-endpoint")

    def begin(self, endpoints: Endpoints, scope: str) -> Authorization:
        """Ask for an authorization. Raises Mistake when the issuer refuses."""
        asked = {"client_id": self._client_id} | ({"scope": scope} if scope else {})
        status, answer = self._post(endpoints.device_authorization, asked)
        if status != httpx.codes.OK:
            raise Mistake(f"the issuer refuses to begin a log-in: {_said(answer)}", "check --client-id and --scope")
        try:
            return Authorization(
                answer["device_code"],
                answer["user_code"],
                answer["verification_uri"],
                answer.get("verification_uri_complete", ""),
                float(answer["expires_in"]),
                float(answer.get("interval", _INTERVAL_S)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Mistake(f"the issuer's answer is no device authorization: {error}", "check the endpoints") from error

    def await_grant(
        self,
        endpoints: Endpoints,
        begun: Authorization,
        *,
        wait: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> Grant:
        """Ask until the person approved. Raises Mistake when it is denied or takes too long."""
        interval, ends = begun.interval, clock() + begun.expires_in
        asked = {"grant_type": GRANT_TYPE, "device_code": begun.device_code, "client_id": self._client_id}
        while clock() < ends:
            wait(interval)
            status, answer = self._post(endpoints.token, asked)
            if status == httpx.codes.OK:
                return self._grant(answer, endpoints.token)
            error = answer.get("error")
            if error == "slow_down":
                interval += _SLOWER_S
            elif error != "authorization_pending":
                raise _refused(answer)
        raise Mistake("nobody approved the log-in in time", _AGAIN)

    def renew(self, grant: Grant) -> Grant:
        """Trade a refresh token for the next access token. Raises Mistake when the issuer refuses."""
        asked = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token, "client_id": self._client_id}
        status, answer = self._post(grant.token_endpoint, asked)
        if status != httpx.codes.OK:
            raise Mistake(f"the log-in could not be renewed: {_said(answer)}", _AGAIN)
        return self._grant({"refresh_token": grant.refresh_token, **answer}, grant.token_endpoint)

    def _grant(self, answer: Mapping[str, Any], token_endpoint: str) -> Grant:
        if not isinstance(answer.get("access_token"), str):
            raise Mistake("the issuer's answer holds no access token", "check the endpoints")
        return Grant(answer["access_token"], answer.get("refresh_token") or "", token_endpoint, self._client_id)

    def _get(self, url: str) -> Mapping[str, Any] | None:
        with _told(url):
            answer = self._http.get(url)
        return _document(answer) if answer.status_code == httpx.codes.OK else None

    def _post(self, url: str, form: Mapping[str, str]) -> tuple[int, Mapping[str, Any]]:
        with _told(url):
            answer = self._http.post(url, data=dict(form), headers={"Accept": "application/json"})
        return answer.status_code, _document(answer)


@contextmanager
def issuer(client_id: str, ca_file: str = "") -> Iterator[Issuer]:
    """Open connections to an issuer; `ca_file` names an authority to trust besides the system's."""
    trust = ssl.create_default_context()
    if ca_file:
        trust.load_verify_locations(ca_file)
    with httpx.Client(verify=trust, timeout=_TIMEOUT_S) as http:
        yield Issuer(http, client_id)


def renew(grant: Grant) -> Grant:
    """Renew a log-in at the endpoint that gave it."""
    with issuer(grant.client_id) as opened:
        return opened.renew(grant)


@contextmanager
def _told(url: str) -> Iterator[None]:
    """Refuse to send a secret in clear to others, and tell what did not answer."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise Mistake(f"{url} is refused: a log-in goes over https", "use the issuer's https address")
    try:
        yield
    except httpx.HTTPError as error:
        raise Mistake(f"{parts.scheme}://{parts.netloc} does not answer: {error}", "check the address") from error


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {"error": f"HTTP {answer.status_code}"}
    return document if isinstance(document, dict) else {}


def _endpoints(issuer: str, metadata: Mapping[str, Any]) -> Endpoints:
    if str(metadata.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise Mistake(f"the metadata of {issuer} is another issuer's: {metadata.get('issuer')}", "check --issuer")
    try:
        return Endpoints(metadata["device_authorization_endpoint"], metadata["token_endpoint"])
    except KeyError as error:
        hint = "ask for the device grant to be enabled, or use --token-file"
        raise Mistake(f"{issuer} offers no log-in from a terminal: no {error.args[0]}", hint) from error


def _refused(answer: Mapping[str, Any]) -> Mistake:
    told = {"access_denied": "the log-in was denied", "expired_token": "nobody approved the log-in in time"}
    return Mistake(told.get(str(answer.get("error")), f"the issuer refuses: {_said(answer)}"), _AGAIN)


def _said(answer: Mapping[str, Any]) -> str:
    return " - ".join(str(answer[key]) for key in ("error", "error_description") if answer.get(key)) or "no reason"
