"""The hub under measurement: audit and hub as the local mesh runs them, on a PostgreSQL that really writes to disk."""

import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg

from concord.mdm.v1 import supplier_pb2, system_pb2
from services.mesh.server import ServerSettings
from tools import mesh
from tools.bench.cores import every_core, give_core, give_cores, leave_core
from tools.bench.processor_time import ProcessorTime, children, of_processes, of_tree
from tools.bench.requests import ENTITY, ERP
from tools.guarded_process import GuardedProcess
from tools.landscape.callers import ADMINISTRATOR, STEWARD, Callers
from tools.leftovers import end_server, wait_until
from tools.mesh import LocalMesh, Running, ServiceKind
from tools.postgres import PostgresServer

_SUBMIT = ("mdm.source_records.write",)
_PAGE = 1000
_DRAINED_S = 60.0
_STARTED_S = 20.0

_DATABASES = "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate"
_COMMITTED = """
SELECT record, revision, extract(epoch FROM pg_xact_commit_timestamp(xid::xid))
FROM changes JOIN unnest(%s::text[], %s::bigint[]) AS wanted(record, revision) USING (record, revision)
"""

# As in production; the local mesh records every trace.
_SAMPLING = "0.01"
# Of deploy/k8s/components/cloudnative-pg. With less the cost of a record grows as soon as the database is larger.
_AS_IN_PRODUCTION = ("shared_buffers=1GB",)


_SHARED_CORES = {f"{mesh.MDM.prefix}_SERVER_OWN_CORE": "false"}


def _measured(kind: ServiceKind) -> dict[str, str]:
    """Return the settings of a process that is measured alone."""
    return {f"{kind.prefix}_TELEMETRY_SAMPLING_RATIO": _SAMPLING, f"{kind.prefix}_SERVER_OWN_CORE": "true"}


class Hub:
    """A running hub, what its processes have computed so far, and the way to its records."""

    def __init__(self, directory: Path, postgres: PostgresServer, running: LocalMesh, callers: Callers) -> None:
        self.directory = directory
        self.postgres = postgres
        self._mesh = running
        self._postmaster = int((postgres.directory / "cluster" / "postmaster.pid").read_text().split("\n", 1)[0])
        self._url = postgres.url("mdm")
        self._calls = callers.hub(STEWARD)
        self.steward_token_file = callers.token_file(STEWARD)
        self.steward = self.steward_token_file.read_text()
        self.submitter = running.token("erp@concord.local", _SUBMIT)
        self.one: Sequence[Running] = (running.services["mdm"],)
        self.submitter_token_file = directory / "submitter.token"
        self.submitter_token_file.touch(mode=0o600)
        self.submitter_token_file.write_text(self.submitter)
        self._pair: Sequence[Running] = ()
        self._second: Running | None = None
        self.log_key_file = running.log_key_file()

    @property
    def target(self) -> str:
        """Where the one process that everything is measured at serves."""
        return self.one[0].target

    def pair(self) -> Sequence[Running]:
        """Return two further processes that share one port, started at the first call."""
        if not self._pair:
            first = self._mesh.start_beside("mdm", None, _SHARED_CORES)
            self._pair = (first, self._mesh.start_beside("mdm", first.port, _SHARED_CORES))
            for running in self._pair:
                give_cores(running.process.pid)
        return self._pair

    def second(self) -> Running:
        """Return another process on a port of its own, started at the first call; it shares cores, as the pair does."""
        if self._second is None:
            self._second = self._mesh.start_beside("mdm", None, _SHARED_CORES)
            give_cores(self._second.process.pid)
        return self._second

    def settle(self) -> None:
        """End further processes; have PostgreSQL vacuum and write out what there is: no later figure pays for it."""
        for running in (*self._pair, self._second):
            if running is not None:
                running.process.stop()
        self._pair, self._second = (), None
        with psycopg.connect(self._url, autocommit=True) as connection:
            databases = [name for (name,) in connection.execute(_DATABASES)]
        for name in databases:
            with psycopg.connect(self.postgres.url(name), autocommit=True) as connection:
                connection.execute("VACUUM")
                connection.execute("CHECKPOINT")

    def resident_mb(self, running: Running) -> float:
        """Return how much memory a process holds, in MB."""
        status = Path(f"/proc/{running.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))

    def copied(self, rows: Sequence[tuple[str, bytes]]) -> float:
        """Copy rows into a table of keys and bytes, which is dropped; return the seconds it took, commit included."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("CREATE TABLE copied (key text PRIMARY KEY, body bytea NOT NULL)")
            began = time.perf_counter()
            with connection.cursor().copy("COPY copied FROM STDIN (FORMAT BINARY)") as copy:
                copy.set_types(("text", "bytea"))
                for row in rows:
                    copy.write_row(row)
            seconds = time.perf_counter() - began
            connection.execute("DROP TABLE copied")
        return seconds

    def used(self, processes: Sequence[Running]) -> ProcessorTime:
        """Return the processor time that these processes, the audit and PostgreSQL have used so far."""
        audit = of_processes([self._mesh.services["audit"].process.pid])
        service = of_processes([running.process.pid for running in processes])
        return ProcessorTime(service, audit, of_tree(self._postmaster))

    def on_every_core(self) -> AbstractContextManager[None]:
        """Let PostgreSQL, the audit and the generator run where the kernel likes, as processes that share cores do."""
        audit = self._mesh.services["audit"].process.pid
        return every_core(lambda: [self._postmaster, *children(self._postmaster), audit])

    def audit_log(self, name: str) -> Running:
        """Start one more audit, with a log of its own, in a database of this name, that nothing else writes to."""
        kind = ServiceKind(name, mesh.AUDIT.module, mesh.AUDIT.prefix, ())
        running = self._mesh.start(kind, _measured(kind))
        give_core(running.process.pid)
        return running

    def used_by_audit(self, audit: Running) -> ProcessorTime:
        """Return the processor time that an audit and PostgreSQL have used so far."""
        return ProcessorTime(0.0, of_processes([audit.process.pid]), of_tree(self._postmaster))

    def token(self, permissions: Sequence[str], client: str) -> str:
        """Return a token with these permissions, for a client of the issuer."""
        return self._mesh.token("bench@concord.local", permissions, client=client)

    def await_drained(self) -> bool:
        """Wait until nothing waits for its receipt; false when something still does after a minute."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            count = "SELECT count(*) FROM (SELECT FROM spool LIMIT 1) AS waiting"
            return wait_until(lambda: connection.execute(count).fetchone() == (0,), timeout_s=_DRAINED_S)

    def await_indexed(self) -> bool:
        """Wait until search knows all that was published; false when it does not after a minute."""
        done = "SELECT s.position = (SELECT max(position) FROM positions) FROM search_progress s"
        with psycopg.connect(self._url, autocommit=True) as connection:
            return wait_until(lambda: connection.execute(done).fetchone() == (True,), timeout_s=_DRAINED_S)

    def committed(self, changes: Sequence[tuple[str, int]]) -> dict[tuple[str, int], float]:
        """Return when changes (record, revision) were committed, in seconds since 1970."""
        columns = ([record for record, _ in changes], [revision for _, revision in changes])
        with psycopg.connect(self._url, autocommit=True) as connection:
            rows = connection.execute(_COMMITTED, columns).fetchall()
        return {(record, revision): float(at) for record, revision, at in rows}

    def suppliers(self, count: int) -> list[supplier_pb2.Supplier]:
        """Return so many suppliers as they are now, the oldest first. Raises LookupError when there are fewer."""
        found: list[supplier_pb2.Supplier] = []
        token = ""
        while len(found) < count:
            request = supplier_pb2.ListSuppliersRequest(page_size=_PAGE, page_token=token)
            page = self._calls.suppliers.ListSuppliers(request)
            found += page.suppliers
            token = page.next_page_token
            if not token:
                break
        if len(found) < count:
            raise LookupError(f"{len(found)} suppliers, {count} are needed")
        return found[:count]


@contextmanager
def running_hub(directory: Path) -> Iterator[Hub]:
    """Start PostgreSQL, audit and hub in a directory, which is emptied first; stop them at the end of the block.

    The hub has a core to itself; the caller and what it starts from now on leave it alone.
    """
    leave_core()
    end_server(directory / "postgres" / "cluster" / "postmaster.pid", str(directory))
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(mode=0o700, parents=True)
    _keep_commit_times(directory / "postgres")
    with (
        PostgresServer.start(directory / "postgres", fsync=True, settings=_AS_IN_PRODUCTION) as postgres,
        LocalMesh(directory / "mesh", postgres) as running,
        Callers(running) as callers,
    ):
        running.start(mesh.AUDIT, {f"{mesh.AUDIT.prefix}_TELEMETRY_SAMPLING_RATIO": _SAMPLING})
        running.start(mesh.MDM, _measured(mesh.MDM))
        _register(callers)
        give_core(running.services["mdm"].process.pid)
        yield Hub(directory, postgres, running, callers)


def _keep_commit_times(directory: Path) -> None:
    """Make a PostgreSQL that remembers when each transaction was committed, from its next start on."""
    with PostgresServer.start(directory) as postgres, psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET track_commit_timestamp = on")


@contextmanager
def running_yardstick(directory: Path) -> Iterator[Running]:
    """Start the bare server that calls are compared with."""
    log = directory / "empty.log"
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "tools.bench.empty_server", str(ServerSettings().workers)]
    with GuardedProcess.start(command, log=log) as process:
        if not wait_until(lambda: log.read_text().endswith("\n"), timeout_s=_STARTED_S):
            raise mesh.MeshError("the bare server did not start")
        give_core(process.pid)
        kind = ServiceKind("empty", "tools.bench.empty_server", "", ())
        yield Running(kind, process, int(log.read_text()), {})


def _register(callers: Callers) -> None:
    hub = callers.hub(ADMINISTRATOR)
    entity = system_pb2.Entity(name=ENTITY, display_name="Bench")
    hub.systems.CreateEntity(system_pb2.CreateEntityRequest(entity=entity, request_id=str(uuid.uuid4())))
    for name, kind, rank in (("systems/hub", "hub", 1), (ERP, "erp", 10)):
        system = system_pb2.System(
            name=name,
            display_name=name,
            kind=kind,
            entity=ENTITY,
            business_owner="Bench",
            technical_owner="Bench",
            authored_attributes=["supplier", "item"],
            trust_rank=rank,
        )
        hub.systems.CreateSystem(system_pb2.CreateSystemRequest(system=system, request_id=str(uuid.uuid4())))
