"""One incoming supplier against many golden records: candidates and scores, by the hub's own code and tables.

Each golden record has one source record; what comes in are other clerks' words on some of them. A decision is what
ingest and the check before a create do for a record: profile, block keys, one statement for the candidates, a score for
each. It is timed as a caller waits for it, beside the reading of one row by its primary key over the same connection.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg

from services.mdm.domain.matching.blocking.keys import block_keys
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.matching.scoring.weighing import Weighing
from services.mdm.storage.matching import match_index
from services.mdm.storage.schema import MIGRATIONS
from services.mesh.postgres.database import Database, DatabaseSettings, driver
from services.mesh.postgres.migrations import migrate
from tools.bench.figures import Figure, percentile
from tools.bench.match_rows import fill, model_of, name_of, profile_of, rows_of
from tools.population.contents import content
from tools.population.suppliers import Record, suppliers
from tools.postgres import PostgresServer

DEFAULT_POPULATION = 20_000

_SEED, _ANOTHER_SEED = 1, 2
_SAMPLE = 5_000
_INCOMING, _WARM_UP = 2_000, 200
_PROCESSES = 2
_NAME = "match_one"
_ONE_ROW = "SELECT source_record FROM match_nodes WHERE node = %s"


@dataclass(frozen=True)
class _Decided:
    """One decision: milliseconds as waited for and as computed here, those of one row, and whether it found its own."""

    waited: float
    computed: float
    row: float
    candidate: bool
    best: bool


class MatchOne:
    """Fills a database of its own on a server and measures on it; `progress` is told what has been done."""

    def __init__(self, postgres: PostgresServer, population: int, progress: Callable[[str], None]) -> None:
        self._postgres = postgres
        self._population = population
        self._progress = progress
        self._incoming: list[Record] = []

    def figure(self, name: str) -> Figure:
        """Fill, measure, drop the database."""
        owner, role = f"{_NAME}_owner", _NAME
        for each in (owner, role):
            self._postgres.create_role(each)
        self._postgres.create_database(_NAME, owner=owner)
        try:
            migrate(DatabaseSettings(self._postgres.url(_NAME, owner)), MIGRATIONS, service_role=role)
            model = self._filled(self._postgres.url(_NAME, owner))
            database = Database(DatabaseSettings(self._postgres.url(_NAME, role)))
            try:
                return self._figure(name, list(self._decided(database, model))[_WARM_UP:])
            finally:
                database.close()
        finally:
            self._postgres.drop_database(_NAME)

    def _filled(self, url: str) -> MatchModel:
        model = model_of(list(suppliers(_SAMPLE, _ANOTHER_SEED)))
        self._progress(f"a model is trained on {_SAMPLE:,} other suppliers")
        rows, model = rows_of(self._goldens(), model, _PROCESSES)
        self._progress(f"{self._population:,} suppliers have {len(rows.keys) / len(rows.profiles):.0f} block keys each")
        with psycopg.connect(url, autocommit=True) as connection:
            fill(connection, rows, model)
        self._progress("they are in the match tables")
        return model

    def _goldens(self) -> Iterator[Record]:
        """Give the first record of each supplier; keep the others, which come in later."""
        firsts = 0
        for record in suppliers(2 * self._population, _SEED):
            if not record.key.endswith("-0"):
                self._incoming.append(record)
            elif firsts == self._population:
                return
            else:
                firsts += 1
                yield record

    def _decided(self, database: Database, model: MatchModel) -> Iterator[_Decided]:
        every = max(1, len(self._incoming) // (_INCOMING + _WARM_UP))
        with database.reading() as connection:
            for record in itertools.islice(self._incoming, 0, every * (_INCOMING + _WARM_UP), every):
                message = content(record)
                began, busy = time.perf_counter(), time.process_time()
                profile = profile_of(message)
                keys = block_keys(profile, model)
                (found,) = match_index.candidates(connection, model.record_type, [keys])
                weighing = Weighing(model, profile, model.review_millibits)
                scores = weighing.scores([candidate.stored for candidate in found])
                waited, computed = time.perf_counter() - began, time.process_time() - busy
                again = time.perf_counter()
                driver(connection).execute(_ONE_ROW, (record.thing + 1,), prepare=True).fetchone()
                row = time.perf_counter() - again
                names = [candidate.source_record for candidate in found]
                own = name_of(record.thing)
                weights = {name: score.millibits for name, score in zip(names, scores, strict=True) if score}
                best = bool(weights) and max(weights, key=lambda name: weights[name]) == own
                yield _Decided(waited * 1000, computed * 1000, row * 1000, own in names, best)

    def _figure(self, name: str, decided: Sequence[_Decided]) -> Figure:
        waited = [each.waited for each in decided]
        row = percentile([each.row for each in decided], 0.5)
        p50 = percentile(waited, 0.5)
        also = {
            "p95": percentile(waited, 0.95),
            "p99": percentile(waited, 0.99),
            "computed_p50": percentile([each.computed for each in decided], 0.5),
            "row_p50": row,
            "candidate_recall": sum(each.candidate for each in decided) / len(decided),
            "best_share": sum(each.best for each in decided) / len(decided),
            "population": float(self._population),
        }
        self._progress(
            f"one supplier among {self._population:,}: p50 {p50:.2f} ms, p95 {also['p95']:.2f}, p99 {also['p99']:.2f}, "
            f"of {len(decided):,} the candidates hold {also['candidate_recall']:.4f}; one row {row:.2f} ms"
        )
        return Figure(name, p50, "ms", "one row by its primary key", row / p50, also=also)
