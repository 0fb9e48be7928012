"""What is registered rather than mastered, as its services see it: found by name, paged, changed by a mask."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from services.mdm.storage.deciding.scope import missing
from services.mdm.transport.calls.hub_fields import not_writable
from services.mesh.contract.field_masks import apply_mask, resolve_mask
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.contract.validation import constraint_violated, violations

_HUB_SETS = ("name", "etag", "revision", "update_time", "retired")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=_Named)
M = TypeVar("M", bound=Message)


def named(registered: Sequence[N], kind: str, name: str) -> N:
    """Return the registered one of a name. Raises RECORD_NOT_FOUND."""
    for one in registered:
        if one.name == name:
            return one
    raise missing(kind, name)


def page(registered: Sequence[N], request: Any) -> tuple[Sequence[N], str]:
    """Return a page of what is registered, by name, and the next page's token."""
    size = page_size(request.page_size)
    after = PageToken.decode(request.page_token, request)
    behind = [one for one in registered if after is None or one.name > after[0]]
    token = PageToken.encode((behind[size - 1].name,), request) if len(behind) > size else ""
    return behind[:size], token


def merging(field: str, said: M, mask: FieldMask) -> Callable[[M], M]:
    """Return an update's change: given what is registered, it makes that equal to what is said at the mask's paths.

    `field` is the name of what is said in the request; violations begin with it. The contract's constraints count for
    the name and for what is changed, whatever else is said is not looked at (AIP-134). Raises UNKNOWN_FIELD,
    FIELD_NOT_WRITABLE, CONSTRAINT_VIOLATED.
    """
    paths = _writable(mask, said)
    _require_valid(field, said, {"", "name", *map(_top, paths)})

    def merge(present: M) -> M:
        apply_mask(said, present, paths)
        return present

    return merge


def _writable(mask: FieldMask, said: Message) -> tuple[str, ...]:
    for path in mask.paths:
        if _top(path) in _HUB_SETS:
            raise not_writable(path, "update_mask")
    return tuple(path for path in resolve_mask(mask, said) if _top(path) not in _HUB_SETS)


def _require_valid(field: str, said: Message, looked_at: set[str]) -> None:
    found = [broken for broken in violations(said) if _top(broken.field) in looked_at]
    if found:
        raise constraint_violated([replace(broken, field=f"{field}.{broken.field}".rstrip(".")) for broken in found])


def _top(path: str) -> str:
    """Return the top-level field of a path; a rule about the whole message has none."""
    return re.split(r"[.\[]", path)[0]
