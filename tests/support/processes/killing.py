"""A mesh whose processes are killed at random under write load: hubs, audits, a relay, PostgreSQL's own backends."""

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import grpc
import psycopg

from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from services.mesh.calling.client import FixedToken, open_channel
from tests.support.hub.served import EVERYTHING, Client
from tests.support.mesh.whole_evidence import Evidence
from tests.support.processes.fork_server import ForkServer
from tests.support.processes.write_load import WriteLoad, append_again, decide, register, tell, under_load
from tests.support.waiting import eventually
from tools.leftovers import wait_until
from tools.mesh import AUDIT, MDM, LocalMesh, Running
from tools.postgres import PostgresServer

STEWARDS = 3
SUBMITTERS = 2
BACKENDS = "backend of PostgreSQL"

_SETTLED_S = 120.0
_MOST_STARTS = 100  # while others are killed: a start that meets PostgreSQL in recovery ends
_LONGEST_PAUSE_S = 0.1
_AT_ONCE = 0.2  # how often the next is killed while the last one still recovers
_SHARE_OF_BACKENDS = 0.55
_PROGRESS_EVERY = 50
_SERVES = b'"port":'  # in the line that a service prints once it serves
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"


def runs(pid: int) -> bool:
    """Tell whether there is a process of this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class Victim:
    """A process that may be killed at any moment and is started again meanwhile."""

    def __init__(self, name: str, start: Callable[[], int], ready: Callable[[], bool]) -> None:
        """Take what starts it and returns its id, and what tells whether it serves."""
        self.name = name
        self._start = start
        self._ready = ready
        self._pid = 0
        self._reviving: Future[None] | None = None

    def runs(self) -> bool:
        """Tell whether it serves. Raises what kept it from starting."""
        return self._reviving is not None and self._reviving.done() and self._reviving.result() is None

    def revive(self, threads: ThreadPoolExecutor) -> None:
        """Let a thread of the pool start it."""
        self._reviving = threads.submit(self._revive)

    def kill(self) -> None:
        """Kill it."""
        # It may have ended by itself: whoever finds the database in recovery when it starts does.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _revive(self) -> None:
        for _ in range(_MOST_STARTS):
            self._pid = self._start()
            if wait_until(self._ready, give_up=lambda: not runs(self._pid), timeout_s=_SETTLED_S):
                return
        raise AssertionError(f"{self.name} does not start")


@dataclass(frozen=True)
class Mesh:
    """Two hubs on one port, two audits on another, a relay of its own, and somebody who may do everything."""

    postgres: PostgresServer
    victims: Sequence[Victim]
    clients: Sequence[Client]
    audit: AuditServiceStub
    evidence: Evidence

    def kill_all(self, names: Collection[str]) -> None:
        """Kill every process of these names."""
        for victim in self._named(names):
            victim.kill()

    def revive_all(self, names: Collection[str]) -> None:
        """Start every process of these names, and wait until they serve."""
        with ThreadPoolExecutor(len(self.victims)) as threads:
            for victim in self._named(names):
                victim.revive(threads)
        assert all(victim.runs() for victim in self.victims)

    def _named(self, names: Collection[str]) -> list[Victim]:
        return [victim for victim in self.victims if victim.name in names]

    def kill_backend(self, chance: random.Random) -> bool:
        """Kill one backend, at which PostgreSQL ends all others and recovers; False when there is none.

        It is gone then: PostgreSQL knows, and gives nobody a connection before it has recovered.
        """
        try:
            with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
                backends = [pid for (pid,) in connection.execute(_BACKENDS)]
            if not backends:
                return False
            backend = chance.choice(backends)
            os.kill(backend, signal.SIGKILL)
        except (psycopg.OperationalError, ProcessLookupError):
            return False
        eventually(lambda: not runs(backend), describe="the end of a killed backend")
        return True


@dataclass
class Kills:
    """What was killed, how often, and how long it all took."""

    load: WriteLoad
    counted: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    changes: int = 0
    checkpoints: int = 0

    @property
    def total(self) -> int:
        """All kills."""
        return sum(self.counted.values())

    def told(self) -> str:
        """Tell the figures in a line."""
        each = ", ".join(f"{count} {name}" for name, count in sorted(self.counted.items()))
        rate = self.total / max(self.seconds, 0.001) * 60
        return (
            f"{self.total} kills ({each}), {rate:.0f} a minute, {len(self.load.acknowledged)} writes acknowledged, "
            f"{self.load.repeats} attempts repeated, {self.load.batches_again} batches again and shuffled"
        )


def killed_at_random(mesh: Mesh, kills: int, chance: random.Random, *, progress: bool = False) -> Kills:
    """Kill so many times under load, then require that all evidence is whole; return the figures."""
    load = WriteLoad()
    counted = Kills(load)
    began = time.monotonic()
    writers: list[Callable[[], None]] = [partial(decide, load, client) for client in mesh.clients[:STEWARDS]]
    writers += [partial(tell, load, client) for client in mesh.clients[STEWARDS:]]
    writers.append(partial(append_again, load, mesh.postgres.url("mdm"), mesh.audit, chance))
    with under_load(load, writers), ThreadPoolExecutor(len(mesh.victims)) as threads:
        for number in range(1, kills + 1):
            _await_progress(load, chance)
            name = _kill_one(mesh, chance, threads)
            counted.counted[name] = counted.counted.get(name, 0) + 1
            counted.seconds = time.monotonic() - began
            if progress and number % _PROGRESS_EVERY == 0:
                sys.stdout.write(f"{counted.told()}\n")
                sys.stdout.flush()
        eventually(lambda: all(victim.runs() for victim in mesh.victims), timeout_s=_SETTLED_S)
        _await_progress(load, chance)
    mesh.evidence.await_drained()
    assert load.wrong == [], load.wrong[:10]
    counted.changes = mesh.evidence.require_whole()
    counted.checkpoints = mesh.evidence.recompute_checkpoints()
    mesh.evidence.require_acknowledged(mesh.clients[0], load.acknowledged)
    return counted


def _await_progress(load: WriteLoad, chance: random.Random) -> None:
    """Wait for one more answer and a moment more, except where the next kill is to meet a mesh in recovery."""
    if chance.random() >= _AT_ONCE:
        acknowledged = len(load.acknowledged)
        eventually(lambda: len(load.acknowledged) > acknowledged, timeout_s=_SETTLED_S, describe="an answer")
    load.over.wait(chance.uniform(0, _LONGEST_PAUSE_S))


def _kill_one(mesh: Mesh, chance: random.Random, threads: ThreadPoolExecutor) -> str:
    """Kill what chance chooses among what runs; return its name."""
    while True:
        if chance.random() < _SHARE_OF_BACKENDS:
            if mesh.kill_backend(chance):
                return BACKENDS
            continue
        running = [victim for victim in mesh.victims if victim.runs()]
        if running:
            victim = chance.choice(running)
            victim.kill()
            victim.revive(threads)
            return victim.name


@contextmanager
def running_mesh(directory: Path) -> Iterator[Mesh]:
    """Start a mesh to be killed, on a PostgreSQL of its own that keeps what it has committed."""
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer.start(directory / "postgres"))
        _keep_commits(postgres)
        mesh = stack.enter_context(LocalMesh(directory / "mesh", postgres))
        with ThreadPoolExecutor() as threads:
            list(threads.map(mesh.prepare, (AUDIT, MDM)))
        victims = []
        for kind in (AUDIT, MDM):
            running = mesh.start(kind, {f"{kind.prefix}_SERVER_REUSE_PORT": "true"})
            forks = stack.enter_context(ForkServer(kind.module, f"{kind.module}.app"))
            victims += [_service(running, forks, directory / f"{kind.name}-{number}.log") for number in (1, 2)]
        victims.append(_relay(mesh.services["mdm"], stack, directory / "relay.log"))
        clients = [Client(_channel(stack, mesh, "mdm")) for _ in range(STEWARDS + SUBMITTERS)]
        audit = AuditServiceStub(_channel(stack, mesh, "audit"))
        made = Mesh(postgres, victims, clients, audit, Evidence(postgres, mesh.log_key_file()))
        for name in ("mdm", "audit"):
            mesh.kill(name)  # its place is taken by processes that start faster
        made.revive_all({victim.name for victim in victims})
        register(clients[0])
        yield made


def _keep_commits(postgres: PostgresServer) -> None:
    """Let a commit be in the kernel's hands before it is answered: so it outlives every process, if not the machine."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("ALTER ROLE ALL SET synchronous_commit = on")


def _service(running: Running, forks: ForkServer, log: Path) -> Victim:
    variables = {**running.environment, f"{running.kind.prefix}_SERVER_PORT": str(running.port)}
    log.touch()
    begin = 0

    def start() -> int:
        nonlocal begin
        begin = log.stat().st_size
        return forks.start(variables, log)

    return Victim(running.kind.name, start, lambda: _SERVES in log.read_bytes()[begin:])


def _relay(hub: Running, stack: ExitStack, log: Path) -> Victim:
    variables = ("DATABASE_URL", "DATABASE_PASSWORD_FILE", "AUDIT_TARGET", "AUDIT_TOKEN_FILE")
    environment = {f"RELAY_{variable}": hub.environment[f"{hub.kind.prefix}_{variable}"] for variable in variables}
    forks = stack.enter_context(
        ForkServer("tests.support.processes.relay_process", "tests.support.processes.relay_process")
    )
    return Victim("relay", partial(forks.start, environment, log), lambda: True)


def _channel(stack: ExitStack, mesh: LocalMesh, name: str) -> grpc.Channel:
    token = FixedToken(mesh.token("tester", (*EVERYTHING, "audit.leaves.append"), client=MDM.name))
    return stack.enter_context(open_channel(mesh.services[name].target, token=token))
