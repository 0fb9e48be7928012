"""Tryton's server process: its configuration, its start, and waiting until it answers."""

import json
import os
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from tools import leftovers
from tools.guarded_process import GuardedProcess
from tools.postgres import PostgresServer, free_port
from tools.systems.environment import Environment

ROLE = "tryton"
"""The PostgreSQL role that owns Tryton's databases."""

_START_TIMEOUT_S = 60.0
_ATTEMPTS = 3  # another process may take the free port before the server does


class TrytonStartError(Exception):
    """The server did not answer in time; the message holds the end of its log."""


def configure(directory: Path, postgres: PostgresServer, port: int) -> Path:
    """Write the configuration, which holds the database password, readable by its owner only."""
    directory.mkdir(parents=True, exist_ok=True)
    password = quote(postgres.password_file(ROLE).read_text(), safe="")
    file = directory / "trytond.conf"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as out:
        out.write(f"[database]\nuri = postgresql://{ROLE}:{password}@127.0.0.1:{postgres.port}/\n")
        out.write(f"[web]\nlisten = 127.0.0.1:{port}\n")
    return file


def serve(
    environment: Environment, directory: Path, postgres: PostgresServer, database: str
) -> tuple[str, GuardedProcess]:
    """Start the server on a free port of 127.0.0.1 and wait until it answers; returns its URL and process."""
    for _ in range(_ATTEMPTS):
        port = free_port()
        configuration = configure(directory, postgres, port)
        command: list[str | Path] = [environment.program("trytond"), "-c", configuration, "-d", database]
        process = GuardedProcess.start(command, log=directory / "trytond.log")
        url = f"http://127.0.0.1:{port}"
        if wait_for_answer(process, partial(_answers, url)):
            return url, process
        process.stop()
    raise TrytonStartError((directory / "trytond.log").read_text(errors="replace")[-2000:])


def wait_for_answer(process: GuardedProcess, answers: Callable[[], bool]) -> bool:
    """Wait until a server answers; False when it ended instead or took longer than a minute."""
    return leftovers.wait_until(answers, give_up=lambda: process.poll() is not None, timeout_s=_START_TIMEOUT_S)


def _answers(url: str) -> bool:
    body = json.dumps({"id": 1, "method": "common.server.version", "params": []}).encode()
    request = urllib.request.Request(f"{url}/rpc/", body, {"Content-Type": "application/json"})  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own URL
            return bool(answer.status == 200)  # noqa: PLR2004 - an HTTP status
    except OSError:
        return False
