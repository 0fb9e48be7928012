"""Who calls: OAuth access tokens as RFC 9068 profiles them, verified offline with the issuer's published keys.

Besides the profile's claims, `scope` holds permissions parted by spaces, `concord_entities` the entities whose records
the caller may see (`["*"]` = every one; absent = none), and `act` the chain of RFC 8693: the outermost `act.sub` is who
acts now, those within acted before, and the token's own `sub` is for whom all of it happens.
"""

import hashlib
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import jwt
from jwt import exceptions

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import EVERY_ENTITY, Caller
from services.mesh.identity.https import require_https
from services.mesh.identity.signing_keys import FileKeys, SigningKeys, UrlKeys

TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type, not a password
ENTITIES_CLAIM = "concord_entities"
ALGORITHMS = ("RS256", "ES256", "EdDSA")

_TYPES = (TOKEN_TYPE, f"application/{TOKEN_TYPE}")
_REQUIRED = ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"]
_OPTIONS: Any = {"require": _REQUIRED, "enforce_minimum_key_length": True}
_LONGEST_ACT_CHAIN = 8
_LONGEST_NAME = 255
_ENTITY = re.compile(r"\*|entities/[^/\s]+")

# A key that its issuer withdraws stops counting after this time at the latest.
_TRUSTED_FOR_S = 300.0

# The first that fits counts.
_CHECKS: tuple[tuple[type[jwt.PyJWTError], str], ...] = (
    (jwt.InvalidSignatureError, "signature"),
    (jwt.InvalidAlgorithmError, "algorithm"),
    (jwt.InvalidKeyError, "key_length"),
    (jwt.InvalidIssuerError, "issuer"),
    (jwt.InvalidAudienceError, "audience"),
    (jwt.ImmatureSignatureError, "not_before"),
    (jwt.InvalidIssuedAtError, "iat"),
    (exceptions.InvalidSubjectError, "sub"),
    (exceptions.InvalidJTIError, "jti"),
    (jwt.PyJWTError, "format"),
)


@dataclass(frozen=True)
class AuthenticationSettings:
    """Whose tokens are taken, for which audience, and where the issuer's keys are: in a file or behind a URL.

    `ca_file` holds the authority of the URL's https; None = the system's. `leeway_s` is how far the issuer's clock may
    be off; `cached_tokens` how many verified tokens are remembered.
    """

    issuer: str
    audience: str = "concord"
    jwks_file: Path | None = None
    jwks_url: str | None = None
    ca_file: Path | None = None
    leeway_s: float = 30.0
    cached_tokens: int = 10_000

    def __post_init__(self) -> None:
        if (self.jwks_file is None) == (self.jwks_url is None):
            raise ValueError("exactly one of jwks_file and jwks_url says where the issuer's keys are")
        if self.jwks_url is not None:
            require_https(self.jwks_url, "a JWKS")


class Authenticator(Protocol):
    """Tells who calls by the token of the call."""

    def authenticate(self, token: str) -> Caller:
        """Return the caller whom a bearer token (without the scheme) stands for; see TokenAuthenticator."""


class TokenAuthenticator:
    """Verifies access tokens; remembers the verified ones by their hash, at the longest until they end.

    Raises OSError or ValueError when the settings name a JWKS file that can't be used. `keys` replaces the issuer's.
    """

    def __init__(
        self,
        settings: AuthenticationSettings,
        *,
        clock: Callable[[], float] = time.time,
        keys: SigningKeys | None = None,
    ) -> None:
        self._settings = settings
        self._keys = keys or _signing_keys(settings)
        self._clock = clock
        self._lock = threading.Lock()
        self._verified: dict[bytes, tuple[Caller, float]] = {}

    def authenticate(self, token: str) -> Caller:
        """Return the caller. Raises ConcordError.

        CREDENTIALS_MISSING for an empty token, CREDENTIALS_EXPIRED with `expired_at`, CREDENTIALS_INVALID with the
        `check` that failed, DEPENDENCY_UNAVAILABLE when the issuer's keys can't be had.
        """
        if not token:
            raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_MISSING, "the call carries no access token")
        digest = hashlib.sha256(token.encode()).digest()
        known = self._verified.get(digest)
        if known is not None and self._clock() < known[1]:
            return known[0]
        claims = self._verify(token)
        caller = _caller(claims)
        until = min(float(claims["exp"]) + self._settings.leeway_s, self._clock() + _TRUSTED_FOR_S)
        self._remember(digest, caller, until)
        return caller

    def _verify(self, token: str) -> Mapping[str, Any]:
        try:
            key = self._key(jwt.get_unverified_header(token))
            claims: Mapping[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=ALGORITHMS,
                audience=self._settings.audience,
                issuer=self._settings.issuer,
                leeway=self._settings.leeway_s,
                options=_OPTIONS,
            )
        except jwt.ExpiredSignatureError as error:
            raise _expired(token) from error
        except jwt.MissingRequiredClaimError as error:
            raise _invalid(str(error.claim)) from error
        except jwt.PyJWTError as error:
            raise _invalid(next(check for kind, check in _CHECKS if isinstance(error, kind))) from error
        except RecursionError as error:
            raise _invalid("format") from error
        return claims

    def _key(self, header: Mapping[str, Any]) -> jwt.PyJWK:
        if str(header.get("typ", "")).lower() not in _TYPES:
            raise _invalid("type")
        if header.get("alg") not in ALGORITHMS:
            raise _invalid("algorithm")
        key = self._keys.find(str(header.get("kid", "")))
        if key is None:
            raise _invalid("key")
        return key

    def _remember(self, digest: bytes, caller: Caller, until: float) -> None:
        with self._lock:
            self._verified.pop(digest, None)
            while len(self._verified) >= max(1, self._settings.cached_tokens):
                del self._verified[next(iter(self._verified))]
            self._verified[digest] = (caller, until)


def _signing_keys(settings: AuthenticationSettings) -> SigningKeys:
    if settings.jwks_file is not None:
        return FileKeys(settings.jwks_file)
    return UrlKeys(settings.jwks_url or "", settings.ca_file)


def _caller(claims: Mapping[str, Any]) -> Caller:
    actors = _actors(claims)
    subject, *on_behalf_of = (*actors, _text(claims, "sub"))
    return Caller(
        subject=subject,
        client=_text(claims, "client_id"),
        on_behalf_of=tuple(on_behalf_of),
        permissions=frozenset(_scope(claims)),
        entities=_entities(claims),
    )


def _scope(claims: Mapping[str, Any]) -> list[str]:
    scope = claims.get("scope", "")
    if not isinstance(scope, str):
        raise _invalid("scope")
    return scope.split()


def _entities(claims: Mapping[str, Any]) -> tuple[str, ...]:
    named = claims.get(ENTITIES_CLAIM, [])
    if not isinstance(named, list) or not all(isinstance(name, str) and _ENTITY.fullmatch(name) for name in named):
        raise _invalid(ENTITIES_CLAIM)
    return (EVERY_ENTITY,) if EVERY_ENTITY in named else tuple(dict.fromkeys(named))


def _actors(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """Return who acts, then who acted before, the earliest last."""
    found: list[str] = []
    inside: Any = claims.get("act")
    while inside is not None:
        if not isinstance(inside, dict) or len(found) == _LONGEST_ACT_CHAIN:
            raise _invalid("act")
        found.append(_text(inside, "sub", check="act"))
        inside = inside.get("act")
    return tuple(found)


def _text(claims: Mapping[str, Any], claim: str, *, check: str = "") -> str:
    value = claims.get(claim)
    # What is longer, or no text of PostgreSQL's, no leaf can hold: its evidence would never be taken.
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_NAME or "\0" in value:
        raise _invalid(check or claim)
    return value


def _expired(token: str) -> ConcordError:
    ended = jwt.decode(token, options={"verify_signature": False})["exp"]
    try:
        metadata = {"expired_at": datetime.fromtimestamp(int(ended), UTC).isoformat().replace("+00:00", "Z")}
    except (OverflowError, ValueError, OSError):  # an end before the calendar begins
        metadata = {}
    return ConcordError(reasons.ERROR_REASON_CREDENTIALS_EXPIRED, "the access token is past its end", metadata=metadata)


def _invalid(check: str) -> ConcordError:
    message = f"the access token is not acceptable: {check}"
    return ConcordError(reasons.ERROR_REASON_CREDENTIALS_INVALID, message, metadata={"check": check})
