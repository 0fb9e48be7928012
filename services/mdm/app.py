"""The hub's composition root: the only module that sees all of its layers."""

from contextlib import closing
from functools import partial

from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.settings import MdmSettings
from services.mdm.storage.depths import depths
from services.mdm.storage.hub_storage import SERVICE, HubStorage, hub_storage
from services.mdm.storage.matching import search_index
from services.mdm.storage.models.quality_watch import PAUSE_S, QualityWatch
from services.mdm.storage.retention import expiry, purging
from services.mdm.storage.schema import MIGRATIONS
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.models.match_models import MatchModelMethods, match_model_service
from services.mdm.transport.models.match_quality import MatchQualityMethods, quality_gauges
from services.mdm.transport.models.trials import ModelTrialMethods
from services.mdm.transport.records.changes import ChangeMethods
from services.mdm.transport.records.masters import master_service
from services.mdm.transport.records.reads import ReadParts
from services.mdm.transport.reference_data.code_map_proposals import CodeMapProposalMethods
from services.mdm.transport.reference_data.service import ReferenceDataMethods
from services.mdm.transport.reference_data.translations import TranslationMethods
from services.mdm.transport.registration.ledgers import ledger_service
from services.mdm.transport.registration.systems import system_service
from services.mdm.transport.retention.erasure import ErasureMethods
from services.mdm.transport.retention.holds import HoldMethods
from services.mdm.transport.stewardship.change_requests import ChangeRequestMethods
from services.mdm.transport.stewardship.exceptions import ExceptionMethods
from services.mdm.transport.stewardship.matches import MatchMethods
from services.mdm.transport.stewardship.pins import PinMethods
from services.mdm.transport.stewardship.reviews import ReviewMethods
from services.mdm.transport.stewardship.service import stewardship_service
from services.mdm.transport.survivorship.rebuilding import RebuildMethods
from services.mdm.transport.survivorship.service import SurvivorshipMethods
from services.mdm.transport.trees.postings import PostingMethods
from services.mdm.transport.trees.service import TreeMethods
from services.mdm.transport.writing.importing import Importing
from services.mdm.transport.writing.imports import ImportMethods
from services.mdm.transport.writing.quarantine import QuarantineMethods
from services.mdm.transport.writing.service import ingest_service
from services.mdm.transport.writing.sources import SourceMethods
from services.mdm.transport.writing.submitting import Submitting
from services.mesh.calling.peer import open_peer
from services.mesh.evidence.audited import AuditedEvidence
from services.mesh.evidence.own import OwnEvidence
from services.mesh.evidence.reconciliation import reconcile as whole_comparison
from services.mesh.evidence.service import EvidenceMethods
from services.mesh.evidence.watch import EvidenceWatch
from services.mesh.feed.news import News
from services.mesh.feed.reader import FeedReader
from services.mesh.feed.receipts import Receipts
from services.mesh.feed.slow_consumers import SlowConsumers
from services.mesh.feed.stream import StreamSettings
from services.mesh.feed.subscriber_lag import show_subscribers
from services.mesh.identity.authentication import TokenAuthenticator
from services.mesh.logs import start_logging
from services.mesh.metrics.readings import Readings
from services.mesh.metrics.standing import show_connections, show_elections
from services.mesh.postgres.database import Database
from services.mesh.postgres.elected import Elected, election, scheduled, stop_all
from services.mesh.postgres.schema_revision import SchemaRevision
from services.mesh.process import let_wakers_go_on, serve
from services.mesh.readiness import DatabaseWatch
from services.mesh.records.denial_log import DenialLog
from services.mesh.records.evidence import append_to_audit
from services.mesh.records.keys import KeyRing
from services.mesh.records.relay import Relay
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool_depth import spool_depth
from services.mesh.report import Report, Row
from services.mesh.server import GrpcService, build_server
from services.mesh.telemetry import Telemetry


class Feed:
    """What the change service stands on, with its threads."""

    def __init__(self, database: Database) -> None:
        self.reader = FeedReader(database)
        self.news = News(database)
        self.slow_consumers = SlowConsumers()

    def start(self) -> None:
        """Start listening for what is published, and watching subscribers."""
        self.news.start()
        self.slow_consumers.start()

    def stop(self) -> None:
        """End the threads."""
        self.slow_consumers.stop()
        self.news.stop()


def hub_services(storage: HubStorage, feed: Feed, settings: StreamSettings) -> list[GrpcService]:
    """Return every gRPC service of the hub."""
    deciding = Deciding(storage.transactions, storage.registry)
    reads = ReadParts(
        storage.transactions, storage.store, storage.reader, storage.listing, storage.duplicate_search, deciding
    )
    quarantine = QuarantineMethods(
        storage.transactions, storage.quarantine, storage.quarantine_reader, storage.intake, deciding
    )
    changes = ChangeMethods(
        storage.transactions, feed.reader, feed.news, storage.rendering, deciding, feed.slow_consumers, settings
    )
    return [
        *(master_service(record_type, reads, storage.stewardship, storage.merging) for record_type in RECORD_TYPES),
        ingest_service(
            Submitting(storage.intake, storage.transactions.payment, deciding),
            Importing(storage.importing, deciding),
            SourceMethods(storage.transactions, storage.sources, deciding),
            quarantine,
        ),
        ImportMethods(storage.transactions, storage.import_batches, deciding).service(),
        system_service(storage.registrations, deciding),
        ledger_service(storage.registrations, deciding),
        PostingMethods(storage.transactions, storage.ledgers, deciding).service(),
        changes.service(),
        TreeMethods(storage.transactions, storage.forest, storage.tree_proposals, deciding).service(),
        stewardship_service(
            ExceptionMethods(storage.transactions, deciding),
            MatchMethods(storage.transactions, storage.merging, storage.match_decisions, deciding),
            ReviewMethods(storage.transactions, storage.match_queue, deciding),
        ),
        ReferenceDataMethods(storage.transactions, storage.reference_data, deciding).service(),
        TranslationMethods(storage.transactions, storage.record_translations, deciding).service(),
        CodeMapProposalMethods(storage.transactions, storage.code_map_proposals, deciding).service(),
        match_model_service(
            MatchModelMethods(
                storage.transactions, storage.stored_models, storage.match_models, storage.pair_scoring, deciding
            ),
            ModelTrialMethods(storage.model_trial, deciding),
            MatchQualityMethods(storage.transactions, storage.match_quality, storage.match_audits, deciding),
        ),
        PinMethods(storage.transactions, storage.pins, deciding).service(),
        ChangeRequestMethods(
            storage.transactions, storage.change_request_records, storage.change_requests, deciding
        ).service(),
        SurvivorshipMethods(storage.transactions, storage.rules, storage.rebuilding, deciding).service(),
        RebuildMethods(storage.rebuilding, deciding).service(),
        ErasureMethods(storage.erasure, deciding).service(),
        HoldMethods(storage.transactions, storage.holds, deciding).service(),
    ]


def upkeep(storage: HubStorage, database: Database, *, idle_pause_s: float = 1.0) -> list[Elected]:
    """Return what the hub does by itself, each job in one replica at a time."""
    jobs = {
        "code maps": (storage.recoding.step, idle_pause_s),
        "pins": (storage.pins.retire_due, idle_pause_s),
        "reevaluation": (storage.reevaluation.step, idle_pause_s),
        "model training": (storage.model_training.work, idle_pause_s),
        "matching": (storage.rematching.work, idle_pause_s),
        "search": (storage.search_index.work, search_index.PAUSE_S),
    }
    return [Elected(database, name, step, idle_pause_s=pause_s) for name, (step, pause_s) in jobs.items()]


def run(settings: MdmSettings) -> int:
    """Serve the hub until it is told to stop; return the exit code."""
    if settings.server.own_core:
        let_wakers_go_on()
    start_logging(SERVICE, settings.telemetry.log_level)
    telemetry = Telemetry(settings.telemetry, SERVICE)
    database = Database(settings.database)
    feed = Feed(database)
    storage = hub_storage(
        database,
        Sealer(KeyRing.from_file(settings.key_file)),
        settings.spool_limit,
        Receipts(database, feed.news, settings.receipts),
    )
    channel = open_peer(settings.audit, telemetry)
    append = append_to_audit(channel)
    relay, denials = Relay(database, append), DenialLog(SERVICE, append)
    evidence = OwnEvidence(database), AuditedEvidence(channel, SERVICE)
    server = build_server(
        [*hub_services(storage, feed, settings.feed.stream()), EvidenceMethods(SERVICE, *evidence).service()],
        settings=settings.server,
        authenticator=TokenAuthenticator(settings.authentication),
        telemetry=telemetry,
        note_denial=denials.note,
    )
    watch = QualityWatch(storage.match_quality, quality_gauges(telemetry.meter))
    jobs = [
        *upkeep(storage, database),
        Elected(database, "match quality", watch.work, idle_pause_s=PAUSE_S),
        *EvidenceWatch(SERVICE, *evidence, telemetry.meter).jobs(database, settings.reconciliation_interval_s),
        Elected(database, "purging", storage.purging.work, idle_pause_s=purging.PAUSE_S),
        *scheduled(
            database,
            expiry.JOB,
            lambda: storage.retention.work(settings.retention.periods()),
            interval_s=settings.retention.interval_s,
        ),
    ]
    readings = Readings(database, telemetry.meter, [spool_depth(settings.spool_limit), *depths()])
    jobs.append(readings.job())
    show_connections(telemetry.meter, database)
    show_subscribers(telemetry.meter, feed.slow_consumers, feed.news)
    show_elections(telemetry.meter, {"relay": relay.elected, **{job.name: job.elected for job in jobs}})
    database_watch = DatabaseWatch(settings.database, SchemaRevision(MIGRATIONS), server.health.support)
    feed.start()
    relay.start()
    denials.start()
    database_watch.start()
    for job in jobs:
        job.start()
    return serve(
        SERVICE,
        server,
        on_signal=[job.ask_to_stop for job in jobs],
        on_stop=[
            feed.stop,
            partial(stop_all, jobs),
            partial(relay.stop, 1.0),
            denials.stop,
            channel.close,
            database_watch.stop,
            database.close,
            telemetry.shutdown,
            server.close,
        ],
    )


def reconcile(settings: MdmSettings) -> Report:
    """Compare all of the hub's evidence with the audit's. Raises ConcordError."""
    with closing(Database(settings.database)) as database, open_peer(settings.audit, Telemetry.off()) as channel:
        return whole_comparison(SERVICE, OwnEvidence(database), AuditedEvidence(channel, SERVICE))


def retain(settings: MdmSettings) -> Report:
    """Erase what is due, unless another process is elected for it. Raises NotStartedError, ConcordError."""
    sealer = Sealer(KeyRing.from_file(settings.key_file))
    with closing(Database(settings.database)) as database, election(database, expiry.JOB):
        runs = hub_storage(database, sealer, settings.spool_limit).retention.run(settings.retention.periods())
    sums: Row = {
        "service": SERVICE,
        "erased": sum(run.erased for run in runs),
        "stayed": sum(run.stayed for run in runs),
    }
    return Report(sums, [{"record_type": run.record_type, "erased": run.erased, "stayed": run.stayed} for run in runs])
