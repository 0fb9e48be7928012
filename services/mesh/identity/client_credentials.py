"""Access tokens of a service's own: the client credentials grant of OAuth 2.0 (RFC 6749, section 4.4)."""

import logging
import math
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import httpx

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.configuration import ConfigurationError
from services.mesh.errors import ConcordError
from services.mesh.identity.https import require_https, trusting

_log = logging.getLogger(__name__)

_TIMEOUT_S = 5.0
_RENEWED_AFTER = 2 / 3  # of a token's life: what is left is for an issuer that is away
_UNTOLD_LIFE_S = 300.0  # the life of a token whose issuer does not say
_LONGEST_BACKOFF_S = 30.0
_REFUSED_AFTER_S = 30.0  # a token that is refused earlier than this is no better fetched again
_MOST_DOUBLINGS = 5  # 2 to the power of a day's failures is no float any more


@dataclass(frozen=True)
class CredentialsSettings:
    """Where a service gets its tokens from, and as which client of the issuer.

    `client_secret_file` and `ca_file` (the authority of the issuer's https; None = the system's) are read at each
    fetch. `audience` and `scope` are sent along where an issuer needs them; parts of a scope are parted by spaces.
    """

    token_url: str
    client_id: str
    client_secret_file: Path
    ca_file: Path | None = None
    audience: str | None = None
    scope: str | None = None

    def __post_init__(self) -> None:
        """Refuse to send a secret where others can read it."""
        require_https(self.token_url, "a token endpoint")


@dataclass(frozen=True)
class _Token:
    """A token, and when (in monotonic seconds) it came, is to be renewed and is at its end."""

    text: str
    came_at: float
    renewed_at: float
    ends_at: float


class ClientCredentials:
    """Tokens from the issuer, each fetched before the one in use ends; safe in threads.

    One fetch runs at a time. Who has a token that still holds never waits for the next one: it is fetched beside, and
    while the issuer does not give one, the old one stays in use until its end. After a failure the next try comes
    after 1, 2, 4 … 30 seconds.
    """

    def __init__(self, settings: CredentialsSettings) -> None:
        self._settings = settings
        self._fetching = threading.Lock()
        self._token = _Token("", 0.0, 0.0, 0.0)
        self._failure: ConcordError | None = None
        self._failures = 0
        self._try_at = 0.0

    def token(self) -> str:
        """Return a token that holds. Raises ConcordError.

        DEPENDENCY_UNAVAILABLE when the issuer can't be asked, CREDENTIALS_INVALID when it refuses the client,
        CREDENTIALS_MISSING when the client's secret can't be read.
        """
        known, now = self._token, time.monotonic()
        if now < known.renewed_at:
            return known.text
        if now < known.ends_at:
            self._renew_beside(now)
            return known.text
        return self._awaited()

    def refused(self) -> None:
        """Be told that a server did not take the token: another is fetched beside, and used as soon as it is there.

        Not for a token that has only just come. Refusals of its forerunner arrive late, and who refuses whatever the
        issuer gives would have it asked with every call.
        """
        now = time.monotonic()
        if now >= self._token.came_at + _REFUSED_AFTER_S:
            self._renew_beside(now)

    def _renew_beside(self, now: float) -> None:
        if now < self._try_at or not self._fetching.acquire(blocking=False):
            return
        try:
            threading.Thread(target=self._fetch_and_release, name="access token", daemon=True).start()
        except RuntimeError:
            self._fail(_unavailable("no thread can be started to ask for it"))
            self._fetching.release()

    def _fetch_and_release(self) -> None:
        try:
            self._fetch()
        finally:
            self._fetching.release()

    def _awaited(self) -> str:
        with self._fetching:
            if time.monotonic() >= max(self._token.ends_at, self._try_at):
                self._fetch()
            if time.monotonic() < self._token.ends_at:
                return self._token.text
            assert self._failure is not None  # noqa: S101 - otherwise there were a token
            raise self._failure.with_traceback(None)

    def _fetch(self) -> None:
        try:
            self._token = self._granted(time.monotonic())
        except ConcordError as failure:
            self._fail(failure)
        else:
            self._failures, self._try_at = 0, 0.0

    def _fail(self, failure: ConcordError) -> None:
        """Note why there is no next token, and when to try again. The caller holds the lock of fetching."""
        self._failure = failure
        self._try_at = time.monotonic() + min(_LONGEST_BACKOFF_S, 2.0 ** min(self._failures, _MOST_DOUBLINGS))
        self._failures += 1
        _log.warning("no access token for %s: %s", self._settings.client_id, failure)

    def _granted(self, now: float) -> _Token:
        answer = self._asked()
        document = _document(answer)
        if answer.status_code in (httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED):
            raise _refused(document)
        text = document.get("access_token")
        if answer.status_code != httpx.codes.OK or not isinstance(text, str):
            raise _unavailable(f"it answers {answer.status_code} without a token")
        life = _life(document)
        if not life > 0:
            raise _unavailable("it gives a token that is at its end")
        return _Token(text, now, now + life * _RENEWED_AFTER, now + life)

    def _asked(self) -> httpx.Response:
        settings = self._settings
        try:
            secret = settings.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"the client's secret can't be read: {type(error).__name__}"
            raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_MISSING, message) from error
        asked = {"grant_type": "client_credentials", "audience": settings.audience, "scope": settings.scope}
        form = {name: value for name, value in asked.items() if value is not None}
        # Both are encoded before they are put together: RFC 6749, section 2.3.1.
        client = httpx.BasicAuth(quote_plus(settings.client_id), quote_plus(secret))
        try:
            context = trusting(settings.ca_file)
            return httpx.post(settings.token_url, data=form, auth=client, verify=context, timeout=_TIMEOUT_S)
        except (httpx.HTTPError, OSError, ConfigurationError) as error:
            raise _unavailable(type(error).__name__) from error


def _document(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _life(answer: Mapping[str, Any]) -> float:
    """Return a token's life in seconds. Some issuers say it as text, which RFC 6749 does not."""
    told = answer.get("expires_in", _UNTOLD_LIFE_S)
    try:
        life = math.nan if isinstance(told, bool) else float(told)
    except (TypeError, ValueError, OverflowError):
        life = math.nan
    if not math.isfinite(life):
        raise _unavailable(f"its expires_in is no number of seconds: {str(told)[:40]!r}")
    return life


def _refused(answer: Mapping[str, Any]) -> ConcordError:
    message = f"the token issuer refuses the client: {str(answer.get('error', 'no reason'))[:200]}"
    metadata = {"check": "client credentials"}
    return ConcordError(reasons.ERROR_REASON_CREDENTIALS_INVALID, message, metadata=metadata)


def _unavailable(told: str) -> ConcordError:
    message = f"the token issuer gives no access token: {told}"
    metadata = {"dependency": "token issuer"}
    return ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, message, metadata=metadata)
