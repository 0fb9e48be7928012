"""An adapter's composition root, all but its connectors: those are what an adapter brings."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial

from opentelemetry.metrics import Meter

from services.adapter.hub.client import Hub
from services.adapter.hub.registrations import Registrations
from services.adapter.outpost import Clock, Outpost
from services.adapter.settings import AdapterSettings
from services.adapter.storage import synchronizations
from services.adapter.storage.agenda import Agenda
from services.adapter.storage.ledger import Ledger
from services.adapter.storage.schema import MIGRATIONS
from services.adapter.synchronising.observation import show_workers, standing
from services.adapter.synchronising.worker import Patience, Worker
from services.adapter.systems.connector import Connector, ConnectorFactory
from services.adapter.systems.systems_file import ServedSystem, SystemsFileError, read_systems_file
from services.adapter.systems.tally import Tally
from services.adapter.transport.adapter_service import adapter_service
from services.mesh.calling.peer import open_peer
from services.mesh.configuration import ConfigurationError
from services.mesh.evidence.audited import AuditedEvidence
from services.mesh.evidence.own import OwnEvidence
from services.mesh.evidence.reconciliation import reconcile
from services.mesh.evidence.service import EvidenceMethods
from services.mesh.evidence.watch import EvidenceWatch
from services.mesh.identity.authentication import TokenAuthenticator
from services.mesh.logs import start_logging
from services.mesh.metrics.gauge import NO_METER
from services.mesh.metrics.readings import Readings
from services.mesh.metrics.standing import show_connections, show_elections
from services.mesh.postgres.database import Database
from services.mesh.postgres.elected import stop_all
from services.mesh.postgres.schema_revision import SchemaRevision
from services.mesh.process import let_wakers_go_on, serve
from services.mesh.readiness import DatabaseWatch
from services.mesh.records.denial_log import DenialLog
from services.mesh.records.evidence import append_to_audit
from services.mesh.records.keys import KeyRing
from services.mesh.records.relay import Relay
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool import SpoolGuard
from services.mesh.records.spool_depth import spool_depth
from services.mesh.records.store import RecordStore
from services.mesh.report import Report
from services.mesh.server import GrpcService, build_server
from services.mesh.telemetry import Telemetry, current_traceparent

_GRACE_S = 4.0
_WORKERS_END_S = 2.0


class Adapter:
    """The workers of an adapter's systems and the service over them."""

    def __init__(  # noqa: PLR0913 - what an adapter stands on
        self,
        service: str,
        systems: Sequence[tuple[ServedSystem, Connector]],
        *,
        database: Database,
        hub: Hub,
        sealer: Sealer,
        spool_limit: int,
        clock: Clock | None = None,
        patience: Patience | None = None,
        meter: Meter = NO_METER,
    ) -> None:
        registrations = Registrations(hub)
        ledger = Ledger(RecordStore(service, sealer), registrations.entities)
        guard = SpoolGuard(database, spool_limit)
        self.database = database
        self.workers: dict[str, Worker] = {}
        for system, connector in systems:
            outpost = Outpost(
                service=service,
                system=system,
                connector=connector,
                hub=hub,
                database=database,
                ledger=ledger,
                agenda=Agenda(system.name, sealer),
                sealer=sealer,
                clock=clock or partial(datetime.now, UTC),
                traceparent=current_traceparent,
                tally=Tally(meter, system.name),
            )
            self.workers[system.name] = Worker(outpost, registrations, guard, patience)
        self.service: GrpcService = adapter_service(database, ledger, self.workers, registrations)

    def start(self) -> None:
        """Make room for every system and start its worker. Raises ConcordError when the database does not answer."""
        with self.database.transaction() as connection:
            for name in self.workers:
                synchronizations.begin(connection, name)
        for worker in self.workers.values():
            worker.start()

    def ask_to_stop(self) -> None:
        """Let every worker begin to stop, without waiting."""
        for worker in self.workers.values():
            worker.ask_to_stop()

    def stop(self, timeout_s: float = _WORKERS_END_S) -> None:
        """Let every worker finish the document at hand, all at the same time.

        One whose system does not answer is left to break off with the process: recovery looks what became of it.
        """
        self.ask_to_stop()
        until = time.monotonic() + timeout_s
        for worker in self.workers.values():
            worker.stop(max(0.0, until - time.monotonic()))


def run_adapter(service: str, settings: AdapterSettings, connectors: Mapping[str, ConnectorFactory]) -> int:
    """Serve an adapter that has these connectors, by kind, until it is told to stop; return the exit code.

    Raises ConfigurationError for a systems file or options that can't be used, ConcordError when the database does not
    answer.
    """
    if settings.server.own_core:
        let_wakers_go_on()
    systems = connect(settings, connectors)
    start_logging(service, settings.telemetry.log_level)
    telemetry = Telemetry(settings.telemetry, service)
    database = Database(settings.database)
    hub_channel, audit_channel = (open_peer(peer, telemetry) for peer in (settings.hub, settings.audit))
    sealer = Sealer(KeyRing.from_file(settings.key_file))
    adapter = Adapter(
        service,
        systems,
        database=database,
        hub=Hub(hub_channel),
        sealer=sealer,
        spool_limit=settings.spool_limit,
        meter=telemetry.meter,
    )
    append = append_to_audit(audit_channel)
    relay, denials = Relay(database, append), DenialLog(service, append)
    evidence = OwnEvidence(database), AuditedEvidence(audit_channel, service)
    watch = EvidenceWatch(service, *evidence, telemetry.meter).jobs(database, settings.reconciliation_interval_s)
    server = build_server(
        [adapter.service, EvidenceMethods(service, *evidence).service()],
        settings=settings.server,
        authenticator=TokenAuthenticator(settings.authentication),
        telemetry=telemetry,
        note_denial=denials.note,
    )
    depths = [spool_depth(settings.spool_limit), standing(adapter.workers)]
    jobs = [*watch, Readings(database, telemetry.meter, depths).job()]
    show_connections(telemetry.meter, database)
    show_workers(telemetry.meter, adapter.workers)
    show_elections(telemetry.meter, {"relay": relay.elected, **{job.name: job.elected for job in jobs}})
    database_watch = DatabaseWatch(settings.database, SchemaRevision(MIGRATIONS), server.health.support)
    adapter.start()
    relay.start()
    denials.start()
    database_watch.start()
    for job in jobs:
        job.start()
    begins = (adapter.ask_to_stop, *(job.ask_to_stop for job in jobs))
    ends: Sequence[Callable[[], None]] = (
        adapter.stop,
        partial(stop_all, jobs),
        partial(relay.stop, 1.0),
        denials.stop,
        hub_channel.close,
        audit_channel.close,
        database_watch.stop,
        database.close,
        telemetry.shutdown,
        server.close,
    )
    return serve(service, server, on_signal=begins, on_stop=ends, grace_s=_GRACE_S)


def reconcile_adapter(service: str, settings: AdapterSettings) -> Report:
    """Compare all evidence of an adapter with the audit's. Raises ConcordError."""
    with closing(Database(settings.database)) as database, open_peer(settings.audit, Telemetry.off()) as channel:
        return reconcile(service, OwnEvidence(database), AuditedEvidence(channel, service))


def connect(
    settings: AdapterSettings, connectors: Mapping[str, ConnectorFactory]
) -> list[tuple[ServedSystem, Connector]]:
    """Make the connectors of all configured systems, without any call. Raises ConfigurationError."""
    try:
        systems = read_systems_file(settings.systems_file)
    except SystemsFileError as error:
        raise ConfigurationError([f"{settings.systems_file}: {mistake}" for mistake in error.mistakes]) from error
    connected: list[tuple[ServedSystem, Connector]] = []
    mistakes: list[str] = []
    for system in systems:
        if system.connector not in connectors:
            mistakes.append(f"{system.name}: no connector {system.connector!r}; there is {', '.join(connectors)}")
            continue
        try:
            connector = connectors[system.connector](system.name, system.options)
        except ValueError as error:
            mistakes += [f"{system.name}: {line}" for line in str(error).splitlines()]
            continue
        connected.append((system, connector))
        unknown = set(system.deliver) - set(connector.record_types)
        mistakes += [f"{system.name}: {system.connector} knows no {kind} to deliver" for kind in sorted(unknown)]
    if mistakes:
        raise ConfigurationError(mistakes)
    return connected
