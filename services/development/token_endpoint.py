"""The development issuer's interface: its metadata, its keys, and tokens for clients (RFC 6749, section 4.4)."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from services.development.clients import Client, Clients
from services.development.token_signer import TokenSigner
from services.mesh.identity.caller import EVERY_ENTITY
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.server.http_server import Handler

GRANT = "client_credentials"

_JSON = "application/json"
_LENGTH = re.compile(r"[0-9]{1,5}")
_NOT_STORED = {"Cache-Control": "no-store"}


class RefusalError(Exception):
    """Why no token is given: an error code of RFC 6749, section 5.2, and the status that goes with it."""

    def __init__(self, error: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


class TokenEndpoint:
    """Gives tokens to the clients in a file, signed with the keys in another; both are followed."""

    def __init__(
        self,
        signer: FollowedFiles[TokenSigner],
        clients: FollowedFiles[Clients],
        *,
        audience: str,
        lifetime: timedelta,
    ) -> None:
        self._signer = signer
        self._clients = clients
        self._audience = audience
        self._lifetime = lifetime

    def metadata(self) -> dict[str, Any]:
        """Return what OpenID Connect Discovery publishes."""
        issuer = self._signer.present().issuer
        return {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks.json",
            "grant_types_supported": [GRANT],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "response_types_supported": [],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        }

    def jwks(self) -> str:
        """Return the public keys."""
        return self._signer.present().jwks

    def token(self, authorization: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request. Raises RefusalError."""
        client = self._clients.present().authenticated(*_basic(authorization))
        if client is None:
            raise RefusalError("invalid_client", HTTPStatus.UNAUTHORIZED)
        if form.get("grant_type") != GRANT:
            raise RefusalError("unsupported_grant_type")
        if form.get("audience", self._audience) != self._audience:
            raise RefusalError("invalid_target")
        permissions = _permitted(client, form.get("scope"))
        token = self._signer.present().issue(
            client.client_id,
            client.client_id,
            permissions,
            entities=(EVERY_ENTITY,),
            audience=self._audience,
            lifetime=self._lifetime,
        )
        life_s = int(self._lifetime.total_seconds())
        return {"access_token": token, "token_type": "Bearer", "expires_in": life_s, "scope": " ".join(permissions)}


def handler_of(endpoint: TokenEndpoint) -> type[Handler]:
    """Return the interface, for a server."""
    return type("IssuingHandler", (_Handler,), {"endpoint": endpoint})


class _Handler(Handler):
    endpoint: TokenEndpoint

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        """Answer with the metadata or the keys."""
        if self.path == "/.well-known/openid-configuration":
            self.answer(HTTPStatus.OK, json.dumps(self.endpoint.metadata()), _JSON)
        elif self.path == "/jwks.json":
            self.answer(HTTPStatus.OK, self.endpoint.jwks(), _JSON)
        else:
            self.answer(HTTPStatus.NOT_FOUND, "no such page\n")

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        """Answer a token request."""
        try:
            given = self.endpoint.token(self.headers.get("Authorization", ""), self._form())
            self.answer(HTTPStatus.OK, json.dumps(given), _JSON, _NOT_STORED)
        except RefusalError as refused:
            named = {"WWW-Authenticate": "Basic"} if refused.status == HTTPStatus.UNAUTHORIZED else {}
            self.answer(refused.status, json.dumps({"error": refused.error}), _JSON, _NOT_STORED | named)

    def _form(self) -> dict[str, str]:
        size = self.headers.get("Content-Length", "")
        if self.path != "/token" or not _LENGTH.fullmatch(size):
            # What follows can't be told from the next request.
            self.close_connection = True
            raise RefusalError("invalid_request")
        read = parse_qs(self.rfile.read(int(size)).decode("utf-8", "replace"))
        if any(len(values) > 1 for values in read.values()):
            raise RefusalError("invalid_request")
        return {name: value for name, (value,) in read.items()}


def _basic(authorization: str) -> tuple[str, str]:
    """Read client_secret_basic: both parts are form-encoded before they are put together."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise RefusalError("invalid_client", HTTPStatus.UNAUTHORIZED) from error
    if scheme.lower() != "basic":
        raise RefusalError("invalid_client", HTTPStatus.UNAUTHORIZED)
    return unquote_plus(client_id), unquote_plus(secret)


def _permitted(client: Client, scope: str | None) -> tuple[str, ...]:
    """Return what is asked for, all that the client has unless it says less."""
    asked = client.permissions if scope is None else tuple(scope.split())
    if not set(asked) <= set(client.permissions):
        raise RefusalError("invalid_scope")
    return asked
