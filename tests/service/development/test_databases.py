"""`databases` on a real PostgreSQL: what it makes can be migrated and served, and passwords change."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from services.audit.storage import MIGRATIONS
from services.development.__main__ import main
from services.development.workloads import WORKLOADS
from services.mesh.postgres.database import Database, DatabaseSettings, driver
from services.mesh.postgres.migrations import migrate
from tools.postgres import PostgresServer

NAMES = [workload.service for workload in WORKLOADS if workload.has_database]


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with PostgresServer.start(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def passwords(postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The passwords as a Job finds them mounted, and the environment that it has."""
    for workload in WORKLOADS:
        if workload.has_database:
            for secret in (f"{workload.name}-database", f"{workload.name}-database-owner"):
                (tmp_path / secret).mkdir()
                (tmp_path / secret / "password").write_text(f"first of {secret}\n")
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(postgres.port))
    monkeypatch.setenv("CONCORD_DEVELOPMENT_DATABASES_PASSWORD_FILE", str(postgres.password_file("postgres")))
    monkeypatch.setenv("CONCORD_DEVELOPMENT_DATABASES_PASSWORDS", str(tmp_path))
    return tmp_path


def settings(passwords: Path, role: str, secret: str, database: str = "audit") -> DatabaseSettings:
    url = f"postgresql://{role}@/{database}"
    return DatabaseSettings(url, password_file=passwords / secret / "password", pool_size=1)


def asked(database: Database) -> str:
    with database.transaction() as connection:
        row = driver(connection).execute("SELECT current_user").fetchone()
        assert row is not None
        return str(row[0])


def test_every_service_has_a_database_that_it_can_migrate_and_serve(
    passwords: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert main(["databases"]) == 0
        assert [line.partition(":")[0] for line in capsys.readouterr().out.splitlines()] == NAMES
    migrate(settings(passwords, "audit_owner", "audit-database-owner"), MIGRATIONS, service_role="audit_service")
    served = Database(settings(passwords, "audit_service", "audit-database"))
    assert asked(served) == "audit_service"
    served.close()


@pytest.mark.usefixtures("passwords")
def test_no_service_enters_the_database_of_another() -> None:
    assert main(["databases"]) == 0
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect("postgresql://audit_service@/mdm", password="first of audit-database")


def test_a_new_password_is_used_by_a_running_service_without_a_restart(passwords: Path) -> None:
    assert main(["databases"]) == 0
    served = Database(settings(passwords, "audit_service", "audit-database"))
    assert asked(served) == "audit_service"
    (passwords / "audit-database" / "password").write_text("second")
    assert main(["databases"]) == 0
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect("postgresql://audit_service@/audit", password="first of audit-database")
    assert asked(served) == "audit_service"
    served.close()
    assert asked(served) == "audit_service"
    served.close()


@pytest.mark.usefixtures("passwords")
def test_the_server_is_told_no_password_in_clear(postgres: PostgresServer) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET log_statement = 'all'")
        connection.execute("SELECT pg_reload_conf()")
        assert main(["databases"]) == 0
        connection.execute("ALTER SYSTEM RESET log_statement")
        connection.execute("SELECT pg_reload_conf()")
    logged = (postgres.directory / "server.log").read_text()
    assert 'ROLE "audit_owner" LOGIN PASSWORD' in logged
    assert "first of" not in logged


def test_a_server_that_does_not_answer_is_told_plainly(
    passwords: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert passwords.exists()
    monkeypatch.setenv("PGPORT", "1")
    assert main(["databases"]) == 2
    assert "the database does not answer" in capsys.readouterr().err
