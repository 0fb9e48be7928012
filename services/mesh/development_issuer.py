"""An issuer of access tokens for one machine: for tools and tests, never for anything that others can reach.

Whoever can read its directory can be anybody.
"""

import contextlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from services.mesh.authentication import ENTITIES_CLAIM, TOKEN_TYPE

ISSUER = "https://issuer.concord.localhost"
AUDIENCE = "concord"

_ALGORITHM = "ES256"


class DevelopmentIssuer:
    """Issues tokens under an ES256 key that it keeps in `directory`, made at first use, with its `jwks.json`."""

    def __init__(self, directory: Path, *, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.jwks_file = directory / "jwks.json"
        self._key_file = directory / "issuer_key.pem"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not self._key_file.exists():
            _put_first(self._key_file, _new_key())
        self._key = self._key_file.read_bytes()
        self._key_id = self._publish()

    def issue(  # noqa: PLR0913 - the claims of a token
        self,
        subject: str,
        client: str,
        permissions: Iterable[str],
        entities: Sequence[str] = (),
        audience: str = AUDIENCE,
        lifetime: timedelta = timedelta(hours=1),
        on_behalf_of: Sequence[str] = (),
        **other_claims: object,
    ) -> str:
        """Return a signed token in which `subject` acts, for `on_behalf_of` (the principal at the beginning last).

        `other_claims` are added or replace the standard ones; None leaves a claim out.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": audience,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": str(uuid.uuid4()),
            "client_id": client,
            "scope": " ".join(sorted(permissions)),
            ENTITIES_CLAIM: list(entities),
            **_delegation(subject, on_behalf_of),
            **other_claims,
        }
        stated = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(stated, self._key, _ALGORITHM, {"typ": TOKEN_TYPE, "kid": self._key_id})

    def write_token(self, path: Path, token: str) -> Path:
        """Write a token to a file that only its owner may read, replacing it at once; return the path."""
        return _fresh(path, token.encode()).replace(path)

    def _publish(self) -> str:
        """Write the public key beside the private one and return its id."""
        private = serialization.load_pem_private_key(self._key, password=None)
        public = private.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)  # noqa: S101 - we made it
        described: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(public))
        key_id = f"development-{described['x'][:16]}"
        described |= {"kid": key_id, "use": "sig", "alg": _ALGORITHM}
        text = json.dumps({"keys": [described]}, indent=2)
        if not self.jwks_file.exists() or self.jwks_file.read_text() != text:
            _fresh(self.jwks_file, text.encode()).replace(self.jwks_file)
        return key_id


def _delegation(subject: str, on_behalf_of: Sequence[str]) -> dict[str, Any]:
    """Tell a delegation as RFC 8693 does: `sub` is the beginning, `act` who acts now, earlier actors nested inside."""
    if not on_behalf_of:
        return {"sub": subject}
    actor: dict[str, Any] | None = None
    for name in reversed((subject, *on_behalf_of[:-1])):
        actor = {"sub": name} | ({"act": actor} if actor is not None else {})
    return {"sub": on_behalf_of[-1], "act": actor}


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _put_first(path: Path, content: bytes) -> None:
    """Put a file where there is none; of several processes at once, the first one's counts."""
    fresh = _fresh(path, content)
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(fresh)
    fresh.unlink()


def _fresh(path: Path, content: bytes) -> Path:
    """Write a file that only its owner may read, beside the place that it is meant for."""
    fresh = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    return fresh
