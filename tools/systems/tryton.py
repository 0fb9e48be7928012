"""A real Tryton ERP on loopback, on a database that is copied from a template."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tools.demo.catalogue import Catalogue
from tools.guarded_process import GuardedProcess
from tools.postgres import PostgresServer
from tools.systems import tryton_loaded, tryton_template
from tools.systems.tryton_catalogue import CatalogueLoader
from tools.systems.tryton_server import ROLE, serve


class Tryton:
    """A running server; a context manager that stops it (its database stays on the PostgreSQL server).

    `admin` may do everything; `user` is the one that the adapter uses, its password is in `password_file`.
    """

    def __init__(self, url: str, database: str, process: GuardedProcess, template: tryton_template.Template) -> None:
        self.url = url
        self.database = database
        self.user = tryton_template.INTEGRATION_USER
        self.password_file = template.password_file(self.user)
        self.admin_password_file = template.password_file("admin")
        self._process = process

    @classmethod
    def start(cls, directory: Path, postgres: PostgresServer, *, database: str = "erp") -> Self:
        """Install Tryton if need be, create `database` from the template unless it exists, and serve it.

        `directory` gets the configuration and the log. Raises InstallationError, InitialisationError, TrytonStartError.
        """
        template = tryton_template.prepare(postgres)
        postgres.create_role(ROLE)
        template.copy_to(postgres, database)
        url, process = serve(template.environment, directory, postgres, database)
        return cls(url, database, process, template)

    @classmethod
    def start_loaded(
        cls, directory: Path, postgres: PostgresServer, catalogue: Catalogue, *, database: str = "erp"
    ) -> Self:
        """As `start`, on a new `database` with the catalogue in it, which only the first run has to load.

        Raises as `start`, and TrytonError.
        """
        template = tryton_template.prepare(postgres)
        is_loaded = tryton_loaded.restore(template, catalogue, postgres, database)
        tryton = cls.start(directory, postgres, database=database)
        if not is_loaded:
            try:
                tryton.load(catalogue)
                tryton_loaded.keep(template, catalogue, postgres, database)
            except BaseException:
                tryton.stop()
                raise
        return tryton

    def load(self, catalogue: Catalogue) -> None:
        """Load a catalogue into the empty database, as `admin`; raises TrytonError."""
        with CatalogueLoader.connect(self.url, self.database, "admin", self.admin_password_file) as loader:
            loader.load(catalogue)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._process.kill()

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
