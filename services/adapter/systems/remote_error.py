"""How a connected system can fail, in the four kinds that the synchronisation treats differently."""

import enum


class RemoteErrorKind(enum.Enum):
    """What is to be done about a failure of a connected system."""

    PERMANENT = "permanent"
    """The same call would fail again: quarantine or report it."""
    TRANSIENT = "transient"
    """The call may succeed later: try again after a pause."""
    CONFLICT = "conflict"
    """Someone else changed the record meanwhile: read it again and decide anew."""
    AUTHENTICATION = "authentication"
    """The system does not accept our credentials: a person has to act."""


class RemoteError(Exception):
    """A call to a connected system failed.

    The message may quote the system, and so hold a field's value: it belongs into a sealed quarantine or an answer to
    an authorised caller, never into a log.
    """

    def __init__(
        self, kind: RemoteErrorKind, message: str, *, retry_after_s: float | None = None, outcome_unknown: bool = False
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s
        """Seconds that the system asked us to stay away, or None."""
        self.outcome_unknown = outcome_unknown
        """True when the call may have been carried out although no answer arrived: search before creating again."""
