"""Why a call is made: the purpose and the reason that a caller states, as metadata of the call.

Both end up in the evidence of what the call changes; a purpose is a term of the organisation's own list, a reason is
free text, such as a ticket.
"""

from urllib.parse import quote, unquote

PURPOSE_KEY = "x-concord-purpose"
REASON_KEY = "x-concord-reason"

# What metadata may hold as it is; the rest travels percent-encoded.
_PLAIN = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"


def with_purpose(purpose: str, reason: str = "") -> tuple[tuple[str, str], ...]:
    """Return the metadata that states why a call is made; what is empty is left out."""
    stated = ((PURPOSE_KEY, purpose), (REASON_KEY, reason))
    return tuple((key, quote(value.strip(), safe=_PLAIN)) for key, value in stated if value.strip())


def stated(value: str) -> str:
    """Return what a caller stated, from its form in the metadata."""
    return unquote(value)
