"""Creates the Secrets that a mesh needs and that are not there yet; never changes one that is.

It may be run again at any time: what is missing is made to fit what is there.
"""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from services.audit import signing_keys
from services.development.authority import Authority, Identity
from services.development.clients import Clients
from services.development.secrets_api import SecretsApi
from services.development.token_signer import new_private_jwks
from services.development.workloads import AUDIT, WITNESS, WORKLOADS, Workload
from services.mesh.configuration import ConfigurationError
from services.mesh.records.keys import new_key_line
from services.witness.domain.signing_key import SigningKey

_SECRET_BYTES = 32


@dataclass(frozen=True)
class Row:
    """What was done about one Secret."""

    name: str
    created: bool
    keys: tuple[str, ...]


class Bootstrap:
    """One run over everything that is needed, in the order in which one thing is made from another."""

    def __init__(self, api: SecretsApi, *, log_origin: str, witness_name: str) -> None:
        self._api = api
        self._log_origin = log_origin
        self._witness_name = witness_name
        self.rows: list[Row] = []

    def run(self) -> list[Row]:
        """Create what is missing; return a row for each Secret.

        Raises ApiError, and ConfigurationError when what is there does not fit together.
        """
        self._databases()
        self._keys()
        self._certificates()
        self._clients()
        return self.rows

    def _databases(self) -> None:
        self._secret("postgres-superuser", _password)
        for workload in WORKLOADS:
            if workload.has_database:
                self._secret(f"{workload.name}-database", _password)
                self._secret(f"{workload.name}-database-owner", _password)

    def _keys(self) -> None:
        for workload in WORKLOADS:
            if workload.has_keys:
                self._secret(f"{workload.name}-keys", lambda: {"keys": new_key_line(1).encode()})
        self._secret(f"{AUDIT.name}-log-key", self._log_key)
        self._secret(f"{WITNESS.name}-key", self._witness_key)

    def _certificates(self) -> None:
        kept = self._secret("development-authority", lambda: _tls(Authority.new().root))
        try:
            authority = Authority(Identity(kept["tls.crt"], kept["tls.key"]))
        except (ValueError, TypeError) as error:
            raise ConfigurationError(["development-authority holds no authority that this made"]) from error
        for workload in WORKLOADS:
            names = _names(workload, self._api.namespace)
            issued = self._secret(f"{workload.name}-tls", partial(_issued, authority, names))
            if issued["ca.crt"] != authority.root.certificate:
                message = f"{workload.name}-tls is not of development-authority: delete it and run this again"
                raise ConfigurationError([message])

    def _clients(self) -> None:
        clients = Clients.of(
            {
                workload: self._secret(f"{workload.name}-client", _client_secret)["secret"].decode().strip()
                for workload in WORKLOADS
                if workload.permissions
            }
        )
        made = {"jwks-private": new_private_jwks().encode(), "clients": clients.written.encode()}
        kept = self._secret("issuer-keys", lambda: made)
        if not clients.are_written(kept["clients"]):
            message = "issuer-keys knows other clients than the Secrets *-client: delete issuer-keys and run this again"
            raise ConfigurationError([message])

    def _log_key(self) -> dict[str, bytes]:
        key = signing_keys.new_key(self._log_origin)
        return {"key": f"{key.written()}\n".encode(), "vkey": f"{key.verifier}\n".encode()}

    def _witness_key(self) -> dict[str, bytes]:
        key = SigningKey(self._witness_name, secrets.token_bytes(_SECRET_BYTES))
        return {"key": f"{key.written}\n".encode(), "vkey": f"{key.verifier_key}\n".encode()}

    def _secret(self, name: str, make: Callable[[], Mapping[str, bytes]]) -> Mapping[str, bytes]:
        """Return a Secret's data, of one that is made when there is none."""
        made, kept = make(), self._api.read(name)
        if kept is None and self._api.create(name, made):
            self.rows.append(Row(name, created=True, keys=tuple(made)))
            return made
        kept = kept or self._api.read(name) or {}
        missing = sorted(set(made) - set(kept))
        if missing:
            raise ConfigurationError([f"Secret {name} is without {', '.join(missing)}: delete it or complete it"])
        self.rows.append(Row(name, created=False, keys=tuple(kept)))
        return kept


def _password() -> dict[str, bytes]:
    return {"password": secrets.token_urlsafe(_SECRET_BYTES).encode()}


def _client_secret() -> dict[str, bytes]:
    return {"secret": secrets.token_urlsafe(_SECRET_BYTES).encode()}


def _tls(identity: Identity) -> dict[str, bytes]:
    return {"tls.crt": identity.certificate, "tls.key": identity.key}


def _issued(authority: Authority, names: Sequence[str]) -> dict[str, bytes]:
    return _tls(authority.issue(names)) | {"ca.crt": authority.root.certificate}


def _names(workload: Workload, namespace: str) -> tuple[str, ...]:
    """Return the names that a workload's Service has in DNS."""
    name = workload.name
    return (name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local")
