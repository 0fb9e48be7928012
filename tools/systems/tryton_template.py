"""Tryton's database with modules, company and users, made once (about a minute) and kept as a dump under `build/`."""

import hashlib
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg

from services.erp_adapter.connectors.tryton.rpc import TrytonClient
from tools.postgres import PostgresServer
from tools.systems.environment import SYSTEMS, Environment, exclusive, install
from tools.systems.tryton_server import ROLE, configure, serve

INTEGRATION_USER = "concord"
COMPANY = "Saltmarsh Valley Health"
SUPPLIER_CATEGORY = "Supplier"

_MODULES = (
    "account",
    "account_product",
    "analytic_account",
    "company",
    "party",
    "product",
    "purchase",
    "stock",
)
_GROUPS = (
    "Accounting Administration",
    "Analytic Administration",
    "Currency Administration",
    "Party Administration",
    "Product Administration",
    "Purchase",
    "Purchase Administrator",
    "Stock Administration",
)


class InitialisationError(Exception):
    """Tryton's database could not be initialised; the message holds the program's output."""


@dataclass(frozen=True)
class Template:
    """An initialised database as a dump, and the passwords of its users in files."""

    environment: Environment
    directory: Path

    @property
    def dump(self) -> Path:
        """File in PostgreSQL's custom format."""
        return self.directory / "erp.dump"

    def password_file(self, user: str) -> Path:
        """Return the file with the password of Tryton's user `user`."""
        return self.directory / f"{user}.password"

    def copy_to(self, postgres: PostgresServer, database: str) -> None:
        """Create `database` with the template's content, unless it exists."""
        with psycopg.connect(postgres.url()) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone():
                return
        postgres.create_database(database, owner=ROLE)
        restore = postgres.binaries / "pg_restore"
        subprocess.run([restore, "--jobs=2", "--exit-on-error", "-d", postgres.url(database), self.dump], check=True)


def prepare(postgres: PostgresServer) -> Template:
    """Return the template for the installed requirements, made on `postgres` if there is none yet."""
    environment = install("tryton")
    source = Path(__file__).read_bytes() + f"{environment.digest}{postgres.binaries}".encode()
    directory = SYSTEMS / "tryton" / f"template-{hashlib.sha256(source).hexdigest()[:16]}"
    template = Template(environment, directory)
    with exclusive(SYSTEMS / "tryton" / "template.lock"):
        if not template.dump.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True, mode=0o700)
            _make(template, postgres)
    return template


def _make(template: Template, postgres: PostgresServer) -> None:
    database = f"tryton_template_{secrets.token_hex(4)}"
    for user in ("admin", INTEGRATION_USER):
        template.password_file(user).write_text(secrets.token_urlsafe(24))
        template.password_file(user).chmod(0o600)
    postgres.create_role(ROLE)
    postgres.create_database(database, owner=ROLE)
    try:
        with tempfile.TemporaryDirectory(dir=template.directory) as workplace:
            _initialise(template, Path(workplace), postgres, database)
            _furnish(template, Path(workplace), postgres, database)
        unfinished = template.dump.with_suffix(".unfinished")
        dump = postgres.binaries / "pg_dump"
        subprocess.run([dump, "--format=custom", "--compress=1", "-f", unfinished, postgres.url(database)], check=True)
        unfinished.rename(template.dump)
    finally:
        postgres.drop_database(database)


def _initialise(template: Template, workplace: Path, postgres: PostgresServer, database: str) -> None:
    configuration = configure(workplace, postgres, port=0)
    program: list[str | Path] = [template.environment.program("trytond-admin"), "-c", configuration, "-d", database]
    environment = {**os.environ, "TRYTONPASSFILE": str(template.password_file("admin"))}
    for arguments in (
        ["--all", "--email", "admin@saltmarsh.example.org"],
        ["--update", *_MODULES, "--activate-dependencies"],
    ):
        result = subprocess.run([*program, *arguments], env=environment, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise InitialisationError(result.stderr[-4000:])


def _furnish(template: Template, workplace: Path, postgres: PostgresServer, database: str) -> None:
    url, process = serve(template.environment, workplace, postgres, database)
    with process, TrytonClient(url, database, "admin", template.password_file("admin")) as client:
        company = _create_company(client)
        _create_user(client, company, template.password_file(INTEGRATION_USER).read_text())
        client.create("party.category", [{"name": SUPPLIER_CATEGORY}])


def _create_company(client: TrytonClient) -> int:
    usd = {"name": "US Dollar", "code": "USD", "numeric_code": "840", "symbol": "$", "digits": 2}
    [currency] = client.create("currency.currency", [{**usd, "rounding": Decimal("0.01")}])
    [party] = client.create("party.party", [{"name": COMPANY}])
    [company] = client.create("company.company", [{"party": party, "currency": currency}])
    return company


def _create_user(client: TrytonClient, company: int, password: str) -> None:
    groups = client.search_read("res.group", [("name", "in", list(_GROUPS))], ["name"])
    user = {
        "login": INTEGRATION_USER,
        "name": "Concord",
        "password": password,
        "groups": [("add", [group["id"] for group in groups])],
        "companies": [("add", [company])],
        "company": company,
    }
    client.create("res.user", [user])
    [admin] = client.search_read("res.user", [("login", "=", "admin")], ["login"])
    client.write("res.user", [admin["id"]], {"companies": [("add", [company])], "company": company})
