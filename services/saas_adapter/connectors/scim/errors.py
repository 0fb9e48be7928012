"""SCIM's failures (RFC 7644, section 3.12), typed."""

import json
from typing import Any

from services.adapter.systems.http_exchange import Answer
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind

_KINDS = {
    401: RemoteErrorKind.AUTHENTICATION,
    403: RemoteErrorKind.AUTHENTICATION,
    409: RemoteErrorKind.CONFLICT,
    412: RemoteErrorKind.CONFLICT,
    408: RemoteErrorKind.TRANSIENT,
    425: RemoteErrorKind.TRANSIENT,
    429: RemoteErrorKind.TRANSIENT,
}
_SERVER_ERRORS = range(500, 600)
_NOT_CARRIED_OUT = frozenset({501, 503})


class ScimError(RemoteError):
    """A SCIM request failed; `status` is None when no answer arrived."""

    def __init__(  # noqa: PLR0913 - the parts of a SCIM error
        self,
        kind: RemoteErrorKind,
        message: str,
        *,
        status: int | None = None,
        scim_type: str | None = None,
        retry_after_s: float | None = None,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(kind, message, retry_after_s=retry_after_s, outcome_unknown=outcome_unknown)
        self.status = status
        self.scim_type = scim_type
        """Detail error keyword such as `uniqueness` or `invalidFilter`, or None."""


def from_answer(answer: Answer, *, retry_after_s: float | None = None) -> ScimError:
    """Type an answer that is not a success."""
    body = _error_body(answer)
    kind = _KINDS.get(answer.status, RemoteErrorKind.PERMANENT)
    if answer.status in _SERVER_ERRORS and answer.status != 501:  # noqa: PLR2004 - not implemented stays so
        kind = RemoteErrorKind.TRANSIENT
    return ScimError(
        kind,
        f"SCIM answers HTTP {answer.status}: {body.get('detail') or 'no detail'}",
        status=answer.status,
        scim_type=body.get("scimType"),
        retry_after_s=retry_after_s,
        outcome_unknown=answer.status in _SERVER_ERRORS and answer.status not in _NOT_CARRIED_OUT,
    )


def _error_body(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
