"""The public keys that access tokens are verified with: a JWKS in a file or behind a URL."""

import logging
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from jwt import PyJWK, PyJWKClient, PyJWKSet, PyJWTError

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError
from services.mesh.identity.followed_files import FollowedFiles
from services.mesh.identity.https import require_https, trusting

_log = logging.getLogger(__name__)

_LIFESPAN_S = 300.0
_COOLDOWN_S = 30.0
_TIMEOUT_S = 5.0


class SigningKeys(Protocol):
    """Finds keys by the id in a token's header."""

    def find(self, key_id: str) -> PyJWK | None:
        """Return the key; None when the issuer has none of this id.

        Raises ConcordError DEPENDENCY_UNAVAILABLE when the issuer can't be asked and the key is not known from before.
        """


class FileKeys:
    """The keys in a JWKS file, read again when the file changes.

    A changed file that can't be read is logged, and the keys from before stay. Raises OSError or ValueError at once
    for a file that is unusable from the beginning.
    """

    def __init__(self, path: Path) -> None:
        self._keys = FollowedFiles("the JWKS file", [path], lambda: _read(path))

    def find(self, key_id: str) -> PyJWK | None:
        """Return the key, or None."""
        return self._keys.present().get(key_id)


class UrlKeys:
    """The keys behind a JWKS URL.

    They are fetched when one is first needed and then every five minutes, and sooner for an unknown key id, but never
    more often than every 30 seconds. While the issuer does not answer, the keys from before stay in use. `ca_file`
    holds the authority of the issuer's https (None = the system's) and is read at each fetch. Raises ValueError for a
    URL that is neither https nor http on loopback.
    """

    def __init__(self, url: str, ca_file: Path | None = None) -> None:
        require_https(url, "a JWKS")
        self._url = url
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._keys: Mapping[str, PyJWK] = {}
        self._asked_at = float("-inf")
        self._answered = False

    def find(self, key_id: str) -> PyJWK | None:
        """Return the key, or None; see SigningKeys."""
        known = self._keys.get(key_id)
        # Who holds a known key does not wait while another thread asks the issuer.
        if self._is_due(known) and self._lock.acquire(blocking=known is None):
            try:
                if self._is_due(self._keys.get(key_id)):
                    self._fetch()
            finally:
                self._lock.release()
        found = self._keys.get(key_id)
        if found is None and not self._answered:
            raise _unavailable()
        return found

    def _is_due(self, known: PyJWK | None) -> bool:
        # After a failure known keys are not due at once either: the next try comes after the cooldown.
        patience_s = _COOLDOWN_S if known is None or not self._answered else _LIFESPAN_S
        return time.monotonic() - self._asked_at >= patience_s

    def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        try:
            self._keys = {str(key.key_id): key for key in self._client().get_signing_keys()}
            self._answered = True
        except (PyJWTError, OSError, ValueError, ConfigurationError) as error:
            self._answered = False
            _log.warning("the token issuer's keys can't be fetched: %s", type(error).__name__)

    def _client(self) -> PyJWKClient:
        # Its own caches forget the keys of an issuer that is away for longer than their lifespan.
        context = trusting(self._ca_file)
        return PyJWKClient(self._url, cache_jwk_set=False, timeout=_TIMEOUT_S, ssl_context=context)


def _read(path: Path) -> Mapping[str, PyJWK]:
    try:
        keys = PyJWKSet.from_json(path.read_text(encoding="utf-8")).keys
    except (PyJWTError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a JWKS: {type(error).__name__}") from error
    return {key.key_id: key for key in keys if key.key_id and key.public_key_use in ("sig", None)}


def _unavailable() -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE,
        "the token issuer's keys can't be had",
        metadata={"dependency": "token issuer"},
    )
