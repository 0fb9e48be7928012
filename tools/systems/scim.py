"""A real SCIM service on loopback: the hospital's workforce SaaS, with users and cost centers.

It keeps its data in memory: a restart begins empty.
"""

import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.saas_adapter.connectors.scim.rest import ScimClient
from tools.demo.catalogue import Catalogue, WorkforceCostCenter, WorkforceUser
from tools.guarded_process import GuardedProcess
from tools.postgres import free_port
from tools.systems.environment import install
from tools.systems.tryton_server import wait_for_answer
from tools.systems.workforce import serve

COST_CENTER_SCHEMA = "urn:saltmarsh:params:scim:schemas:workforce:1.0:CostCenter"
USER_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_SCHEMA = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

_ATTEMPTS = 3  # another process may take the free port before the server does
_BULK = 500  # the server takes 1,000 operations and 1 MiB
_CREATED = "201"


class ScimStartError(Exception):
    """The server did not answer in time; the message holds the end of its log."""


class ScimServer:
    """A running service; a context manager that stops it."""

    def __init__(self, url: str, token_file: Path, process: GuardedProcess) -> None:
        self.url = url
        """Address of the resources, such as `{url}/CostCenters`."""
        self.token_file = token_file
        self._process = process

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Install scim2-server if need be and serve; `directory` gets the token and the log.

        Raises InstallationError, ScimStartError.
        """
        environment = install("scim")
        token_file = _token(directory)
        for _ in range(_ATTEMPTS):
            port = free_port()
            command: list[str | Path] = [environment.program("python"), "-I", serve.__file__, str(port), token_file]
            process = GuardedProcess.start(command, log=directory / "scim.log")
            url = f"http://127.0.0.1:{port}/v2"
            if wait_for_answer(process, partial(_answers, url)):
                return cls(url, token_file, process)
            process.stop()
        raise ScimStartError((directory / "scim.log").read_text(errors="replace")[-2000:])

    def load(self, catalogue: Catalogue) -> None:
        """Create the catalogue's cost centers and users; raises ScimError, or ValueError when one is refused."""
        operations = [
            *(_creation("/CostCenters", _cost_center(each)) for each in catalogue.workforce_cost_centers),
            *(_creation("/Users", _user(each)) for each in catalogue.workforce_users),
        ]
        with ScimClient(self.url, self.token_file) as client:
            for chunk in _chunks(operations):
                refused = [outcome for outcome in client.bulk(chunk) if str(outcome["status"]) != _CREATED]
                if refused:
                    raise ValueError(f"{len(refused)} resources refused, the first with {refused[0]}")

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; its data are gone."""
        self._process.kill()

    def stop(self) -> None:
        """Stop the server; its data are gone."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _token(directory: Path) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "scim.token"
    if not file.exists():
        with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(32))
    return file


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}/ServiceProviderConfig", timeout=5).close()  # noqa: S310 - our own URL
    except urllib.error.HTTPError:
        return True  # it wants the token, so it is there
    except OSError:
        return False
    return True


def _creation(path: str, document: dict[str, Any]) -> dict[str, Any]:
    return {"method": "POST", "path": path, "bulkId": secrets.token_hex(8), "data": document}


def _cost_center(row: WorkforceCostCenter) -> dict[str, Any]:
    optional = {"manager": row.manager, "department": row.department, "entity": row.entity}
    return {
        "schemas": [COST_CENTER_SCHEMA],
        "code": row.code,
        "displayName": row.name,
        "active": row.active,
        **{name: value for name, value in optional.items() if value},
    }


def _user(row: WorkforceUser) -> dict[str, Any]:
    work = {"employeeNumber": row.employee_number, "costCenter": row.cost_center, "department": row.department}
    return {
        "schemas": [USER_SCHEMA, ENTERPRISE_SCHEMA],
        "userName": row.user_name,
        "name": {"givenName": row.given_name, "familyName": row.family_name},
        "emails": [{"value": row.email, "type": "work", "primary": True}],
        "title": row.title,
        "active": row.active,
        ENTERPRISE_SCHEMA: {name: value for name, value in work.items() if value},
    }


def _chunks(operations: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(operations)
    while chunk := list(islice(waiting, _BULK)):
        yield chunk
