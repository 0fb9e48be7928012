"""The audit's composition root: the only module that sees all of its layers."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial

from opentelemetry.metrics import Meter

from services.audit.domain.checkpoint import Checkpoint, LogSigner, SignedCheckpoint
from services.audit.domain.cosignature import WitnessKey
from services.audit.domain.signed_note import MalformedKeyError, SignedNote, UnverifiedNoteError
from services.audit.settings import AuditSettings
from services.audit.signing_keys import read_signer
from services.audit.storage import MIGRATIONS
from services.audit.storage.bundle_reader import BundleReader
from services.audit.storage.cosignatures import Cosignatures
from services.audit.storage.leaf_log import MOST_WAITING_LEAVES, LeafLog
from services.audit.storage.leaf_ranges import LeafRanges
from services.audit.storage.leaf_reader import LeafReader
from services.audit.storage.log_depth import log_depth
from services.audit.storage.pruning import JOB, LeafPruning
from services.audit.storage.tree_reader import TreeReader
from services.audit.transport.answering import Answering
from services.audit.transport.audit_service import AuditService
from services.audit.transport.bundle_methods import BundleMethods
from services.audit.transport.completeness import CompletenessMethods
from services.audit.transport.log_methods import LogMethods
from services.audit.transport.observation import Observation
from services.audit.transport.question_log import SERVICE, QuestionLog
from services.audit.transport.question_service import QuestionService
from services.audit.transport.submission import read_leaves
from services.audit.witness_client import WitnessClient, WitnessSettings
from services.audit.witnessing import Witnessing
from services.mesh.configuration import ConfigurationError
from services.mesh.identity.authentication import TokenAuthenticator
from services.mesh.logs import start_logging
from services.mesh.metrics.gauge import NO_METER
from services.mesh.metrics.readings import Readings
from services.mesh.metrics.standing import show_connections, show_elections
from services.mesh.postgres.database import Database
from services.mesh.postgres.elected import Elected, election, scheduled, stop_all
from services.mesh.postgres.schema_revision import SchemaRevision
from services.mesh.process import let_wakers_go_on, serve
from services.mesh.readiness import DatabaseWatch
from services.mesh.records.denial_log import DenialLog
from services.mesh.report import Report
from services.mesh.server import GrpcService, build_server
from services.mesh.telemetry import Telemetry


def audit_services(
    database: Database, signer: LogSigner, telemetry: Telemetry, *, most_waiting_leaves: int = MOST_WAITING_LEAVES
) -> list[GrpcService]:
    """Return every gRPC service of the audit, once every leaf is covered by a checkpoint.

    Raises ConfigurationError for a log of other keys, ConcordError LOG_INCONSISTENT, DEPENDENCY_UNAVAILABLE.
    """
    log, tree = LeafLog(database, signer, most_waiting_leaves=most_waiting_leaves), TreeReader(database)
    _require_own(tree.newest(), signer)
    log.catch_up()
    reader, questions = LeafReader(database), QuestionLog(log)
    answering = Answering(reader, questions)
    observation = Observation(telemetry.tracer, telemetry.meter)
    return [
        AuditService(log, reader, questions, answering, observation).grpc_service(),
        QuestionService(answering).grpc_service(),
        LogMethods(tree, signer.verifiers).service(),
        CompletenessMethods(LeafRanges(database)).service(),
        BundleMethods(tree, BundleReader(database), Cosignatures(database), questions).service(),
    ]


def run(settings: AuditSettings) -> int:
    """Serve the audit until it is told to stop; return the exit code.

    Raises ConfigurationError for keys that are not the log's, ConcordError LOG_INCONSISTENT, LOG_CONTRADICTS_WITNESS,
    DEPENDENCY_UNAVAILABLE.
    """
    if settings.server.own_core:
        let_wakers_go_on()
    start_logging(SERVICE, settings.telemetry.log_level)
    telemetry = Telemetry(settings.telemetry, SERVICE)
    signer = read_signer(settings.log.origin, settings.log.key_file)
    database = Database(settings.database)
    log = LeafLog(database, signer)
    denials = DenialLog(SERVICE, lambda leaves: log.append(read_leaves(leaves)))
    server = build_server(
        audit_services(database, signer, telemetry, most_waiting_leaves=settings.log.most_waiting_leaves),
        settings=settings.server,
        authenticator=TokenAuthenticator(settings.authentication),
        telemetry=telemetry,
        note_denial=denials.note,
    )
    denials.start()
    witnessing = [] if settings.witness is None else [started_witnessing(database, settings.witness, telemetry.meter)]
    pruning = LeafPruning(database, log, settings.retention.evidence)
    readings = Readings(database, telemetry.meter, [log_depth(witnessed=settings.witness is not None)])
    jobs = [*scheduled(database, JOB, pruning.work, interval_s=settings.retention.interval_s), readings.job()]
    show_connections(telemetry.meter, database)
    show_elections(telemetry.meter, {job.name: job.elected for job in jobs})
    database_watch = DatabaseWatch(settings.database, SchemaRevision(MIGRATIONS), server.health.support)
    database_watch.start()
    for job in jobs:
        job.start()
    stop: list[Callable[[], None]] = [
        denials.stop,
        partial(stop_all, jobs),
        *witnessing,
        database_watch.stop,
        database.close,
        telemetry.shutdown,
        server.close,
    ]
    return serve(SERVICE, server, on_signal=[job.ask_to_stop for job in jobs], on_stop=stop)


def retain(settings: AuditSettings) -> Report:
    """Prune what is due, unless another process is elected for it. Raises NotStartedError, ConcordError."""
    signer = read_signer(settings.log.origin, settings.log.key_file)
    with closing(Database(settings.database)) as database, election(database, JOB):
        _require_own(TreeReader(database).newest(), signer)
        pruning = LeafPruning(database, LeafLog(database, signer), settings.retention.evidence)
        while pruning.work():
            pass
    return Report({"service": SERVICE, "pruned": pruning.pruned}, [])


def started_witnessing(database: Database, settings: WitnessSettings, meter: Meter = NO_METER) -> Callable[[], None]:
    """Compare the log with its witness, have its checkpoints cosigned from now on; return what ends that.

    Raises ConfigurationError for a key that is none, ConcordError LOG_CONTRADICTS_WITNESS, DEPENDENCY_UNAVAILABLE.
    """
    try:
        key = WitnessKey.parse(settings.key_file.read_text())
    except (MalformedKeyError, OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"the witness's key file {settings.key_file}: {error}"]) from error
    client = WitnessClient(settings, key)
    witnessing = Witnessing(TreeReader(database), Cosignatures(database), client, meter)
    with ExitStack() as undo:
        undo.callback(client.close)
        witnessing.check()
        undo.pop_all()
    elected = Elected(database, "witnessing", witnessing.work, idle_pause_s=settings.pause.total_seconds())
    elected.start()

    def stop() -> None:
        elected.stop()
        client.close()

    return stop


def _require_own(newest: SignedCheckpoint | None, signer: LogSigner) -> None:
    """Refuse to go on with a log under another name, or one whose auditors could not verify what is signed next."""
    if newest is None:
        return
    try:
        note = SignedNote.parse(newest.note)
        note.signers(signer.verifiers)
        origin = Checkpoint.parse(note.text).origin
    except (ValueError, UnverifiedNoteError) as error:
        told = (
            f"the log's newest checkpoint, of {newest.tree_size} leaves, can't be verified with the key file: {error}"
        )
        raise ConfigurationError([told]) from error
    if origin != signer.origin:
        raise ConfigurationError([f"the database holds the log {origin!r}, not {signer.origin!r}"])
