"""Tryton's failures, typed.

A mistake inside a method comes back as HTTP 200 with an `error` in the body; HTTP statuses tell of the session and the
server. Tracebacks that the server sends along are dropped.
"""

from collections.abc import Sequence

from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind

_TRY_LATER = frozenset({404, 408, 429, 500, 502, 503, 504})  # 404: the server cannot reach its database

# What PostgreSQL says, in an unhandled exception of the server, when the same call may succeed later.
_PASSING_TROUBLES = (
    "could not serialize access",
    "deadlock detected",
    "lock timeout",
    "statement timeout",
    "server closed the connection",
    "terminating connection",
    "connection is closed",
    "couldn't get a connection",
    "too many clients",
    "database system is",
    "connection refused",
    "connection failed",
    "consuming input failed",
)


class TrytonError(RemoteError):
    """A call to Tryton failed."""


def from_body(error: object) -> TrytonError:
    """Type the `error` of an HTTP 200 body: `[class name, arguments]`, or `[text, traceback]` when unhandled."""
    parts = error if isinstance(error, Sequence) and not isinstance(error, str) and error else [str(error)]
    name, arguments = str(parts[0]), parts[1] if len(parts) > 1 else ""
    match name:
        case "UserError":
            return TrytonError(RemoteErrorKind.PERMANENT, _sentence(arguments))
        case "UserWarning":
            return TrytonError(RemoteErrorKind.PERMANENT, f"Tryton wants a person to confirm: {_sentence(arguments)}")
        case "ConcurrencyException":
            return TrytonError(RemoteErrorKind.CONFLICT, str(arguments))
        case "LoginException":
            return TrytonError(RemoteErrorKind.AUTHENTICATION, "Tryton refuses this user or password")
        case _:
            passing = any(trouble in name.lower() for trouble in _PASSING_TROUBLES)
            return TrytonError(RemoteErrorKind.TRANSIENT if passing else RemoteErrorKind.PERMANENT, name)


def from_status(status: int, *, retry_after_s: float | None = None) -> TrytonError:
    """Type an HTTP status other than 200."""
    if status == 401:  # noqa: PLR2004 - an HTTP status
        kind = RemoteErrorKind.AUTHENTICATION
    else:
        kind = RemoteErrorKind.TRANSIENT if status in _TRY_LATER else RemoteErrorKind.PERMANENT
    unknown = status in {408, 500, 502, 504}
    return TrytonError(kind, f"Tryton answers HTTP {status}", retry_after_s=retry_after_s, outcome_unknown=unknown)


def _sentence(arguments: object) -> str:
    if isinstance(arguments, Sequence) and not isinstance(arguments, str):
        return " ".join(str(part) for part in arguments if part and isinstance(part, str))
    return str(arguments)
