"""The landscape: a real ERP, a real workforce SaaS and the mesh between them, every server a process on loopback.

Everything lies in one directory, which is emptied first: a landscape always begins with systems that were just loaded
and a hub that knows nothing.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tools import mesh
from tools.demo.catalogue import Catalogue
from tools.landscape.callers import Callers
from tools.landscape.registrations import register
from tools.landscape.systems_files import erp_systems_file, workforce_systems_file
from tools.leftovers import end_server
from tools.mesh import LocalMesh, ServiceKind
from tools.postgres import PostgresServer
from tools.systems.scim import ScimServer
from tools.systems.tryton import Tryton

ERP_DATABASE = "erp"

_SERVICES = (mesh.AUDIT, mesh.MDM, mesh.ERP_ADAPTER, mesh.SAAS_ADAPTER)


@dataclass(frozen=True)
class Landscape:
    """Running servers, and callers with tokens of their own."""

    directory: Path
    catalogue: Catalogue
    postgres: PostgresServer
    tryton: Tryton
    scim: ScimServer
    mesh: LocalMesh
    callers: Callers


class _Start:
    """The steps of starting; those of the systems and of the mesh run at the same time."""

    def __init__(
        self, directory: Path, catalogue: Catalogue, progress: Callable[[str], None], stack: ExitStack
    ) -> None:
        self._directory = directory
        self._catalogue = catalogue
        self._progress = progress
        self._stack = stack
        self._postgres = stack.enter_context(PostgresServer.start(directory / "postgres"))
        self._mesh = stack.enter_context(LocalMesh(directory / "mesh", self._postgres))
        self._callers = stack.enter_context(Callers(self._mesh))

    def run(self) -> Landscape:
        """Start everything; the adapters last, when there is something to synchronise."""
        self._progress("PostgreSQL serves")
        with ThreadPoolExecutor() as pool:
            prepared = {kind: pool.submit(self._mesh.prepare, kind) for kind in _SERVICES}
            erp, workforce = pool.submit(self._erp), pool.submit(self._workforce)
            self._start_hub(prepared)
            tryton, scim = erp.result(), workforce.result()
            adapters = [
                pool.submit(self._start_adapter, kind, file, prepared[kind])
                for kind, file in (
                    (mesh.ERP_ADAPTER, erp_systems_file(self._directory, tryton, self._catalogue)),
                    (mesh.SAAS_ADAPTER, workforce_systems_file(self._directory, scim, self._catalogue)),
                )
            ]
            for adapter in adapters:
                adapter.result()
        return Landscape(self._directory, self._catalogue, self._postgres, tryton, scim, self._mesh, self._callers)

    def _erp(self) -> Tryton:
        tryton = self._stack.enter_context(
            Tryton.start_loaded(self._directory / "tryton", self._postgres, self._catalogue, database=ERP_DATABASE)
        )
        self._progress("Tryton serves, the ERP, with the hospitals' catalogue in it")
        return tryton

    def _workforce(self) -> ScimServer:
        scim = self._stack.enter_context(ScimServer.start(self._directory / "scim"))
        scim.load(self._catalogue)
        self._progress("scim2-server serves, the workforce SaaS, with its cost centers and users")
        return scim

    def _start_hub(self, prepared: dict[ServiceKind, Future[None]]) -> None:
        for kind in (mesh.AUDIT, mesh.MDM):
            prepared[kind].result()
            self._mesh.start(kind)
        self._progress("audit and hub serve")
        register(self._callers, self._catalogue)
        self._progress("entities and systems are registered with the hub")

    def _start_adapter(self, kind: ServiceKind, systems_file: Path, prepared: Future[None]) -> None:
        prepared.result()
        self._mesh.start(kind, {f"{kind.prefix}_SYSTEMS_FILE": str(systems_file)})
        self._progress(f"{kind.name} serves")


@contextmanager
def running_landscape(directory: Path, catalogue: Catalogue, progress: Callable[[str], None]) -> Iterator[Landscape]:
    """Start everything, load and register the systems, start the adapters; stop all at the end of the block.

    `progress` is told what has been done, from several threads. Raises MeshError, PostgresError and the systems' own
    errors when something does not start.
    """
    end_server(directory / "postgres" / "cluster" / "postmaster.pid", str(directory))
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    with ExitStack() as stack:
        yield _Start(directory, catalogue, progress, stack).run()
