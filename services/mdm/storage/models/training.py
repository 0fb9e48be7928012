"""The job that trains the models that were ordered, one after the other."""

import logging
from collections.abc import Collection

from sqlalchemy import Connection

from concord.mdm.v1 import match_pb2
from services.mdm.domain.matching.columns.population import population
from services.mdm.domain.matching.learning.training import trained
from services.mdm.domain.matching.learning.weights import Decided, decided, learnt
from services.mdm.domain.matching.model import MatchModel
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.matching.population import Gathered, MatchPopulation
from services.mdm.storage.models import register
from services.mdm.storage.models.match_models import MatchModels
from services.mdm.storage.models.register import Phase
from services.mdm.storage.models.stored_models import StoredModels, matched_type
from services.mdm.storage.registration.registry import Registry
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin

ORIGIN = Origin.system("concord/mdm/training")

_PERMILLE = 1000
_SAME = match_pb2.MatchDecision.KIND_MUST_LINK

_log = logging.getLogger(__name__)


class ModelTraining:
    """Trains models. A training that was cut off begins anew: it changes nothing before its end."""

    def __init__(  # noqa: PLR0913 - what it reads, and where what it finds goes
        self,
        transactions: Transactions,
        registry: Registry,
        stored: StoredModels,
        models: MatchModels,
        population: MatchPopulation,
        decisions: MatchDecisions,
    ) -> None:
        self._transactions = transactions
        self._registry = registry
        self._stored = stored
        self._models = models
        self._population = population
        self._decisions = decisions

    def work(self) -> bool:
        """Train one model that waits; tell whether there was one."""
        name = self._transactions.read(register.in_training)
        if name is None:
            return False
        try:
            model = self._train(name)
        except ConcordError:
            raise
        except Exception as error:  # noqa: BLE001 - what can't be trained now can't be trained by trying again
            _log.exception("training of %s ended without a model", name)
            # What others' errors say may be a record's value; our own say none.
            why = str(error) if isinstance(error, ValueError) else type(error).__name__
            self._transactions.write(lambda connection: self._models.fail(connection, name, why, ORIGIN))
            return True
        self._transactions.write(lambda connection: self._models.finish(connection, name, model, ORIGIN))
        return True

    def _train(self, name: str) -> MatchModel:
        record = self._transactions.read(lambda connection: self._stored.present(self._stored.find(connection, name)))
        record_type = matched_type(record.record_type)
        gathered = Gathered()
        for done, total in self._population.read(record_type, gathered):
            self._tell(name, Phase.PHASE_READING, done, total)
        profiles = gathered.profiles
        self._tell(name, Phase.PHASE_ESTIMATING, 0, len(profiles))
        sides = gathered.sides(self._transactions.read(self._registry.read))
        held = population(list(profiles.values()), sides, list(profiles))
        model, _ = trained(record_type, held)
        known = self._decided(model.record_type, profiles)
        return learnt(model, held, known, record.promise.precision_permille / _PERMILLE)

    def _decided(self, record_type: str, profiles: Collection[str]) -> Decided:
        """Return what stewards decided on pairs of the population."""
        places = {source: place for place, source in enumerate(profiles)}
        found = {}
        for decision in self._decisions.holding(record_type):
            one, other = (places.get(source) for source in decision.source_records)
            if one is not None and other is not None:
                found[one, other] = decision.kind == _SAME
        return decided(found)

    def _tell(self, name: str, phase: Phase.ValueType, done: int, total: int) -> None:
        def tell(connection: Connection) -> None:
            register.tell_progress(connection, name, phase, done, total)

        self._transactions.write(tell)
