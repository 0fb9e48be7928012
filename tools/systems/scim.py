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

from services.saas_adapter.connectors.scim.rest import PATCH_SCHEMA, ScimClient
from tools.demo.catalogue import Catalogue, WorkforceCostCenter
from tools.guarded_process import GuardedProcess
from tools.postgres import free_port
from tools.systems import workforce_user
from tools.systems.environment import install
from tools.systems.tryton_server import wait_for_answer
from tools.systems.workforce import serve

COST_CENTER_SCHEMA = "urn:saltmarsh:params:scim:schemas:workforce:1.0:CostCenter"

_ATTEMPTS = 3  # another process may take the free port before the server does
_BULK = 500  # the server takes 1,000 operations and 1 MiB
_DONE = frozenset({"200", "201", "204"})


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
        """Install scim2-server if need be and serve; `directory` gets the token, the log and the schemas.

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
        with ScimClient(self.url, self.token_file) as client:
            _carry_out(
                client, [_creation("/CostCenters", _cost_center(row)) for row in catalogue.workforce_cost_centers]
            )
            users = catalogue.workforce_users
            made = _carry_out(client, [_creation("/Users", workforce_user.resource(row)) for row in users])
            ids = {row.employee_number: id_of(outcome) for row, outcome in zip(users, made, strict=True)}
            reporting = [(ids[row.employee_number], ids[row.manager]) for row in users if row.manager in ids]
            _carry_out(client, [_report_to(user, manager) for user, manager in reporting])

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


def id_of(outcome: dict[str, Any]) -> str:
    """Return the id of the resource that an operation of a bulk request made."""
    return str(outcome["location"]).rpartition("/")[2]


def _report_to(user: str, manager: str) -> dict[str, Any]:
    change = {"op": "add", "path": f"{workforce_user.ENTERPRISE_SCHEMA}:manager", "value": {"value": manager}}
    return {"method": "PATCH", "path": f"/Users/{user}", "data": {"schemas": [PATCH_SCHEMA], "Operations": [change]}}


def _carry_out(client: ScimClient, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
    outcomes = [outcome for chunk in _chunks(operations) for outcome in client.bulk(chunk)]
    if refused := [outcome for outcome in outcomes if str(outcome["status"]) not in _DONE]:
        raise ValueError(f"{len(refused)} resources refused, the first with {refused[0]}")
    return outcomes


def _chunks(operations: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    waiting = iter(operations)
    while chunk := list(islice(waiting, _BULK)):
        yield chunk
