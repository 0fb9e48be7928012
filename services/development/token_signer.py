"""Signs access tokens as RFC 9068 profiles them, under an ES256 key that is kept as a private JWKS (RFC 7517)."""

import json
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from services.mesh.identity.authentication import ENTITIES_CLAIM, TOKEN_TYPE

AUDIENCE = "concord"

_ALGORITHM = "ES256"
_PRIVATE = "d"


def new_private_jwks() -> str:
    """Return a JWKS with one fresh private key; secret."""
    key = ec.generate_private_key(ec.SECP256R1())
    described: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key))
    key_id = f"development-{described['x'][:16]}"
    return json.dumps({"keys": [described | {"kid": key_id, "use": "sig", "alg": _ALGORITHM}]}, indent=2)


class TokenSigner:
    """The issuer of this name, with its keys: the first signs, all are published.

    Raises ValueError for keys that are none.
    """

    def __init__(self, issuer: str, private_jwks: str) -> None:
        self.issuer = issuer
        try:
            keys = json.loads(private_jwks)["keys"]
            self._key_id = keys[0]["kid"]
            self._key = _signing_key(keys[0])
            public = [{name: value for name, value in key.items() if name != _PRIVATE} for key in keys]
        except (jwt.PyJWTError, LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"not a JWKS with a private key first: {type(error).__name__}") from error
        self.jwks = json.dumps({"keys": public}, indent=2)

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


def _signing_key(described: dict[str, Any]) -> ec.EllipticCurvePrivateKey:
    """Read the key that signs. Raises TypeError for another one, such as a public one."""
    key = jwt.PyJWK(described).key
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("not a private key on a curve")
    return key


def _delegation(subject: str, on_behalf_of: Sequence[str]) -> dict[str, Any]:
    """Tell a delegation as RFC 8693 does: `sub` is the beginning, `act` who acts now, earlier actors nested inside."""
    if not on_behalf_of:
        return {"sub": subject}
    actor: dict[str, Any] | None = None
    for name in reversed((subject, *on_behalf_of[:-1])):
        actor = {"sub": name} | ({"act": actor} if actor is not None else {})
    return {"sub": on_behalf_of[-1], "act": actor}
