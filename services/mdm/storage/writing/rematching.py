"""Rematching: what was indexed by an earlier model, or never, is matched by the one in force, piece by piece.

So is what holds tokens under a key that was rotated since: until then an equal RESTRICTED value seems another.

It is ingest's own matching over source records that say nothing new. Each piece is a transaction; where it stands is in
the index itself, so that it goes on after a restart where it stopped.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_index
from services.mdm.storage.matching.matcher import Matcher
from services.mdm.storage.matching.placing import place
from services.mdm.storage.records.appending import append
from services.mdm.storage.records.working_set import WorkingSet
from services.mdm.storage.registration.registry import Landscape
from services.mdm.storage.tables import crosswalk
from services.mdm.storage.writing.write_path import WritePath
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin

_log = logging.getLogger(__name__)

ORIGIN = Origin.system("concord/mdm/matching")

AT_ONCE = 100
"""So many source records a transaction, fewer where what hangs together with them is more than one may change."""

PASSED_OVER_S = 3600.0
"""For so many seconds nobody tries again what one transaction can't change."""

REST_S = 60.0
"""For so many seconds nothing is looked for of a type of which nothing was left."""


class Rematching:
    """Brings links up to date with the models in force."""

    def __init__(self, transactions: Transactions, path: WritePath) -> None:
        self._transactions = transactions
        self._path = path
        self._rests: dict[str, tuple[int, float]] = {}
        self._passed_over: dict[str, float] = {}
        self._sizes: defaultdict[str, int] = defaultdict(lambda: AT_ONCE)
        self._tried: list[str] = []

    def work(self) -> bool:
        """Do the next piece in the hub's own name; tell whether there was one.

        A type of which nothing is left rests for a while: to look for more reads all of its links. What was written by
        somebody who did not know of the model yet is found after that.
        """
        models = self._transactions.read(self._path.registry.read).models
        done = 0
        for name, model in models.items():
            revision, until = self._rests.get(name, (0, 0.0))
            if revision == model.revision and time.monotonic() < until:
                continue
            matched = self._matched(name)
            if not matched:
                self._rests[name] = (model.revision, time.monotonic() + REST_S)
            done += matched
        return done > 0

    def _matched(self, name: str) -> int:
        """Match the next source records of a type; one that can't be matched holds up no other."""
        now, size = time.monotonic(), self._sizes[name]
        self._passed_over = {source: until for source, until in self._passed_over.items() if until > now}
        try:
            done = self._step(name, ORIGIN, size, self._passed_over)
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_TOO_MANY_CHANGES:
                raise
            self._sizes[name] = 1
            return self._pass_over(self._tried)
        self._sizes[name] = min(2 * size, AT_ONCE)
        return done

    def _pass_over(self, tried: Sequence[str]) -> int:
        """Leave source records as they are for a while, with all of their golden records; return how many."""

        def family(connection: Connection) -> set[str]:
            goldens = {crossing.golden for crossing in crosswalk.of_sources(connection, tried).values()}
            found = crosswalk.of_goldens(connection, goldens).values()
            return {crossing.source_record for crossings in found for crossing in crossings} | {*tried}

        left = self._transactions.read(family)
        _log.error(
            "%s hangs together with more than one transaction may change: %d source records are not matched for %g s",
            ", ".join(tried),
            len(left),
            PASSED_OVER_S,
        )
        self._passed_over |= dict.fromkeys(left, time.monotonic() + PASSED_OVER_S)
        return len(left)

    def step(self, origin: Origin, at_once: int = AT_ONCE) -> int:
        """Match the next source records of every type that has a model; return how many. 0 = nothing is left to do."""
        models = self._transactions.read(self._path.registry.read).models
        return sum(self._step(name, origin, at_once) for name in models)

    def _step(self, name: str, origin: Origin, at_once: int, without: Collection[str] = ()) -> int:
        try:
            return self._transactions.write(lambda connection: self._match(connection, name, origin, at_once, without))
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_TOO_MANY_CHANGES or at_once == 1:
                raise
            return self._step(name, origin, at_once // 2, without)

    def _match(self, connection: Connection, name: str, origin: Origin, at_once: int, without: Collection[str]) -> int:
        landscape = self._path.registry.read(connection)
        model, record_type = landscape.models.get(name), record_types.by_name(name)
        if model is None or record_type is None:
            return 0
        Matcher.hold(connection, landscape, [name])
        version = self._path.store.sealer.version
        behind = match_index.behind(connection, name, model.revision, version, at_once, without)
        self._tried = behind
        if behind:
            self._match_again(connection, record_type, landscape, behind, origin)
        return len(behind)

    def _match_again(
        self, connection: Connection, record_type: RecordType, landscape: Landscape, behind: list[str], origin: Origin
    ) -> None:
        path, model = self._path, landscape.models[record_type.name]
        goldens = {crossing.golden for crossing in crosswalk.of_sources(connection, behind).values()}
        records = WorkingSet(connection, path.store)
        records.load(dict.fromkeys(goldens, record_type), (), {})
        changed = {name: path.matcher.voices.of(source, records) for name, source in records.sources.items()}
        crosswalk.put(connection, [s.crossing for s in records.sources.values() if s.crossing != s.crossed])
        evaluation = path.matcher.evaluate(connection, landscape, model, changed)
        if evaluation is not None:
            place(records, record_type, evaluation, path.new_id)
            path.matcher.keep(connection, model, evaluation)
            append(connection, path.store, records, landscape, origin)
