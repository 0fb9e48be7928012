"""The Secrets of one namespace, by the Kubernetes API (core/v1)."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from services.mesh.identity.https import trusting

_TIMEOUT_S = 10.0
_LABELS = {"app.kubernetes.io/part-of": "concord"}


class ApiError(OSError):
    """The API server does not answer, or refuses."""


class SecretsApi:
    """Reads and creates Secrets; never changes one."""

    def __init__(self, client: httpx.Client, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._path = f"/api/v1/namespaces/{namespace}/secrets"

    def read(self, name: str) -> Mapping[str, bytes] | None:
        """Return a Secret's data; None when there is none of this name. Raises ApiError."""
        answer = self._asked("GET", f"{self._path}/{name}")
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        try:
            data = _document(answer, HTTPStatus.OK, f"Secret {name}").get("data") or {}
            return {key: base64.b64decode(value, validate=True) for key, value in data.items()}
        except (binascii.Error, AttributeError, TypeError) as error:
            raise ApiError(f"Secret {name}: the API server answers what is no Secret") from error

    def create(self, name: str, data: Mapping[str, bytes]) -> bool:
        """Create a Secret; False when somebody else was faster. Raises ApiError."""
        encoded = {key: base64.b64encode(value).decode() for key, value in data.items()}
        metadata = {"name": name, "namespace": self.namespace, "labels": _LABELS}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": encoded}
        answer = self._asked("POST", self._path, body)
        if answer.status_code == HTTPStatus.CONFLICT:
            return False
        _document(answer, HTTPStatus.CREATED, f"Secret {name}")
        return True

    def _asked(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            return self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ApiError(f"the API server does not answer: {type(error).__name__}") from error


@contextmanager
def opened(url: str, account: Path) -> Iterator[SecretsApi]:
    """Open the API for a service account, whose directory holds `token`, `ca.crt` and `namespace`.

    Raises OSError for an account that can't be read.
    """
    token, namespace = ((account / name).read_text(encoding="utf-8").strip() for name in ("token", "namespace"))
    headers = {"Authorization": f"Bearer {token}"}
    context = trusting(account / "ca.crt")
    with httpx.Client(base_url=url, headers=headers, verify=context, timeout=_TIMEOUT_S) as client:
        yield SecretsApi(client, namespace)


def _document(answer: httpx.Response, expected: HTTPStatus, what: str) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if answer.status_code != expected or not isinstance(document, dict):
        # A Status object's message says what is forbidden to whom; it holds nothing of the Secret.
        told = document.get("message", "") if isinstance(document, dict) else ""
        raise ApiError(f"{what}: the API server answers {answer.status_code} {told}".rstrip())
    return document
