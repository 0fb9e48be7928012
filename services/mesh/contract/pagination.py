"""Pages of a list: their size, and the opaque token that continues behind the last row of one."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Collection, Sequence

from google.protobuf.message import Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import ConcordError, FieldViolation

DEFAULT_SIZE = 50
LARGEST_SIZE = 1000

_OWN_FIELDS = ("page_token", "page_size")
_DIGEST_BYTES = 16
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)


def page_size(requested: int, *, default: int = DEFAULT_SIZE, largest: int = LARGEST_SIZE) -> int:
    """Return how many rows a page has: 0 stands for `default`, more than `largest` for `largest`.

    Raises ConcordError INVALID_PAGE_SIZE for a negative size.
    """
    if requested < 0:
        rule = "a page size is not negative"
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_PAGE_SIZE,
            rule,
            metadata={"page_size": str(requested)},
            violations=[FieldViolation("page_size", rule)],
        )
    return min(requested or default, largest)


class PageToken:
    """Where the next page of one question begins.

    A token belongs to its question: to the request's type and to every argument but `page_token` and `page_size`, so
    that the size may change between pages and nothing else. It is no secret and is not signed: a forged one shows
    nothing that its caller could not list.
    """

    @staticmethod
    def encode(last: Sequence[str], request: Message) -> str:
        """Return the token of the page behind the row whose sort keys are `last`."""
        keys = json.dumps(list(last), separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
        return base64.urlsafe_b64encode(_digest(request, keys) + keys).decode().rstrip("=")

    @staticmethod
    def decode(token: str, request: Message, *, keys: int = 1, numbers: Collection[int] = ()) -> tuple[str, ...] | None:
        """Return the sort keys of the last row already shown, as many as `keys`; None for no token: the first page.

        `numbers` are the places of the keys that are whole numbers of 64 bits.

        Raises ConcordError INVALID_PAGE_TOKEN for a token that is damaged, of another kind or of another question.
        """
        if not token:
            return None
        try:
            content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _invalid("the page token is not one of ours") from error
        digest, last = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
        if digest != _digest(request, last):
            raise _invalid("the page token belongs to a call with other arguments")
        found = _keys(last, keys)
        if not all(_NUMBER.fullmatch(found[place]) for place in numbers):
            raise _invalid("the page token is not one of ours")
        return found

    @staticmethod
    def decode_number(token: str, request: Message) -> int | None:
        """Return the number that was the only sort key, as `decode`."""
        last = PageToken.decode(token, request, numbers=(0,))
        return int(last[0]) if last else None


def _keys(encoded: bytes, count: int) -> tuple[str, ...]:
    try:
        keys = json.loads(encoded.decode(errors="surrogatepass"))
    except ValueError as error:
        raise _invalid("the page token is not one of ours") from error
    if not isinstance(keys, list) or len(keys) != count or not all(isinstance(key, str) for key in keys):
        raise _invalid("the page token is not one of ours")
    return tuple(keys)


def _digest(request: Message, keys: bytes) -> bytes:
    question = type(request)()
    question.CopyFrom(request)
    for field in _OWN_FIELDS:
        question.ClearField(field)
    asked = question.SerializeToString(deterministic=True)
    parts = (request.DESCRIPTOR.full_name.encode(), asked, keys)
    sealed = hashlib.sha256()
    for part in parts:
        sealed.update(len(part).to_bytes(8, "big") + part)
    return sealed.digest()[:_DIGEST_BYTES]


def _invalid(message: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_PAGE_TOKEN, message, violations=[FieldViolation("page_token", message)]
    )
