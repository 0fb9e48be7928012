"""A Tryton database with a catalogue in it: loaded by the first run that wants it, restored by later ones."""

import hashlib
import inspect
import os
import subprocess
from pathlib import Path

from tools.demo.catalogue import Catalogue
from tools.postgres import PostgresServer
from tools.systems import tryton_catalogue, tryton_rows
from tools.systems.tryton_server import ROLE
from tools.systems.tryton_template import Template


def restore(template: Template, catalogue: Catalogue, postgres: PostgresServer, database: str) -> bool:
    """Create `database` with the catalogue in it; False when no run has loaded this catalogue yet."""
    dump = _dump_file(template, catalogue)
    if not dump.exists():
        return False
    postgres.create_role(ROLE)
    postgres.create_database(database, owner=ROLE)
    program = postgres.binaries / "pg_restore"
    subprocess.run([program, "--jobs=2", "--exit-on-error", "-d", postgres.url(database), dump], check=True)
    return True


def keep(template: Template, catalogue: Catalogue, postgres: PostgresServer, database: str) -> None:
    """Keep a database into which the catalogue was just loaded."""
    dump = _dump_file(template, catalogue)
    unfinished = dump.with_suffix(f".{os.getpid()}")
    program = postgres.binaries / "pg_dump"
    subprocess.run([program, "--format=custom", "--compress=1", "-f", unfinished, postgres.url(database)], check=True)
    unfinished.rename(dump)


def _dump_file(template: Template, catalogue: Catalogue) -> Path:
    """Name the dump by what it depends on: the template, the catalogue, and what loads it."""
    loaders = "".join(inspect.getsource(module) for module in (tryton_catalogue, tryton_rows))
    digest = hashlib.sha256(f"{catalogue!r}{loaders}".encode()).hexdigest()[:16]
    return template.directory / f"loaded-{digest}.dump"
