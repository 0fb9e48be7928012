"""SCIM 2.0 as a client sees it: resources, changes since a moment, conditional PATCH, typed errors."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx

from services.adapter.synchronising.pause import Pause
from services.adapter.systems.http_exchange import Answer, exchange
from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind
from services.saas_adapter.connectors.scim import errors
from services.saas_adapter.connectors.scim.errors import ScimError
from services.saas_adapter.connectors.scim.resource import Resource, instant, parse

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
BULK_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

_SCIM = "application/scim+json"
_SUCCESS, _NO_CONTENT = range(200, 300), 204
_NOT_FOUND, _TOO_MANY, _UNAVAILABLE = 404, 429, 503
_FIRST_PAUSE_S = 1.0
_LONGEST_PAUSE_S = 300.0


class ScimClient:
    """Requests to one SCIM service with a bearer token; threads may share it.

    The token is read from its file for every request, so a renewed token is used at once. After HTTP 429 or 503 every
    request fails at once, without being sent, until the time the service asked for, or a pause that doubles, is over.
    """

    def __init__(
        self, url: str, token_file: Path, *, timeout_s: float = 30.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._token_file = token_file
        self._timeout_s = timeout_s
        self._http = httpx.Client(transport=transport, follow_redirects=False, trust_env=False)
        self._pause = Pause(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self.server_time: datetime | None = None
        """What the service's clock said in its last answer, cut to the second; None = it never did."""

    def pages(
        self, endpoint: str, condition: str | None = None, *, page_size: int = 200, attributes: Sequence[str] = ()
    ) -> Iterator[list[Resource]]:
        """Yield the resources of `endpoint` (such as `/CostCenters`) that match the filter, in pages, ordered by id.

        With `attributes` they have no others but their `id` and `schemas`. SCIM pages by offset: a resource that goes
        away between two pages would hide another one: a total that shrinks raises a TRANSIENT ScimError.
        """
        start, total = 1, 0
        while True:
            query = {"startIndex": str(start), "count": str(page_size), "sortBy": "id", **_only(attributes)}
            body = self._json("GET", endpoint, query if condition is None else {**query, "filter": condition})
            found = [_resource(document) for document in body.get("Resources") or []]
            if int(body.get("totalResults", 0)) < total:
                raise ScimError(RemoteErrorKind.TRANSIENT, "resources went away while they were listed")
            total = int(body.get("totalResults", 0))
            if found:
                yield found
            start += len(found)
            if not found or start > total:
                return

    def changed_since(self, endpoint: str, moment: datetime, *, page_size: int = 200) -> Iterator[list[Resource]]:
        """Yield, in pages, the resources modified at `moment` or later; those deleted since are not told."""
        return self.pages(endpoint, f"meta.lastModified ge {instant(moment)}", page_size=page_size)

    def get(self, endpoint: str, resource_id: str) -> Resource | None:
        """Read one resource; None when there is none of that id."""
        try:
            return _resource(self._json("GET", _path(endpoint, resource_id)))
        except ScimError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def create(self, endpoint: str, document: Mapping[str, Any]) -> Resource:
        """Create a resource; CONFLICT with `scim_type` uniqueness when there already is one like it."""
        return _resource(self._json("POST", endpoint, body=document))

    def patch(
        self,
        endpoint: str,
        resource_id: str,
        operations: Sequence[Mapping[str, Any]],
        *,
        etag: str | None,
        attributes: Sequence[str] = (),
    ) -> Resource:
        """Apply PATCH operations and return the resource as it is then.

        With the `etag` of the revision that was read, the request is refused with CONFLICT when someone changed it.
        With `attributes` the service answers with the resource as this very request left it (RFC 7644, 3.5.2);
        otherwise it is read, maybe after someone else's change.
        """
        headers = {} if etag is None else {"If-Match": etag}
        body = {"schemas": [PATCH_SCHEMA], "Operations": list(operations)}
        path = _path(endpoint, resource_id)
        changed = self._json("PATCH", path, _only(attributes), body=body, headers=headers)
        return _resource(changed or self._json("GET", path, _only(attributes)))

    def bulk(self, operations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Carry out several operations, each for itself, and return their outcomes with `status`, in order."""
        body = {"schemas": [BULK_SCHEMA], "Operations": list(operations)}
        outcomes: list[dict[str, Any]] = self._json("POST", "/Bulk", body=body)["Operations"]
        return outcomes

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _json(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        answer = self._exchange(method, url, None if body is None else json.dumps(body).encode(), headers or {})
        if answer.status not in _SUCCESS:
            raise errors.from_answer(answer, retry_after_s=self._away(answer))
        self._pause.end()
        try:
            document = json.loads(answer.body) if answer.status != _NO_CONTENT else {}
        except ValueError as error:
            raise _not_scim() from error
        if isinstance(document, dict):
            return document
        raise _not_scim()

    def _exchange(self, method: str, url: str, content: bytes | None, headers: Mapping[str, str]) -> Answer:
        if remaining := self._pause.remaining_s():
            raise ScimError(RemoteErrorKind.TRANSIENT, "pausing as the service asked", retry_after_s=remaining)
        fixed = {"Authorization": f"Bearer {self._token()}", "Accept": _SCIM}
        fixed |= {"Content-Type": _SCIM} if content is not None else {}
        try:
            answer = exchange(
                self._http, method, url, timeout_s=self._timeout_s, content=content, headers={**fixed, **headers}
            )
        except RemoteError as error:
            raise ScimError(error.kind, str(error), outcome_unknown=error.outcome_unknown) from error
        self.server_time = _date(answer) or self.server_time
        return answer

    def _token(self) -> str:
        try:
            return self._token_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            message = f"the token file can't be read: {type(error).__name__}"
            raise ScimError(RemoteErrorKind.AUTHENTICATION, message) from error

    def _away(self, answer: Answer) -> float | None:
        if answer.status not in {_TOO_MANY, _UNAVAILABLE}:
            return None
        asked = answer.headers.get("Retry-After", "")
        return self._pause.begin(float(asked) if asked.isascii() and asked.isdigit() else None)


def _path(endpoint: str, resource_id: str) -> str:
    return f"{endpoint}/{quote(resource_id, safe='')}"


def _only(attributes: Sequence[str]) -> dict[str, str]:
    return {"attributes": ",".join(attributes)} if attributes else {}


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).astimezone(UTC)
    except ValueError:
        return None


def _resource(document: object) -> Resource:
    try:
        return parse(document)
    except ValueError as error:
        raise _not_scim() from error


def _not_scim() -> ScimError:
    return ScimError(RemoteErrorKind.PERMANENT, "the answer is not SCIM", outcome_unknown=True)
