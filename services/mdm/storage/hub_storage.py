"""The hub's storage, wired: everything that works on its database."""

from dataclasses import dataclass

import uuid_utils

from concord.mdm.v1.code_map_proposal_pb2 import CodeMapProposal
from concord.mdm.v1.survivorship_pb2 import SurvivorshipProposal
from concord.mdm.v1.tree_pb2 import TreeProposal
from services.mdm.domain.linking import ExactLinker
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.types.account import ACCOUNT
from services.mdm.storage.deciding.payment_changes import PaymentChanges
from services.mdm.storage.deciding.proposals import Proposals
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.matching.matcher import Matcher
from services.mdm.storage.matching.population import MatchPopulation
from services.mdm.storage.matching.search_index import SearchIndex
from services.mdm.storage.matching.voices import Voices
from services.mdm.storage.models.audits import MatchAudits
from services.mdm.storage.models.duplicate_search import DuplicateSearch
from services.mdm.storage.models.match_models import MatchModels
from services.mdm.storage.models.pair_scoring import PairScoring
from services.mdm.storage.models.quality import MatchQuality
from services.mdm.storage.models.stored_models import StoredModels
from services.mdm.storage.models.training import ModelTraining
from services.mdm.storage.models.trial import ModelTrial
from services.mdm.storage.records.families import Families
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.records.source_reader import SourceReader
from services.mdm.storage.records.value_trial import ValueTrial
from services.mdm.storage.reference_data.code_map_proposals import PROPOSALS as MAPS_PROPOSED
from services.mdm.storage.reference_data.code_map_proposals import CodeMapProposals
from services.mdm.storage.reference_data.code_map_trial import CodeMapTrial
from services.mdm.storage.reference_data.code_records import ReferenceData
from services.mdm.storage.reference_data.recoding import Recoding
from services.mdm.storage.reference_data.record_translations import RecordTranslations
from services.mdm.storage.registration.ledgers import Ledgers
from services.mdm.storage.registration.registrations import Registrations
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.rendering import Rendering
from services.mdm.storage.retention.erasure import Erasure
from services.mdm.storage.retention.expiry import Retention
from services.mdm.storage.retention.holds import Holds
from services.mdm.storage.retention.purging import Purging
from services.mdm.storage.stewardship.change_request_records import ChangeRequestRecords
from services.mdm.storage.stewardship.change_requests import ChangeRequests
from services.mdm.storage.stewardship.golden_decisions import Stewardship
from services.mdm.storage.stewardship.match_queue import MatchQueue
from services.mdm.storage.stewardship.merging import Merging
from services.mdm.storage.stewardship.pins import Pins
from services.mdm.storage.survivorship.rebuilding import Rebuilding
from services.mdm.storage.survivorship.reevaluation import Reevaluation
from services.mdm.storage.survivorship.rules import PROPOSALS as RULES_PROPOSED
from services.mdm.storage.survivorship.rules import SurvivorshipRules
from services.mdm.storage.tables.listing import Listing
from services.mdm.storage.trees.forest import Forest
from services.mdm.storage.trees.promotion import Promotion
from services.mdm.storage.trees.proposals import RECORD_TYPE as TREES_PROPOSED
from services.mdm.storage.trees.proposals import TreeProposals
from services.mdm.storage.writing.import_batches import ImportBatches
from services.mdm.storage.writing.importing import Importing
from services.mdm.storage.writing.intake import Intake
from services.mdm.storage.writing.quarantine import Quarantine
from services.mdm.storage.writing.quarantine_reader import QuarantineReader
from services.mdm.storage.writing.rematching import Rematching
from services.mdm.storage.writing.write_path import WritePath
from services.mesh.feed.receipts import Receipts
from services.mesh.postgres.database import Database
from services.mesh.records.sealing import Sealer
from services.mesh.records.spool import SpoolGuard
from services.mesh.records.store import RecordStore

SERVICE = "mdm"
"""The hub's name in the evidence."""


@dataclass(frozen=True)
class HubStorage:
    """All parts that transport calls."""

    transactions: Transactions
    store: RecordStore
    registry: Registry
    reader: GoldenReader
    listing: Listing
    sources: SourceReader
    quarantine: Quarantine
    quarantine_reader: QuarantineReader
    intake: Intake
    importing: Importing
    import_batches: ImportBatches
    stewardship: Stewardship
    registrations: Registrations
    rendering: Rendering
    forest: Forest
    ledgers: Ledgers
    tree_proposals: TreeProposals
    match_decisions: MatchDecisions
    merging: Merging
    match_queue: MatchQueue
    rematching: Rematching
    reference_data: ReferenceData
    code_map_proposals: CodeMapProposals
    record_translations: RecordTranslations
    recoding: Recoding
    stored_models: StoredModels
    match_models: MatchModels
    model_training: ModelTraining
    model_trial: ModelTrial
    pair_scoring: PairScoring
    pins: Pins
    change_request_records: ChangeRequestRecords
    change_requests: ChangeRequests
    rules: SurvivorshipRules
    rebuilding: Rebuilding
    reevaluation: Reevaluation
    match_audits: MatchAudits
    match_quality: MatchQuality
    duplicate_search: DuplicateSearch
    search_index: SearchIndex
    purging: Purging
    holds: Holds
    erasure: Erasure
    retention: Retention


def hub_storage(database: Database, sealer: Sealer, spool_limit: int, receipts: Receipts | None = None) -> HubStorage:
    """Wire the storage over a migrated database; above `spool_limit` unpublished changes mutations are refused.

    Without `receipts`, as where no relay runs, payment-critical changes are made and answered like all others.
    """
    store = RecordStore(SERVICE, sealer)
    stored_models = StoredModels(store)
    registry = Registry(store, stored_models.in_force)
    transactions = Transactions(database, sealer, SpoolGuard(database, spool_limit), PaymentChanges(store, receipts))
    decisions = MatchDecisions(transactions, store)
    matcher = Matcher(Voices(store), decisions.standing)
    path = WritePath(store, registry, {kind.name: ExactLinker(kind) for kind in RECORD_TYPES}, matcher, new_id)
    reader = GoldenReader(store, registry)
    sources = SourceReader(store)
    quarantine = Quarantine(store, new_id)
    intake = Intake(transactions, path, quarantine, registry)
    import_batches = ImportBatches(sealer)
    listing = Listing(sealer)
    ledgers = Ledgers(store, registry, listing)
    laws = {ACCOUNT.name: ledgers.account_violations}
    stewardship = Stewardship(transactions, path, reader, laws)
    forest = Forest(store, listing, registry)
    kept_trees = Proposals(transactions, store, TreeProposal, TREES_PROPOSED, "treeProposals", new_id)
    proposals = TreeProposals(transactions, kept_trees, forest, Promotion(forest, stewardship, path))
    merging = Merging(transactions, path, decisions)
    models = MatchModels(transactions, stored_models)
    population = MatchPopulation(transactions, store)
    pins = Pins(transactions, store, registry, laws, new_id)
    reevaluation = Reevaluation(transactions, store, registry)
    kept_rules = Proposals(transactions, store, SurvivorshipProposal, RULES_PROPOSED, "survivorshipProposals", new_id)
    rules = SurvivorshipRules(store, kept_rules, reevaluation)
    families = Families(store, reader)
    reference_data = ReferenceData(transactions, store)
    kept_maps = Proposals(transactions, store, CodeMapProposal, MAPS_PROPOSED, "codeMapProposals", new_id)
    trial = CodeMapTrial(store, registry, families)
    code_map_proposals = CodeMapProposals(store, registry, kept_maps, reference_data, trial)
    audits = MatchAudits(transactions, store, registry, decisions, new_id)
    request_records = ChangeRequestRecords(store, reader)
    requests = ChangeRequests(transactions, store, request_records, reader, stewardship, new_id)
    holds = Holds(transactions, store, registry, new_id)
    erasure = Erasure(transactions, store, registry)
    return HubStorage(
        transactions=transactions,
        store=store,
        registry=registry,
        reader=reader,
        listing=listing,
        sources=sources,
        quarantine=quarantine,
        quarantine_reader=QuarantineReader(store),
        intake=intake,
        importing=Importing(transactions, intake, import_batches),
        import_batches=import_batches,
        stewardship=stewardship,
        registrations=Registrations(transactions, store, registry),
        rendering=Rendering(
            store,
            reader,
            sources,
            quarantine,
            decisions,
            stored_models,
            pins,
            requests,
            rules,
            audits,
            holds,
            (proposals.kept, rules.kept, code_map_proposals.kept),
        ),
        forest=forest,
        ledgers=ledgers,
        tree_proposals=proposals,
        match_decisions=decisions,
        merging=merging,
        match_queue=MatchQueue(transactions, registry, decisions, merging),
        rematching=Rematching(transactions, path),
        reference_data=reference_data,
        code_map_proposals=code_map_proposals,
        record_translations=RecordTranslations(store, registry, reader),
        recoding=Recoding(transactions, store, registry),
        stored_models=stored_models,
        match_models=models,
        model_training=ModelTraining(transactions, registry, stored_models, models, population, decisions),
        model_trial=ModelTrial(
            transactions, registry, stored_models, population, decisions, ValueTrial(store, registry)
        ),
        pair_scoring=PairScoring(store, stored_models, population),
        pins=pins,
        change_request_records=request_records,
        change_requests=requests,
        rules=rules,
        rebuilding=Rebuilding(transactions, store, registry, reader, families),
        reevaluation=reevaluation,
        match_audits=audits,
        match_quality=MatchQuality(transactions, registry, stored_models, decisions, audits),
        duplicate_search=DuplicateSearch(store, registry),
        search_index=SearchIndex(transactions, store, registry),
        purging=Purging(transactions),
        holds=holds,
        erasure=erasure,
        retention=Retention(transactions, erasure),
    )


def new_id() -> str:
    """Return a time-ordered UUID (RFC 9562, version 7)."""
    return str(uuid_utils.uuid7())
